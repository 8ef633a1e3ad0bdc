"""QUBOSampler: the annealed pairwise model as an Optuna sampler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.joint import Suggestions
from qhpo.solvers import Budget, MeteredSolver, Solver, make_solver
from qhpo.space import Axis, Space
from qhpo.study import (
    ConstraintsFunc,
    Declaration,
    Recommendation,
    StudyIdentity,
    Trials,
    begin,
    declared_as_text,
    earlier_studies,
    ends_by_itself,
    fail,
    fixed_coordinates,
    fixed_params,
    measure,
    metered,
    note_failure,
    published_params,
    remember,
    restore_fixed,
)
from qhpo.suggest import QuadraticModel, Settings, SuggestionPolicy
from qhpo.surrogate.sources import BelievedGood, Sources
from qhpo.threads import single_threaded

__all__ = ["QUBOSampler"]

_logger = logging.getLogger("qhpo")

FloatArray = NDArray[np.float64]


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
    objectives each has a model of its own, and a trial is worth the hypervolume that it is expected
    to add to the Pareto front.

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
            ``{"units_3": {"n_layers": [3, 4]}}``, or within limits of a number, `qhpo.Between`; of
            several parents all must have one of theirs. Needs ``search_space``. What is not
            declared is learnt.
        seed: Seed of everything left to chance. None draws one.
        solver: Name of a registered solver (see `qhpo solvers`), any `dimod.Sampler`, or what
            `qhpo.solvers.make_solver` makes with options of its own.
        surrogate: Model of the trials' values: ``"anova-gp"``, or ``"horseshoe"``, the regression
            of BOCS, for effects of few levels and pairs.
        encoding: How the model becomes binary: ``"one-hot"`` or ``"domain-wall"``.
            None for what suits the solver.
        qpu_seconds: QPU access time that the study may spend, all runs and processes together.
        max_calls: Calls of the solver that the study may spend. Where a budget is spent, or the
            solver fails, neal takes over, and the log says so once.
        n_startup_trials: Trials of the first, balanced design, before the model is used.
        batch_size: Configurations that come from one fit and one anneal, each chosen as if those
            before it were running. The trials that follow get them, in this process and in others,
            without what ended in between: for as many workers, or where an anneal is dear.
        avoid_repeats: Whether finished and running trials are not repeated. Turn it off where the
            same configuration has another value the next time.
        noisy: Whether the same configuration has another value the next time. None: learnt from the
            trials, none of which is repeated for it. True: promising configurations are evaluated
            again where one more value tells more than another configuration would. False: the
            values are exact. See `recommend` for what comes of a noisy study.
        prior_studies: Finished studies of the same or an overlapping search space and of as many
            objectives: of another data set, another version of the program, other ranges.
            Parameters are matched by name, values by what they are, objectives by their order. What
            these studies' models expect is the mean of this one's from the first trial on. Each has
            a weight, of every objective, that the values decide: one that misleads loses it. They
            are read once, when the sampler is made.
        believed_good: What a person believes to be good, ``{"lr": 1e-3, "optimizer": "adam"}``, or
            a list of such. It may name some parameters only, and is weighted like a prior study.
        constraints_func: As Optuna's samplers take it: makes the measured constraints of a trial
            that has ended. With Optuna 5 better call ``trial.set_constraint`` in the objective.

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
        batch_size: int = 1,
        avoid_repeats: bool = True,
        noisy: bool | None = None,
        prior_studies: Sequence[Study] = (),
        believed_good: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        constraints_func: ConstraintsFunc | None = None,
        _settings: Settings | None = None,
        _is_remembered: bool = True,
    ) -> None:
        _check_whole("n_startup_trials", n_startup_trials)
        _check_whole("batch_size", batch_size, least=1)
        if seed is not None:
            _check_whole("seed", seed)
        if noisy not in (None, True, False):
            raise QhpoError(
                "noisy must be True (values are noisy), False (they are exact) or None (unknown); "
                f"got {noisy!r}"
            )
        self._declaration = Declaration.checked(search_space, constraints, conditions)
        self._is_remembered = _is_remembered
        # A drawn seed is kept below 2^32, so that it can be written down and given again.
        self._seed = int(np.random.SeedSequence().generate_state(1)[0] if seed is None else seed)
        self._n_startup = n_startup_trials
        self._batch_size = batch_size
        self._avoid_repeats = avoid_repeats and noisy is not True
        self._constraints_func = constraints_func
        settings = replace(_settings or Settings(), surrogate=surrogate, noisy=noisy)
        self._settings = replace(settings, sources=self._known_before(prior_studies, believed_good))
        self._solver = MeteredSolver(
            make_solver(solver, encoding=encoding),
            make_solver("neal"),
            Budget(qpu_seconds, max_calls),
        )
        self._policy = SuggestionPolicy(self._solver, n_startup_trials, self._seed, self._settings)
        self._forget()
        if self._declaration.constraints:
            feasible = self._suggestions.feasible
            nothing = np.full(len(feasible.space), np.nan)
            found = feasible.find(nothing, np.random.default_rng(self._seed))
            if found.coordinates is None:
                message = feasible.conflict(nothing, found.is_proof)
                if found.is_proof:
                    raise QhpoError(message)
                # A trial of the study may show one.
                _logger.warning(message)

    def _known_before(
        self,
        prior_studies: Sequence[Study],
        believed_good: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    ) -> Sources | None:
        """What was known before the study, checked."""
        named = earlier_studies(prior_studies)
        if believed_good is not None:
            good = BelievedGood(believed_good, self._declaration.search_space)
            named.append(("what is believed to be good", good))
        return Sources(named) if named else None

    def _forget(self) -> None:
        """Everything that helps, and that a study tells again."""
        self._lock = threading.RLock()
        self._told: StudyIdentity | None = None
        self._suggestions = Suggestions(
            self._declaration,
            self._policy,
            seed=self._seed,
            n_startup=self._n_startup,
            avoid_repeats=self._avoid_repeats,
            has_design=self._settings.balanced_design,
            batch_size=self._batch_size,
        )

    def __getstate__(self) -> dict[str, Any]:
        # These remember trials of a storage, and functions by identifiers of this process.
        remembered = ("_lock", "_suggestions", "_told")
        return {k: v for k, v in self.__dict__.items() if k not in remembered}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Does nothing: each trial has random numbers of its own, made from seed and number."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        with self._lock:
            return self._suggestions.relative_space(self._suggestions.reads.for_trial(study, trial))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        begin(study, trial)
        if self._settings.sources is not None:
            try:
                self._settings.sources.check(len(study.directions))
            except QhpoError:
                fail(study, trial)
                raise
        self._tell_declared(study)
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

    def _tell_declared(self, study: Study) -> None:
        """Leaves in the study what was declared, for commands that only read it."""
        with self._lock:
            if not self._is_remembered or (self._told is not None and self._told.is_of(study)):
                return
            self._told = StudyIdentity(study)
            declared = declared_as_text(self._declaration)
            # A sampler without a declaration says nothing of one that had one.
            if declared is not None:
                remember(study, {"declared": declared})

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        declared = self._declaration
        measure(self._constraints_func, study, trial, state)
        with self._lock:
            self._suggestions.news.tell_repeated(trial._trial_id)
        if state == TrialState.FAIL and ends_by_itself():
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
                read and that kept the declared constraints and those that it measured.
        """
        if len(study.directions) > 1:
            raise QhpoError(
                "one configuration is recommended for a study of one objective; got "
                f"{len(study.directions)}; `recommend_front` names those that none beats"
            )
        return self.recommend_front(study)[0]

    def recommend_front(self, study: Study) -> list[Recommendation]:
        """The evaluated configurations that no other one dominates by posterior means.

        Each objective has the surrogate that it would have alone, and its mean is taken in its own
        unit. Where values are noisy, lucky trials keep better ones out of the observed front
        (``study.best_trials``).

        Returns:
            Each configuration once, the best expected value of the first objective first. Of one
            objective, what `recommend` names.

        Raises:
            QhpoError: If the study has no complete trial that the model can read and that kept the
                declared constraints and those that it measured.
        """
        with self._lock, single_threaded():
            return self._suggestions.recommended(study, Trials(study))

    def quadratic_model(self, study: Study) -> QuadraticModel:
        """The model that the next suggestion is annealed from, for a solver of your own.

        It has main effects and pairs exactly, and penalties for constraints and conditions. What a
        solver finds there is a candidate: `constraints` are to be checked once more.

        Raises:
            QhpoError: If the study has no trial with a value and a parameter to choose.
        """
        with self._lock, single_threaded():
            return self._suggestions.model(study, Trials(study))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self._lock:
            if not self._suggestions.space(self._suggestions.reads.for_trial(study, trial)):
                return {}
        try:
            with self._suggesting(study, trial) as trials:
                fixed = fixed_params(study, trial, self)
                params = self._suggestions.joint(study, trial, trials, fixed)
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
        axis = Axis.from_distribution(param_name, param_distribution)
        if param_distribution.single():
            return axis.value(float(axis.coordinates[0]))
        declared = self._declaration
        with self._suggesting(study, trial) as trials:
            known = self._suggestions.asked(study, trial, trials, axis)
            if known:
                return known[param_name]
            if declared.constraints:
                rest = published_params(trial, declared.search_space or {})
                return declared.value_beside(
                    axis, rest, self._suggestions.chance(trial, param_name)
                )
            return self._suggestions.alone(study, trial, trials, axis)

    @contextmanager
    def _suggesting(self, study: Study, trial: FrozenTrial) -> Iterator[Trials]:
        """What a suggestion is made within: the study's trials, read once."""
        with self._lock, single_threaded():
            trials = self._suggestions.reads.for_trial(study, trial)
            with metered(self._solver, study, trial, trials):
                yield trials


def _check_whole(name: str, value: object, least: int = 0) -> None:
    if not isinstance(value, (int, np.integer)) or value < least:
        raise QhpoError(f"{name} must be a whole number, {least} or more; got {value!r}")
