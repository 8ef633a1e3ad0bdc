"""QUBOSampler: the annealed pairwise model as an Optuna sampler."""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.solvers import Budget, MeteredSolver, Solver, make_solver
from qhpo.space import Axis, Space, are_same_choices, is_rewritten
from qhpo.study import (
    ConstraintsFunc,
    Declaration,
    HistoryReader,
    Recommendation,
    StudyDomain,
    StudyIdentity,
    TrialReads,
    Trials,
    begin,
    ends_by_interrupt,
    fail,
    fixed_coordinates,
    fixed_params,
    measure,
    metered,
    note_failure,
    publish,
    published_params,
    published_values,
    random_weights,
    restore_fixed,
)
from qhpo.suggest import Settings, SuggestionPolicy, design_coordinate
from qhpo.threads import single_threaded

__all__ = ["QUBOSampler"]

FloatArray = NDArray[np.float64]

_MAX_RIVALS = 100
"""Bound on choosing again because another process has just chosen the same: each time there is one
configuration less that two can meet at."""

_logger = logging.getLogger("qhpo")


class QUBOSampler(BaseSampler):
    """Suggests configurations by annealing a pairwise model of the trials' values.

    A Gaussian process with main effects and interactions is fitted to the finished trials. Its
    first two orders are a quadratic model over one-hot levels, which a solver anneals for
    candidates; local search, off-grid polish and expected improvement under the whole model choose
    among them. Every suggestion keeps the constraints, and no finished or running trial is repeated
    while the space holds another configuration; one that was cut off is done again first. Which
    parameters exist under which values of others is learnt from the finished trials, so that
    conditional spaces are one model. Constraints that only running a trial tells
    (``trial.set_constraint``: kept where at most 0) are learnt as well, and so is where trials fail
    or return NaN; configurations likely to keep clear of both are preferred. In a study of several
    objectives every trial weighs them anew:
    together they spread over the Pareto front.

    The same seed and the same trials in the storage give the same suggestion, in any process.

    Example:
        >>> import optuna
        >>> from qhpo import QUBOSampler
        >>> study = optuna.create_study(sampler=QUBOSampler(seed=0))
        >>> study.optimize(lambda trial: trial.suggest_int("x", 0, 9) ** 2, n_trials=10)
        >>> study.best_params
        {'x': 0}

    Args:
        search_space: Optuna distributions by parameter name. If None, the parameters that finished
            trials had are suggested jointly, and others at random.
        constraints: What every trial must keep; see `qhpo.constraints`. Needs ``search_space``.
        conditions: Which parameters exist only under some values of others, such as
            ``{"units_3": {"n_layers": [3, 4]}}``; of several parents all must have one of theirs.
            Needs ``search_space``. What is not declared is learnt.
        seed: Seed of everything left to chance. None draws one.
        solver: Name of a registered solver (see `qhpo solvers`), any `dimod.Sampler`, or what
            `qhpo.solvers.make_solver` makes with options of its own.
        surrogate: Model of the trials' values: ``"anova-gp"``, or ``"horseshoe"``, the regression
            of BOCS, for effects of few levels and pairs: on 15 tables its mean normalized regret
            after 100 trials was 0.024, that of the default 0.019.
        encoding: How the model becomes binary: ``"one-hot"`` or ``"domain-wall"``.
            None for what suits the solver.
        qpu_seconds: QPU access time that the study may spend, all runs and processes together.
        max_calls: Calls of the solver that the study may spend. Where a budget is spent, or the
            solver fails, neal takes over, and the log says so once.
        n_startup_trials: Trials of the first, balanced design, before the model is used.
        avoid_repeats: Whether finished and running trials are not repeated. Turn it off where the
            same configuration has another value the next time.
        constraints_func: As Optuna's samplers take it: makes the measured constraints of a trial
            that has ended. Better call ``trial.set_constraint`` in the objective.

    Raises:
        QhpoError: If an argument is not of the form above, a constraint does not fit the search
            space, or no configuration keeps all constraints.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        *,
        constraints: Iterable[Constraint] = (),
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        seed: int | None = None,
        solver: str | dimod.Sampler | Solver = "neal",
        surrogate: str = "anova-gp",
        encoding: str | None = None,
        qpu_seconds: float | None = None,
        max_calls: int | None = None,
        n_startup_trials: int = 10,
        avoid_repeats: bool = True,
        constraints_func: ConstraintsFunc | None = None,
        _settings: Settings | None = None,
    ) -> None:
        _check_whole("n_startup_trials", n_startup_trials)
        if seed is not None:
            _check_whole("seed", seed)
        self._declaration = Declaration.checked(search_space, constraints, conditions)
        # A drawn seed is kept below 2^32, so that it can be written down and given again.
        self._seed = int(np.random.SeedSequence().generate_state(1)[0] if seed is None else seed)
        self._n_startup = n_startup_trials
        self._avoid_repeats = avoid_repeats
        self._constraints_func = constraints_func
        self._settings = replace(_settings or Settings(), surrogate=surrogate)
        self._solver = MeteredSolver(
            make_solver(solver, encoding=encoding),
            make_solver("neal"),
            Budget(qpu_seconds, max_calls),
        )
        self._policy = SuggestionPolicy(self._solver, n_startup_trials, self._seed, self._settings)
        self._forget()
        if self._declaration.constraints:
            feasible = self._domain.feasible
            nothing = np.full(len(feasible.space), np.nan)
            found = feasible.find(nothing, np.random.default_rng(self._seed))
            if found.coordinates is None:
                message = feasible.conflict(nothing, found.is_proof)
                if found.is_proof:
                    raise QhpoError(message)
                # A trial of the study may show one.
                _logger.warning(message)

    def _forget(self) -> None:
        """Everything that helps, and that a study tells again."""
        declared = self._declaration
        self._lock = threading.RLock()
        self._reads = TrialReads()
        self._study: StudyIdentity | None = None
        self._domain = StudyDomain(
            declared.search_space or {}, declared.constraints, declared.conditions
        )
        self._told: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # These remember trials of a storage, and functions by identifiers of this process.
        remembered = ("_lock", "_reads", "_study", "_domain")
        return {k: v for k, v in self.__dict__.items() if k not in remembered}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Does nothing: each trial has random numbers of its own, made from seed and number."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        # What JSON may have changed is not what the objective will ask with: see `_is_rewritten`.
        space = self._space(study, trial)
        return {name: dist for name, dist in space.items() if not is_rewritten(dist)}

    def _space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters of more than one value that are declared, or that trials had."""
        space = self._declaration.search_space
        if space is None:
            with self._lock:
                space = self._reads.for_trial(study, trial).search_space
        return {name: dist for name, dist in space.items() if not dist.single()}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        begin(study, trial)
        restore_fixed(trial, self._declaration.search_space or {})
        # A trial that is fixed in advance asks for nothing: this is the only place to check it.
        fixed = fixed_params(study, trial, self)
        declared = self._declaration
        if not declared.constraints or not fixed:
            return
        with self._lock:
            space = Space(declared.search_space or {})
            try:
                coordinates = fixed_coordinates(space, fixed, is_strict=True)
                feasible = FeasibleSet(space, declared.constraints, declared.conditions)
                found = feasible.find(
                    coordinates, np.random.default_rng([self._seed, trial.number])
                )
                # What was only not found may be beside a trial of the study.
                if found.coordinates is None and found.is_proof:
                    raise QhpoError(feasible.conflict(coordinates, is_proof=True))
            except QhpoError:
                fail(study, trial)
                raise

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        declared = self._declaration
        measure(self._constraints_func, study, trial, state)
        if state == TrialState.FAIL and not ends_by_interrupt():
            note_failure(study, trial)
        elif state == TrialState.COMPLETE:
            declared.check(trial.number, trial.params)
            declared.check_asked(trial)
            if not declared.is_asked(trial.params):
                declared.check_any(trial, Trials(study).all)
        elif state == TrialState.PRUNED:
            # It may not have come to asking for everything that was suggested.
            known = published_params(trial, declared.search_space or {})
            declared.check(trial.number, known)
            declared.check_asked(trial)

    def recommend(self, study: Study) -> Recommendation:
        """The evaluated configuration of least posterior mean, with what is expected of it.

        Where values are noisy, the luckiest trial (``study.best_trial``) is rarely the best one.

        Raises:
            QhpoError: If the study has several objectives, or no complete trial that the model can
                read and that kept the constraints that it measured.
        """
        if len(study.directions) > 1:
            raise QhpoError(
                "a recommendation needs a study of one objective; got "
                f"{len(study.directions)}; study.best_trials are those that none beats"
            )
        with self._lock, single_threaded():
            trials = Trials(study)
            domain = self._updated(study, trials)
            complete, x = domain.reader.complete(trials)
            if not complete:
                raise QhpoError(
                    "a recommendation needs a complete trial with parameters of the search space, "
                    "which kept the constraints that it measured; got a study with none among "
                    f"{len(trials.all)} trials; run some first"
                )
            history = domain.reader.history(trials, None)
            best = self._policy.best(domain.feasible, history, x)
        # Of trials with this configuration, all of which are expected to be worth the same.
        same = [
            t
            for t, row in zip(complete, x, strict=True)
            if np.array_equal(row, x[best.chosen], equal_nan=True)
        ]
        luckiest = min(same, key=lambda trial: trials.signs[0] * trial.values[0])
        return Recommendation(luckiest, trials.signs[0] * best.value, best.deviation)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space and not any(map(is_rewritten, self._space(study, trial).values())):
            return {}
        try:
            with self._suggesting(study, trial) as trials:
                params = self._joint_params(study, trial, trials)
        except QhpoError:
            fail(study, trial)
            raise
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        if self._is_rewritten(study, trial, param_name, param_distribution):
            chosen = published_values(trial, {param_name: param_distribution})
            if chosen:
                return chosen[param_name]
        axis = Axis.from_distribution(param_name, param_distribution)
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        if self._declaration.constraints:
            known = published_params(trial, self._declaration.search_space or {})
            return self._declaration.value_beside(axis, known, rng)
        if trial.number < self._n_startup and self._settings.balanced_design:
            return axis.value(design_coordinate(axis, trial.number, self._n_startup, self._seed))
        if param_distribution.single():
            return axis.value(float(axis.coordinates[0]))
        with self._suggesting(study, trial) as trials:
            return axis.value(self._alone(study, trial, trials, axis, rng))

    def _is_rewritten(
        self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution
    ) -> bool:
        """Whether the study knows the parameter with choices as JSON has given them back.

        Optuna would refuse these: lists and the tuples that they were are different to it. So the
        joint suggestion has only been published, by index, and is read with the true choices here.
        """
        if not isinstance(distribution, CategoricalDistribution):
            return False
        known = self._space(study, trial).get(name)
        return known is not None and is_rewritten(known) and are_same_choices(known, distribution)

    @contextmanager
    def _suggesting(self, study: Study, trial: FrozenTrial) -> Iterator[Trials]:
        """What a suggestion is made within: the study's trials, read once."""
        with self._lock, single_threaded():
            trials = self._reads.for_trial(study, trial)
            with metered(self._solver, study, trial, trials):
                yield trials

    def _alone(
        self,
        study: Study,
        trial: FrozenTrial,
        trials: Trials,
        axis: Axis,
        rng: np.random.Generator,
    ) -> float:
        """A coordinate of a parameter that no joint model has: from a model of its own."""
        space = Space({axis.name: axis.distribution})
        history = HistoryReader(space).history(trials, trial, self._weights(study, trial))
        if history.n_tried < max(self._n_startup, 1):
            return axis.draw(rng)
        # What else differs between trials makes the same value worth another.
        history = replace(history, pending=history.pending[:0], avoid=history.avoid[:0], begun=())
        free = np.full(1, np.nan)
        chosen = self._policy.suggest(FeasibleSet(space), history, free, trial.number, rng)
        return float(chosen.coordinates[0])

    def _joint_params(self, study: Study, trial: FrozenTrial, trials: Trials) -> dict[str, Any]:
        """Parameters of a trial, published before any other suggestion can meet them."""
        domain = self._updated(study, trials)
        space = domain.feasible.space
        if not len(space):
            return {}  # nothing is explained: every parameter is on its own
        fixed = fixed_params(study, trial, self)
        coordinates = fixed_coordinates(space, fixed)
        feasible = domain.with_fixed(fixed)
        rng = np.random.default_rng([self._seed, trial.number])
        weights = self._weights(study, trial)
        params: dict[str, Any] = {}
        for _ in range(_MAX_RIVALS):
            history = domain.reader.history(trials, trial, weights)
            if not self._avoid_repeats:
                history = replace(history, avoid=history.avoid[:0])
            chosen = self._policy.suggest(feasible, history, coordinates, trial.number, rng)
            is_new = chosen.is_new
            if not is_new and len(space) < len(domain.search_space):
                # Trials with the same joint parameters still differ if another parameter, suggested
                # on its own, differs. Only those that have no such parameter are to be avoided.
                history = replace(history, avoid=domain.avoid_alone(trials, trial))
                chosen = self._policy.suggest(feasible, history, coordinates, trial.number, rng)
            if not chosen.is_new:
                # What has no value yet goes before what would only be repeated.
                history = replace(history, avoid=domain.reader.done(trials))
                is_proof = chosen.is_proof
                chosen = self._policy.suggest(feasible, history, coordinates, trial.number, rng)
                if not chosen.is_new and np.isnan(coordinates).all():
                    self._tell_exhausted(is_proof)
            params = space.decode(chosen.coordinates)
            publish(
                study,
                trial,
                {k: space.search_space[k].to_internal_repr(v) for k, v in params.items()},
            )
            # Another process may have chosen the same at the same time, and may even be done with
            # it. Whoever publishes last sees the other's choice here and chooses again.
            later = self._reads.since(study, trial)
            if later is None or not is_new or not self._avoid_repeats:
                break
            avoid = {space.key(x) for x in domain.reader.avoid(later, trial)}
            if space.key(chosen.coordinates) not in avoid:
                break
            trials = later
        self._tell_unread(domain.reader.unread)
        self._tell_never_asked(domain, trials)
        return params

    def _weights(self, study: Study, trial: FrozenTrial) -> FloatArray | None:
        """Of several objectives, what this trial makes of them."""
        n = len(study.directions)
        if n == 1:
            return None
        return random_weights(n, np.random.default_rng([self._seed, trial.number, n, 0]))

    def _updated(self, study: Study, trials: Trials) -> StudyDomain:
        """The domain of the study's suggestions, as far as its trials tell."""
        declared = self._declaration
        space = trials.search_space if declared.search_space is None else declared.search_space
        if self._study is None or not self._study.is_of(study):
            self._study = StudyIdentity(study)
            self._told.clear()
            self._domain = StudyDomain(space, declared.constraints, declared.conditions)
        elif space != self._domain.search_space:
            self._domain = self._domain.with_space(space)
        self._domain.update(trials)
        return self._domain

    def _tell_exhausted(self, is_proof: bool) -> None:
        """Warns that all has been tried, or that nothing else was found."""
        keeping = " that keeps the constraints" if self._declaration.constraints else ""
        self._warn(
            f"every configuration of the search space{keeping} has been tried; "
            "from here on the best ones are suggested again"
            if is_proof
            else f"no configuration of the search space{keeping} was found that has not been "
            "tried, within the budget of the search; one of the best is suggested again"
        )

    def _tell_unread(self, unread: Mapping[str, str]) -> None:
        """Warns of parameters that keep trials from being learnt from."""
        for name, reason in unread.items():
            self._warn(
                f"trials whose parameter {name!r} is not in the search space are left out: "
                f"{reason}; declare what trials ask for",
                name,
            )

    def _tell_never_asked(self, domain: StudyDomain, trials: Trials) -> None:
        """Warns of declared parameters that no trial of the first design has asked for."""
        complete = [t for t in trials.finished if t.state == TrialState.COMPLETE]
        if self._declaration.search_space is None or len(complete) < max(self._n_startup, 1):
            return
        # What trials have had is modelled jointly, unless nothing explains when they have it.
        children = {condition.child for condition in self._declaration.conditions}
        alone = set(domain.search_space).difference(domain.feasible.space.search_space, children)
        for name in sorted(alone):
            if not any(name in trial.params for trial in complete):
                self._warn(
                    f"none of {len(complete)} trials has asked for the declared parameter "
                    f"{name!r}; if the objective never does, leave it out of search_space",
                    f"never asked: {name}",
                )

    def _warn(self, text: str, subject: str = "") -> None:
        """Logs a warning, once a study and subject."""
        if (subject or text) not in self._told:
            self._told.add(subject or text)
            _logger.warning(text)


def _check_whole(name: str, value: object) -> None:
    if not isinstance(value, (int, np.integer)) or value < 0:
        raise QhpoError(f"{name} must be a whole number, 0 or more; got {value!r}")
