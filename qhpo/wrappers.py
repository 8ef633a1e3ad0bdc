"""Optuna samplers that leave the work to another one: one to build on, and one that times it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

__all__ = ["CPU_SECONDS", "WALL_SECONDS", "DelegatingSampler", "TimedSampler"]

CPU_SECONDS = "qhpo:suggest_cpu_seconds"
"""System attribute of a trial: CPU seconds its suggestion took in the suggesting thread."""

WALL_SECONDS = "qhpo:suggest_wall_seconds"
"""System attribute of a trial: wall-clock seconds its suggestion took."""


class DelegatingSampler(BaseSampler):
    """Passes every call on to another sampler.

    Args:
        sampler: The sampler that does the work, also available as the attribute ``sampler``.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self.sampler = sampler

    def __str__(self) -> str:
        return str(self.sampler)

    def _around(self, trial: FrozenTrial) -> AbstractContextManager[None]:
        """What every call that concerns a trial is made within; a subclass may watch them here."""
        return nullcontext()

    def reseed_rng(self) -> None:
        self.sampler.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        with self._around(trial):
            self.sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        with self._around(trial):
            return self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with self._around(trial):
            return self.sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        with self._around(trial):
            return self.sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        with self._around(trial):
            self.sampler.after_trial(study, trial, state, values)


class TimedSampler(DelegatingSampler):
    """Passes every call on to another sampler and records what it cost.

    When a trial ends, its system attributes `CPU_SECONDS` and `WALL_SECONDS` hold the time spent
    in all sampler calls made for it, before, during and after the objective.

    Args:
        sampler: The sampler that does the work, also available as the attribute ``sampler``.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        super().__init__(sampler)
        self._seconds: dict[int, tuple[float, float]] = {}

    @contextmanager
    def _around(self, trial: FrozenTrial) -> Iterator[None]:
        cpu_start, wall_start = time.thread_time(), time.perf_counter()
        try:
            yield
        finally:
            cpu, wall = self._seconds.get(trial._trial_id, (0.0, 0.0))
            self._seconds[trial._trial_id] = (
                cpu + time.thread_time() - cpu_start,
                wall + time.perf_counter() - wall_start,
            )

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        super().after_trial(study, trial, state, values)
        cpu, wall = self._seconds.pop(trial._trial_id)
        study._storage.set_trial_system_attr(trial._trial_id, CPU_SECONDS, cpu)
        study._storage.set_trial_system_attr(trial._trial_id, WALL_SECONDS, wall)
