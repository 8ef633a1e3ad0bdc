"""What trials are to use: suggested jointly, or, where that cannot be, parameter by parameter."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.answers import Answers
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.space import Axis, Space, is_rewritten
from qhpo.study import (
    Declaration,
    HistoryReader,
    Left,
    News,
    Recommendation,
    StudyDomain,
    StudyIdentity,
    TrialReads,
    Trials,
    equal_weights,
    fixed_coordinates,
    leave,
    left,
    publish,
    published_params,
    published_values,
    random_weights,
    take,
    union,
)
from qhpo.suggest import QuadraticModel, Suggestion, SuggestionPolicy, design_coordinate

__all__ = ["Suggestions"]

FloatArray = NDArray[np.float64]

_MAX_RIVALS = 100
"""Bound on choosing again because another process has just chosen the same: each time there is one
configuration less that two can meet at."""


@dataclass(frozen=True)
class _Claim:
    """What a trial has published.

    Attributes:
        params: Its joint parameters.
        is_new: Whether they are worth a trial.
        is_proof: If they are not new: whether it is proven that none is left.
    """

    params: dict[str, Any]
    is_new: bool
    is_proof: bool


class Suggestions:
    """Suggestions for trials, each published before any other one can meet it.

    Args:
        declaration: What a user has declared.
        policy: Suggests configurations from histories.
        seed: Seed of everything left to chance.
        n_startup: Trials of the first design.
        avoid_repeats: Whether finished and running trials are not repeated.
        has_design: Whether the first design is a balanced one.
        batch_size: Configurations that come from one fit and one anneal, at least 1.
    """

    def __init__(
        self,
        declaration: Declaration,
        policy: SuggestionPolicy,
        *,
        seed: int,
        n_startup: int,
        avoid_repeats: bool,
        has_design: bool,
        batch_size: int = 1,
    ) -> None:
        self._declaration = declaration
        self._policy = policy
        self._seed = seed
        self._n_startup = n_startup
        self._avoid_repeats = avoid_repeats
        self._has_design = has_design
        self._batch_size = batch_size
        self.reads = TrialReads()
        self.news = News(declaration, n_startup)
        self._study: StudyIdentity | None = None
        self._domain = self._empty(declaration.search_space or {})

    def _empty(self, space: dict[str, BaseDistribution]) -> StudyDomain:
        declared = self._declaration
        return StudyDomain(space, declared.constraints, declared.conditions, declared.search_space)

    @property
    def feasible(self) -> FeasibleSet:
        """What may be suggested, as far as that is known."""
        return self._domain.feasible

    def space(self, trials: Trials) -> dict[str, BaseDistribution]:
        """The parameters of more than one value that are declared, or that trials had."""
        declared = self._declaration
        if declared.constraints:
            space = declared.search_space or {}
            return {name: dist for name, dist in space.items() if not dist.single()}
        return trials.ranges.space(declared.search_space)

    def relative_space(self, trials: Trials) -> dict[str, BaseDistribution]:
        """The parameters whose distributions Optuna will find to be what the objective asks for.

        The others have been published only, and are read where the objective asks for them: choices
        that JSON may have changed, and what is known from trials that were added by hand.
        """
        is_declared = self._declaration.search_space is not None
        uncertain = set() if is_declared else trials.ranges.only_added()
        return {
            name: dist
            for name, dist in self.space(trials).items()
            if name not in uncertain and not is_rewritten(dist)
        }

    def joint(
        self, study: Study, trial: FrozenTrial, trials: Trials, fixed: dict[str, Any]
    ) -> dict[str, Any]:
        """Parameters of a trial, as far as the objective may be taken to ask for them like that.

        Where nothing new is left, nothing: it may ask for more than is known.

        Args:
            study: The study.
            trial: The trial.
            trials: The study's trials.
            fixed: Values that are fixed in advance by parameter name.
        """
        domain = self._updated(study, trials)
        if not len(domain.feasible.space):
            return {}  # nothing is explained: every parameter is on its own
        coordinates = fixed_coordinates(domain.feasible.space, fixed)
        feasible = domain.with_fixed(fixed)
        claim = self._claimed(study, trial, trials, domain, feasible, coordinates, is_expected=True)
        self.news.tell_unread(domain.reader.unread)
        self.news.tell_never_asked(domain, trials)
        self.news.tell_silent(self._policy.silent_sources(domain.feasible.space))
        if not claim.is_new and np.isnan(coordinates).all():
            self.news.note_repeated(trial._trial_id, claim.is_proof)
            # Beyond what is declared nothing is suggested anyway.
            is_all = self._declaration.search_space is not None and not domain.is_narrowed
            return claim.params if is_all else {}
        return claim.params

    def asked(self, study: Study, trial: FrozenTrial, trials: Trials, axis: Axis) -> dict[str, Any]:
        """The value of a parameter of the joint model, in the range that the objective asks for.

        It is what was published, if that was made for this range. Otherwise it is chosen again,
        beside the rest of the trial as it is.

        Args:
            study: The study.
            trial: The trial.
            trials: The study's trials.
            axis: The parameter as it is asked for.

        Returns:
            The value by the name; empty where the joint model does not have the parameter.
        """
        name, dist = axis.name, axis.distribution
        domain = self._updated(study, trials)
        known = domain.search_space.get(name)
        if known is None or union(known, dist) is None:
            return {}
        published = published_values(trial, {name: dist})
        if published and domain.expects(name, dist):
            return published
        if self._declaration.constraints:
            return {}  # a range that was declared is not another one
        domain = domain.holding({**trial.distributions, name: dist}, trials)
        if name not in domain.feasible.space.search_space:
            return {}
        rest = {n: v for n, v in published_params(trial, domain.search_space).items() if n != name}
        coordinates = fixed_coordinates(domain.feasible.space, rest)
        try:
            found = self._asked_value(study, trial, trials, domain, coordinates, axis)
        except QhpoError:
            return {}  # what was learnt is wrong
        return {name: found} if axis.contains(found) else {}

    def _asked_value(
        self,
        study: Study,
        trial: FrozenTrial,
        trials: Trials,
        domain: StudyDomain,
        coordinates: FloatArray,
        axis: Axis,
    ) -> Any:
        """The design's value, unless the trial would be a repeat with it, or the model's."""
        feasible = domain.with_asked(axis.name, axis.distribution)
        place = [a.name for a in feasible.space.axes].index(axis.name)
        known = feasible.space.axes[place]
        designed = coordinates.copy()
        if trial.number < self._n_startup and self._has_design:
            designed[place] = known.coordinate(self._designed(axis, trial.number))
        claim = self._claimed(study, trial, trials, domain, feasible, designed)
        if not claim.is_new:
            claim = self._claimed(study, trial, trials, domain, feasible, coordinates)
        if claim.is_new:
            self.news.note_new(trial._trial_id)
        value = claim.params[axis.name]
        if isinstance(axis.distribution, (FloatDistribution, IntDistribution)):
            # The scale of the joint model may round an end.
            return min(max(value, axis.distribution.low), axis.distribution.high)
        return axis.value(known.coordinate(value))

    def alone(self, study: Study, trial: FrozenTrial, trials: Trials, axis: Axis) -> Any:
        """A value of a parameter that no joint model has: from a model of its own."""
        if trial.number < self._n_startup and self._has_design:
            return self._designed(axis, trial.number)
        space = Space({axis.name: axis.distribution})
        history = HistoryReader(space).history(trials, trial, self._weights(study, trial.number))
        if history.n_tried < max(self._n_startup, 1):
            return axis.value(axis.draw(self.chance(trial, axis.name)))
        # What else differs between trials makes the same value worth another.
        nothing = history.avoid[:0]
        history = replace(history, pending=nothing, avoid=nothing, begun=(), answers=Answers(space))
        free = np.full(1, np.nan)
        rng = self.chance(trial, axis.name)
        chosen = self._policy.suggest(FeasibleSet(space), history, free, trial.number, rng)
        return axis.value(float(chosen.coordinates[0]))

    def recommended(self, study: Study, trials: Trials) -> list[Recommendation]:
        """The evaluated configurations that no other one dominates by posterior means.

        Of one objective that is the one of least posterior mean.

        Raises:
            QhpoError: If the study has no complete trial that the model can read and that kept the
                declared constraints and those that it measured.
        """
        domain = self._updated(study, trials)
        complete, x = domain.reader.complete(trials)
        n = len(study.directions)
        # Even weights: every objective has a surrogate of its own, and the sum is not asked for.
        history = domain.reader.history(trials, None, equal_weights(n))
        front = self._policy.front(domain.feasible, history, x) if complete else []
        if not front:
            raise QhpoError(
                "a recommendation needs a complete trial with parameters of the search space, "
                "which kept the declared constraints and those that it measured; got a study with "
                f"none among {len(trials.all)} trials; run some first"
            )
        recommendations = []
        for one in front:
            # Trials with this configuration, all of which are expected to be worth the same.
            same = [
                trial
                for trial, row in zip(complete, x, strict=True)
                if np.array_equal(row, x[one.chosen], equal_nan=True)
            ]
            luckiest = min(same, key=lambda trial: trials.signed(trial.values))
            values = trials.signed(one.values)
            recommendations.append(Recommendation(luckiest, tuple(values), one.deviations))
        return recommendations

    def model(self, study: Study, trials: Trials) -> QuadraticModel:
        """What the next suggestion is annealed from.

        Raises:
            QhpoError: If the study has no trial with a value and a parameter to choose.
        """
        domain = self._updated(study, trials)
        weights = self._weights(study, len(trials.all))
        history = domain.reader.history(trials, None, weights, domain.is_always)
        if not len(history.values) or not len(domain.feasible.space):
            raise QhpoError(
                "a model needs a trial with a value, and a parameter of more than one; got a study "
                f"with none among {len(trials.all)} trials; run some first"
            )
        return self._policy.model(domain.feasible, history)

    def chance(self, trial: FrozenTrial, name: str) -> np.random.Generator:
        """Random numbers for one parameter of a trial."""
        return np.random.default_rng([self._seed, trial.number, zlib.crc32(name.encode())])

    def _designed(self, axis: Axis, number: int) -> Any:
        return axis.value(design_coordinate(axis, number, self._n_startup, self._seed))

    def _claimed(
        self,
        study: Study,
        trial: FrozenTrial,
        trials: Trials,
        domain: StudyDomain,
        feasible: FeasibleSet,
        coordinates: FloatArray,
        *,
        is_expected: bool = False,
    ) -> _Claim:
        """Joint parameters that agree with coordinates fixed in advance, published.

        Args:
            study: The study.
            trial: The trial.
            trials: The study's trials.
            domain: What is suggested jointly.
            feasible: Its feasible set, narrowed by what is known of the trial.
            coordinates: Fixed in advance, shape (d,); NaN where free.
            is_expected: Whether what the objective asks for is not known yet, only expected.
        """
        space = feasible.space
        rng = np.random.default_rng([self._seed, trial.number])
        weights = self._weights(study, trial.number)
        claim = _Claim({}, is_new=False, is_proof=False)
        n = self._batch_size if is_expected and np.isnan(coordinates).all() else 1
        for _ in range(_MAX_RIVALS):
            history = domain.reader.history(trials, trial, weights, domain.is_always)
            if not self._avoid_repeats:
                history = replace(history, avoid=history.avoid[:0])
            if not self._avoid_repeats or not is_expected:
                history = replace(history, answers=Answers(space))
            taken = self._left(trials, trial, domain, feasible, history) if n > 1 else None
            if taken is not None:
                chosen, rest = taken[1], []
            else:
                chosen, *rest = self._policy.suggest_batch(
                    feasible, history, coordinates, trial.number, n, rng
                )
            is_new = chosen.is_new
            if not is_new and len(space) < len(domain.search_space):
                # Trials with the same joint parameters still differ if another parameter, suggested
                # on its own, differs. Only those that have no such parameter are to be avoided.
                history = replace(history, avoid=domain.avoid_alone(trials, trial))
                chosen = self._policy.suggest(feasible, history, coordinates, trial.number, rng)
            is_proof = chosen.is_proof
            if not chosen.is_new:
                # What has no value yet goes before what would only be repeated.
                history = replace(history, avoid=domain.reader.done(trials))
                chosen = self._policy.suggest(feasible, history, coordinates, trial.number, rng)
            params = space.decode(chosen.coordinates)
            claim = _Claim(params, chosen.is_new, is_proof)
            publish(study, trial, _internal(space, chosen.coordinates))
            if taken is not None:
                take(study, trial, taken[0])
            if rest:
                leave(study, trial, [_internal(space, one.coordinates) for one in rest])
            # Another process may have chosen the same at the same time, and may even be done with
            # it. Whoever publishes last sees the other's choice here and chooses again.
            later = self.reads.since(study, trial)
            if later is None or not is_new or not self._avoid_repeats:
                break
            avoid = {space.key(x) for x in domain.reader.avoid(later, trial)}
            if space.key(chosen.coordinates) not in avoid:
                break
            trials = later
        return claim

    def _left(
        self,
        trials: Trials,
        trial: FrozenTrial,
        domain: StudyDomain,
        feasible: FeasibleSet,
        history: History,
    ) -> tuple[Left, Suggestion] | None:
        """What is left of a batch and is still worth a trial, as far as is known by now."""
        if history.begun:
            return None  # that comes first
        space = feasible.space
        avoid = {space.key(x) for x in history.avoid}
        for one in left(trials, trial.number, self._batch_size):
            x = domain.reader.configuration(one.params)
            if x is None or space.key(x) in avoid or history.answers.contradict(x):
                continue
            if feasible.is_whole(x) and feasible.satisfied(x):
                return one, Suggestion(x, is_new=True)
        return None

    def _weights(self, study: Study, number: int) -> FloatArray | None:
        """Of several objectives, what the trial of that number makes of them."""
        n = len(study.directions)
        if n == 1:
            return None
        return random_weights(n, np.random.default_rng([self._seed, number, n, 0]))

    def _updated(self, study: Study, trials: Trials) -> StudyDomain:
        """The domain of the study's suggestions, as far as its trials tell."""
        space = self._declaration.search_space or {}
        if not self._declaration.constraints:
            space = trials.ranges.space(self._declaration.search_space)
        if self._study is None or not self._study.is_of(study):
            self._study = StudyIdentity(study)
            self.news.forget()
            self._domain = self._empty(space)
        elif space != self._domain.search_space:
            self._domain = self._domain.with_space(space)
        self._domain.update(trials)
        return self._domain


def _internal(space: Space, coordinates: FloatArray) -> dict[str, float]:
    """Optuna's internal representation of a configuration."""
    params = space.decode(coordinates)
    return {k: space.search_space[k].to_internal_repr(v) for k, v in params.items()}
