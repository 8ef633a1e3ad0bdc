"""Trade-offs, and one sampler on one of them: how much of the front its trials found.

Words: the *front* of a table are the configurations that no other one is nowhere worse than and
somewhere better. The *ideal* is the best of every objective, the *reference* a point that is worse
than what anybody wants; what is beyond it counts for nothing. The *gap* of some trials is the share
of a hypervolume that they miss: of the front's, or of all between ideal and reference where nobody
knows the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.acquisition.hypervolume import boxes_below, front_of
from qhpo.problem import Direction, Objective, Problem
from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.sampling.methods import Told
from qhpo_problems.benchmarks.sampling.tabular import suggest_position
from qhpo_problems.benchmarks.store import Row

__all__ = ["FrontTable", "ProblemTradeOff", "TradeOff", "hypervolume", "run_objectives"]

FloatArray = npt.NDArray[np.float64]

_BEYOND = 0.1
"""How far behind the front the reference of a table lies, in widths of the front."""


class TradeOff(Protocol):
    """Something with several objectives."""

    @property
    def directions(self) -> Sequence[Direction]:
        """Of each objective."""
        ...

    def objective(self, seed: int) -> Objective:
        """What a study optimizes; the seed is of what is left to chance in it."""
        ...

    def gap(self, values: FloatArray) -> float:
        """The share of the hypervolume that some values of the objective, shape (n, m), miss."""
        ...


def hypervolume(values: FloatArray, ideal: FloatArray, reference: FloatArray) -> float:
    """What values dominate between ideal and reference, smaller is better.

    Args:
        values: Shape (n, m).
        ideal: No value is below it, shape (m,).
        reference: Shape (m,).
    """
    boxes = boxes_below(front_of(values), reference)
    sides = np.ones(len(boxes.lower))
    for j, edges in enumerate(boxes.edges):
        lower = np.where(boxes.lower[:, j] < 0, -np.inf, edges[boxes.lower[:, j]])
        upper = np.maximum(edges[boxes.upper[:, j]], ideal[j])
        sides *= upper - np.maximum(lower, ideal[j])
    return float(np.prod(reference - ideal) - sides.sum())


@dataclass(frozen=True, eq=False)
class FrontTable:
    """Every configuration with several values.

    The reference lies behind the worst of the front by a tenth of its width.

    Args:
        search_space: As of a `TabularBenchmark`.
        values: Shape (levels of the first parameter, ..., of the last one, m), smaller is better.
    """

    search_space: Mapping[str, IntDistribution | CategoricalDistribution]
    values: FloatArray

    @property
    def directions(self) -> Sequence[Direction]:
        """See `TradeOff`."""
        return ["minimize" for _ in range(self.values.shape[-1])]

    @cached_property
    def front(self) -> FloatArray:
        """Shape (K, m)."""
        return front_of(self.values.reshape(-1, self.values.shape[-1]))

    @cached_property
    def whole(self) -> float:
        """The hypervolume of the front."""
        return self._hypervolume(self.front)

    def objective(self, seed: int) -> Objective:
        """See `TradeOff`; nothing is left to chance."""

        def objective(trial: optuna.Trial) -> tuple[float, ...]:
            position = suggest_position(trial, self.search_space)
            return tuple(self.values[position].tolist())

        return objective

    def gap(self, values: FloatArray) -> float:
        """See `TradeOff`."""
        return 1.0 - self._hypervolume(values) / self.whole

    def _hypervolume(self, values: FloatArray) -> float:
        ideal, nadir = self.front.min(axis=0), self.front.max(axis=0)
        return hypervolume(values, ideal, nadir + _BEYOND * (nadir - ideal))


@dataclass(frozen=True, eq=False)
class ProblemTradeOff:
    """A built-in problem whose front nobody knows.

    Args:
        problem: Of several objectives.
        ideal: The best of each objective that can be thought of, in the problem's own directions.
        reference: What is worse in any of them counts for nothing.
    """

    problem: Problem
    ideal: Sequence[float]
    reference: Sequence[float]

    @property
    def directions(self) -> Sequence[Direction]:
        """See `TradeOff`."""
        return self.problem.directions

    def objective(self, seed: int) -> Objective:
        """See `TradeOff`: the problem's, with this seed."""
        return self.problem.objective(seed)

    def gap(self, values: FloatArray) -> float:
        """See `TradeOff`."""
        signs = np.array([1.0 if each == "minimize" else -1.0 for each in self.directions])
        ideal, reference = signs * self.ideal, signs * self.reference
        return 1.0 - hypervolume(signs * values, ideal, reference) / float(
            np.prod(reference - ideal)
        )


def run_objectives(trade_off: TradeOff, method: Told, *, seed: int, trials: int) -> list[Row]:
    """Optimize one trade-off with one sampler in this thread, in an in-memory study.

    Args:
        trade_off: The objectives.
        method: The sampler.
        seed: Of the sampler, and of what the objective leaves to chance.
        trials: Number of trials.

    Returns:
        One row a trial: the gap of all trials so far, whether it repeats an earlier trial, and the
        CPU seconds that the suggesting thread took for the suggestion.
    """
    sampler = TimedSampler(method.factory(seed))
    study = optuna.create_study(directions=list(trade_off.directions), sampler=sampler)
    study.optimize(trade_off.objective(seed), n_trials=trials)
    told = study.get_trials(deepcopy=False)
    values = np.array([trial.values for trial in told])
    seen: set[tuple[tuple[str, Any], ...]] = set()
    rows: list[Row] = []
    for i, trial in enumerate(told):
        configuration = tuple(sorted(trial.params.items()))
        rows.append(
            {
                "gap": trade_off.gap(values[: i + 1]),
                "repeated": configuration in seen,
                "cpu_seconds": float(trial.system_attrs[CPU_SECONDS]),
            }
        )
        seen.add(configuration)
    return rows
