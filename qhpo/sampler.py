"""QUBOSampler: the annealed pairwise model as an Optuna sampler."""

from __future__ import annotations

import itertools
import logging
import threading
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial
from threadpoolctl import ThreadpoolController

from qhpo.acquisition import (
    Proposer,
    Settings,
    design_coordinate,
    design_row,
    free_configurations,
    random_coordinate,
)
from qhpo.errors import QhpoError
from qhpo.history import History, HistoryReader, publish
from qhpo.solvers import make_solver
from qhpo.space import Axis, Space

__all__ = ["QUBOSampler"]

FloatArray = NDArray[np.float64]

_logger = logging.getLogger(__name__)


class QUBOSampler(BaseSampler):
    """Suggests configurations by annealing a pairwise model of the trials' values.

    A Gaussian process with main effects and interactions is fitted to the finished trials. Its
    first two orders are a quadratic model over one-hot levels, which a solver anneals for
    candidates; local search, off-grid polish and expected improvement under the whole model choose
    among them. No finished or running trial is repeated while the space holds another
    configuration; where a trial leaves parameters out, what is left of it may repeat.

    The same seed and the same trials in the storage give the same suggestion, in any process.

    Example:
        >>> import optuna
        >>> from qhpo import QUBOSampler
        >>> study = optuna.create_study(sampler=QUBOSampler(seed=0))
        >>> study.optimize(lambda trial: trial.suggest_int("x", 0, 9) ** 2, n_trials=10)
        >>> study.best_params
        {'x': 0}

    Args:
        search_space: Optuna distributions by parameter name. If None, the parameters that all
            finished trials have in common are suggested jointly, and others at random.
        seed: Seed of everything left to chance. None draws one.
        solver: Name of a registered solver (see `qhpo solvers`), or any `dimod.Sampler`.
        n_startup_trials: Trials of the first, balanced design, before the model is used.

    Raises:
        QhpoError: If an argument is not of the form above.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution] | None = None,
        *,
        seed: int | None = None,
        solver: str | dimod.Sampler = "neal",
        n_startup_trials: int = 10,
        _settings: Settings | None = None,
    ) -> None:
        _check_whole("n_startup_trials", n_startup_trials)
        if seed is not None:
            _check_whole("seed", seed)
        self._declared = None if search_space is None else _checked_space(search_space)
        # A drawn seed is kept below 2^32, so that it can be written down and given again.
        self._seed = int(np.random.SeedSequence().generate_state(1)[0] if seed is None else seed)
        self._n_startup = n_startup_trials
        self._settings = _settings or Settings()
        self._proposer = Proposer(make_solver(solver), n_startup_trials, self._settings)
        self._intersection = IntersectionSearchSpace(include_pruned=True)
        self._space = Space({})
        self._reader = HistoryReader(self._space)
        self._lock = threading.RLock()
        self._storage: weakref.ref[BaseStorage] | None = None
        self._warned_exhausted = False

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"]
        state["_storage"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def reseed_rng(self) -> None:
        """Does nothing: each trial has random numbers of its own, made from seed and number."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        if self._declared is not None:
            space = self._declared
        else:
            with self._lock:
                space = self._intersection.calculate(study)
        return {name: dist for name, dist in space.items() if not dist.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock, _single_threaded():
            return self._suggest(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        self._raise_error_if_multi_objective(study)
        axis = Axis.from_distribution(param_name, param_distribution)
        if trial.number < self._n_startup and self._settings.balanced_design:
            return axis.value(design_coordinate(axis, trial.number, self._n_startup, self._seed))
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        return axis.value(random_coordinate(axis, rng))

    def _suggest(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        storage = None if self._storage is None else self._storage()
        if search_space != self._space.search_space or storage is not study._storage:
            # Trials of different storages share their identifiers.
            self._storage = weakref.ref(study._storage)
            self._space = Space(search_space)
            self._reader = HistoryReader(self._space)
        rng = np.random.default_rng([self._seed, trial.number])
        frozen = self._frozen(trial)
        while True:
            history = self._reader.read(study, trial)
            chosen, is_new = self._choose(history, frozen, trial.number, rng)
            params = self._space.decode(chosen)
            publish(
                study, trial, {k: search_space[k].to_internal_repr(v) for k, v in params.items()}
            )
            # Another process may have chosen the same at the same time, and may even be done with
            # it. Whoever publishes last sees the other's choice here and chooses again.
            others = self._reader.read(study, trial).taken
            if not is_new or self._space.key(chosen) not in {self._space.key(c) for c in others}:
                return params

    def _frozen(self, trial: FrozenTrial) -> FloatArray:
        fixed = trial.system_attrs.get("fixed_params", {})
        frozen = np.full(len(self._space), np.nan)
        for i, axis in enumerate(self._space.axes):
            if axis.name in fixed and axis.contains(fixed[axis.name]):
                frozen[i] = axis.coordinate(fixed[axis.name])
        return frozen

    def _first_configuration(self, number: int, n_rows: int) -> FloatArray:
        space = self._space
        if self._settings.balanced_design:
            return design_row(space, number, n_rows, self._seed)
        rng = np.random.default_rng([self._seed, number])
        return np.array([random_coordinate(axis, rng) for axis in space.axes])

    def _choose(
        self, history: History, frozen: FloatArray, number: int, rng: np.random.Generator
    ) -> tuple[FloatArray, bool]:
        """Coordinates of the next configuration, shape (d,), and whether it is a new one."""
        space = self._space
        n_rows = max(self._n_startup, 1)
        if len(history.values) < n_rows:
            row = self._first_configuration(number, n_rows)
            candidates = np.where(np.isnan(frozen), row, frozen)[None, :]
        else:
            candidates = self._proposer.ranked(space, history, frozen, rng)
        taken = {space.key(configuration) for configuration in history.taken}
        options: Iterator[FloatArray] = itertools.chain(
            candidates, free_configurations(space, frozen, rng)
        )
        for configuration in options:
            if space.key(configuration) not in taken:
                return configuration, True
        if np.isnan(frozen).all() and not self._warned_exhausted:
            self._warned_exhausted = True
            _logger.warning(
                "every configuration of the search space has been tried; "
                "from here on the best ones are suggested again"
            )
        return _best_again(history, frozen, candidates[0], number), False


_BEST_AGAIN = 5


def _best_again(
    history: History, frozen: FloatArray, otherwise: FloatArray, number: int
) -> FloatArray:
    """One of the best configurations so far that agree with what is fixed, in turns."""
    agrees = ((history.coordinates == frozen) | np.isnan(frozen)).all(axis=1)
    order = np.argsort(history.values[agrees], kind="stable")[:_BEST_AGAIN]
    if not len(order):
        return otherwise
    chosen: FloatArray = history.coordinates[agrees][order[number % len(order)]]
    return chosen


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
