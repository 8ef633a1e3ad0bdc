"""QUBOSampler: the annealed pairwise model as an Optuna sampler."""

from __future__ import annotations

import logging
import threading
import weakref
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import ThreadpoolController

from qhpo.accounts import metered
from qhpo.acquisition import Chooser, Domain, Settings, design_coordinate, random_coordinate
from qhpo.conditions import declared_conditions
from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.history import HistoryReader, publish, published_params
from qhpo.joint import JointDomain, union_search_space
from qhpo.scalarization import random_weights
from qhpo.solvers import Budget, MeteredSolver, Solver, make_solver
from qhpo.space import Axis, Space
from qhpo.surrogate.transform import TRANSFORMS

__all__ = ["QUBOSampler"]

FloatArray = NDArray[np.float64]

_MAX_RIVALS = 100
"""Bound on choosing again because another process has just chosen the same."""

_logger = logging.getLogger("qhpo")


class QUBOSampler(BaseSampler):
    """Suggests configurations by annealing a pairwise model of the trials' values.

    A Gaussian process with main effects and interactions is fitted to the finished trials. Its
    first two orders are a quadratic model over one-hot levels, which a solver anneals for
    candidates; local search, off-grid polish and expected improvement under the whole model choose
    among them. Every suggestion keeps the constraints, and no finished or running trial is repeated
    while the space holds another configuration. Which parameters exist under which values of
    others is learnt from the finished trials, so that conditional spaces are one model. In a study
    of several objectives every trial weighs them anew: together they spread over the Pareto front.

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
        encoding: How the model becomes binary: ``"one-hot"`` or ``"domain-wall"``.
            None for what suits the solver.
        qpu_seconds: QPU access time that the study may spend, all runs and processes together.
        max_calls: Calls of the solver that the study may spend. Where a budget is spent, or the
            solver fails, neal takes over, and the log says so once.
        n_startup_trials: Trials of the first, balanced design, before the model is used.
        avoid_repeats: Whether finished and running trials are not repeated. Turn it off where the
            same configuration has another value the next time.

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
        encoding: str | None = None,
        qpu_seconds: float | None = None,
        max_calls: int | None = None,
        n_startup_trials: int = 10,
        avoid_repeats: bool = True,
        _settings: Settings | None = None,
    ) -> None:
        _check_whole("n_startup_trials", n_startup_trials)
        if seed is not None:
            _check_whole("seed", seed)
        self._declared = None if search_space is None else _checked_space(search_space)
        self._constraints = _checked_constraints(constraints, self._declared)
        if conditions and self._declared is None:
            raise QhpoError(
                "conditions need the declared search_space that they speak of; got none; without "
                "it conditions are learnt from the trials"
            )
        self._conditions = declared_conditions(conditions or {}, self._declared or {})
        # A drawn seed is kept below 2^32, so that it can be written down and given again.
        self._seed = int(np.random.SeedSequence().generate_state(1)[0] if seed is None else seed)
        self._n_startup = n_startup_trials
        self._avoid_repeats = avoid_repeats
        self._settings = _settings or Settings()
        self._solver = MeteredSolver(
            make_solver(solver, encoding=encoding),
            make_solver("neal"),
            Budget(qpu_seconds, max_calls),
        )
        one, several = self._settings, replace(self._settings, transforms=TRANSFORMS[:1])
        self._choosers = [
            Chooser(self._solver, n_startup_trials, self._seed, each) for each in (one, several)
        ]
        self._joint = JointDomain(self._declared or {}, self._constraints, self._conditions)
        self._lock = threading.RLock()
        self._storage: weakref.ref[BaseStorage] | None = None
        self._study_id = -1
        self._told_exhausted: set[bool] = set()
        if self._constraints:
            nothing = np.full(len(self._joint.domain.space), np.nan)
            self._joint.domain.check(nothing, np.random.default_rng(self._seed))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"]
        # It remembers trials of a storage, and functions by identifiers of this process.
        del state["_joint"]
        state["_storage"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._joint = JointDomain(self._declared or {}, self._constraints, self._conditions)
        self._lock = threading.RLock()

    def reseed_rng(self) -> None:
        """Does nothing: each trial has random numbers of its own, made from seed and number."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        space = self._search_space(study)
        return {name: dist for name, dist in space.items() if not dist.single()}

    def _search_space(self, study: Study) -> dict[str, BaseDistribution]:
        if self._declared is not None:
            return self._declared
        return {n: d for n, d in union_search_space(study).items() if not d.single()}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        # A trial that is fixed in advance asks for nothing: this is the only place to check it.
        fixed = _fixed_params(study, trial, self)
        if not self._constraints or not fixed:
            return
        with self._lock:
            space = Space(self._declared or {})
            try:
                frozen = _frozen(space, fixed, is_strict=True)
                domain = Domain(space, self._constraints, self._conditions)
                domain.check(frozen, np.random.default_rng([self._seed, trial.number]))
            except QhpoError:
                # The trial would stay "running" for ever.
                study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                raise

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        if state not in (TrialState.COMPLETE, TrialState.PRUNED):
            return
        params = trial.params
        if state == TrialState.PRUNED:
            # It may not have come to asking for everything that was suggested.
            params = published_params(trial, self._declared or {})
        for constraint in self._constraints:
            if not constraint.satisfied(params):
                raise QhpoError(
                    f"a trial must keep every constraint; trial {trial.number} breaks {constraint} "
                    f"with {params}; the objective must ask for each parameter with its declared "
                    "distribution, and conditions must say when it asks for which"
                )

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        with self._lock, _single_threaded(), metered(self._solver, study, trial):
            params = self._suggest(study, trial)
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        axis = Axis.from_distribution(param_name, param_distribution)
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        if self._constraints:
            return self._keeping_constraints(trial, axis, rng)
        if trial.number < self._n_startup and self._settings.balanced_design:
            return axis.value(design_coordinate(axis, trial.number, self._n_startup, self._seed))
        return axis.value(self._alone(study, trial, axis, rng))

    def _keeping_constraints(self, trial: FrozenTrial, axis: Axis, rng: np.random.Generator) -> Any:
        """A value for a declared parameter that was not expected to be asked for."""
        declared = self._declared or {}
        if declared.get(axis.name) != axis.distribution:
            raise QhpoError(
                "with constraints, an objective must ask for the parameters of the search space "
                f"with their declared distributions; got {axis.name!r} with {axis.distribution}; "
                f"declared: {declared.get(axis.name, 'nothing of that name')}"
            )
        known = published_params(trial, declared)
        known.pop(axis.name, None)
        for coordinate in rng.permutation(axis.coordinates).tolist():
            value = axis.value(coordinate)
            if all(c.satisfied({**known, axis.name: value}) for c in self._constraints):
                return value
        raise QhpoError(
            f"the parameter {axis.name!r} was asked for although it was not expected to be active, "
            f"and none of its values keeps all constraints beside {known}; declare when it is "
            "active with conditions"
        )

    def _alone(
        self, study: Study, trial: FrozenTrial, axis: Axis, rng: np.random.Generator
    ) -> float:
        """A coordinate of a parameter that no joint model has: from a model of its own."""
        if axis.distribution.single():
            return float(axis.coordinates[0])
        with self._lock, _single_threaded(), metered(self._solver, study, trial):
            space = Space({axis.name: axis.distribution})
            history = HistoryReader(space).read(study, trial, self._weights(study, trial))
            if len(history.values) < max(self._n_startup, 1):
                return random_coordinate(axis, rng)
            nothing = np.full(1, np.nan)
            # What else differs between trials makes the same value worth another.
            history = replace(history, pending=history.pending[:0], taken=history.taken[:0])
            chooser = self._chooser(study)
            choice = chooser.choose(Domain(space), history, nothing, trial.number, rng)
        return float(choice.coordinates[0])

    def _suggest(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        joint = self._updated(study)
        space = joint.domain.space
        if not len(space):
            return {}  # nothing is explained: every parameter is on its own
        fixed = _fixed_params(study, trial, self)
        frozen = _frozen(space, fixed)
        domain = self._with_fixed(joint.domain, fixed)
        rng = np.random.default_rng([self._seed, trial.number])
        chooser, weights = self._chooser(study), self._weights(study, trial)
        params: dict[str, Any] = {}
        for _ in range(_MAX_RIVALS):
            history = joint.reader.read(study, trial, weights)
            if not self._avoid_repeats:
                history = replace(history, taken=history.taken[:0])
            choice = chooser.choose(domain, history, frozen, trial.number, rng)
            is_new = choice.is_new
            if not is_new and len(space) < len(joint.search_space):
                # Parameters that are suggested on their own may make the same another one.
                history = replace(history, taken=joint.taken_alone(study, trial))
                choice = chooser.choose(domain, history, frozen, trial.number, rng)
            chosen = choice.coordinates
            if not choice.is_new and np.isnan(frozen).all():
                self._tell_exhausted(choice.is_proof)
            params = space.decode(chosen)
            internal = {k: space.search_space[k].to_internal_repr(v) for k, v in params.items()}
            publish(study, trial, internal)
            if not is_new or not self._avoid_repeats:
                break
            # Another process may have chosen the same at the same time, and may even be done with
            # it. Whoever publishes last sees the other's choice here and chooses again.
            others = joint.reader.taken(study, trial)
            if space.key(chosen) not in {space.key(c) for c in others}:
                break
        return params

    def _chooser(self, study: Study) -> Chooser:
        """That of one objective, or that of several.

        Weights make other values of the same trials each time, for which a choice of transform
        could not be remembered and would cost more than the suggestion; the scalars have no unit
        that is worth keeping, so ranks serve them.
        """
        return self._choosers[len(study.directions) > 1]

    def _weights(self, study: Study, trial: FrozenTrial) -> FloatArray | None:
        """Of several objectives, what this trial makes of them."""
        n = len(study.directions)
        if n == 1:
            return None
        return random_weights(n, np.random.default_rng([self._seed, trial.number, n, 0]))

    def _tell_exhausted(self, is_proof: bool) -> None:
        """Logs, once each, that all has been tried, or that nothing else was found."""
        if is_proof in self._told_exhausted:
            return
        self._told_exhausted.add(is_proof)
        which = "of the search space" + (" that keeps the constraints" if self._constraints else "")
        if is_proof:
            _logger.warning(
                "every configuration %s has been tried; "
                "from here on the best ones are suggested again",
                which,
            )
        else:
            _logger.warning(
                "no configuration %s was found that has not been tried, within the budget of the "
                "search; one of the best is suggested again",
                which,
            )

    def _with_fixed(self, domain: Domain, fixed: Mapping[str, Any]) -> Domain:
        """The domain where what is fixed is active, unless declared conditions say otherwise.

        What was learnt may be wrong, and a constraint must not be broken because of that.
        """
        kept = [c for c in domain.conditions if c.child not in fixed or c in self._conditions]
        if not self._constraints or len(kept) == len(domain.conditions):
            return domain
        return Domain(domain.space, self._constraints, kept)

    def _updated(self, study: Study) -> JointDomain:
        storage = None if self._storage is None else self._storage()
        space = self._search_space(study)
        if storage is not study._storage or self._study_id != study._study_id:
            # Trials of different storages share their identifiers.
            self._storage, self._study_id = weakref.ref(study._storage), study._study_id
            self._told_exhausted.clear()
            self._joint = JointDomain(space, self._constraints, self._conditions)
        elif space != self._joint.search_space:
            self._joint = self._joint.with_space(space)
        self._joint.update(study)
        return self._joint


def _fixed_params(study: Study, trial: FrozenTrial, sampler: BaseSampler) -> dict[str, Any]:
    """What is fixed for a trial in advance: enqueued, or by samplers around this one."""
    fixed: dict[str, Any] = {}
    around: Any = study.sampler
    while around is not None and around is not sampler:
        if isinstance(around, PartialFixedSampler):
            fixed = {**around._fixed_params, **fixed}
            around = around._base_sampler
        else:
            around = getattr(around, "sampler", None)
    return {**fixed, **trial.system_attrs.get("fixed_params", {})}


def _frozen(space: Space, fixed: Mapping[str, Any], is_strict: bool = False) -> FloatArray:
    """Coordinates that are fixed in advance, shape (d,); NaN where free.

    Raises:
        QhpoError: If strict and a value is not in the space.
    """
    frozen = np.full(len(space), np.nan)
    for i, axis in enumerate(space.axes):
        if axis.name in fixed and (is_strict or axis.contains(fixed[axis.name])):
            frozen[i] = axis.coordinate(fixed[axis.name])
    unknown = set(fixed).difference(space.search_space)
    if is_strict and unknown:
        raise QhpoError(
            "with constraints, only parameters of the search space can be fixed in advance; got "
            f"{', '.join(sorted(unknown))}; the space has: {', '.join(sorted(space.search_space))}"
        )
    return frozen


def _check_whole(name: str, value: object) -> None:
    if not isinstance(value, (int, np.integer)) or value < 0:
        raise QhpoError(f"{name} must be a whole number, 0 or more; got {value!r}")


def _checked_space(search_space: object) -> dict[str, BaseDistribution]:
    if not isinstance(search_space, Mapping) or not all(isinstance(k, str) for k in search_space):
        raise QhpoError(
            "search_space must be a mapping of parameter names to Optuna distributions; "
            f"got {search_space!r}"
        )
    return dict(Space(search_space).search_space)


def _checked_constraints(
    constraints: Iterable[Constraint], declared: Mapping[str, BaseDistribution] | None
) -> tuple[Constraint, ...]:
    if isinstance(constraints, Constraint) or not isinstance(constraints, Iterable):
        raise QhpoError(f"constraints must be a list of constraints; got {constraints!r}")
    checked = tuple(constraints)
    for constraint in checked:
        if not isinstance(constraint, Constraint):
            raise QhpoError(
                "constraints are made with qhpo.constraints, such as constraints.forbid(...); "
                f"got {constraint!r}; wrap a function in constraints.predicate"
            )
        if declared is None:
            raise QhpoError(
                "constraints need the declared search_space, so that the first trial can keep them "
                "too; got search_space=None; pass QUBOSampler({...}, constraints=[...])"
            )
        constraint.check(declared)
    return checked


_controller: ThreadpoolController | None = None


def _single_threaded() -> AbstractContextManager[object]:
    """Keeps linear algebra to one thread: the matrices here are too small to share.

    Threads that wait for each other cost many times what they save, most of all while training
    runs beside them.
    """
    global _controller
    if _controller is None:
        _controller = ThreadpoolController()
    limiter: AbstractContextManager[object] = _controller.limit(limits=1, user_api="blas")
    return limiter
