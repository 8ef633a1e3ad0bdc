"""Exactly k of n: the choice of features, sensors or blocks that the budget allows."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution
from optuna.trial import BaseTrial

from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration

__all__ = ["CardinalityBenchmark"]

OnOff = tuple[bool, ...]


class CardinalityBenchmark(Benchmark[OnOff]):
    """n on/off parameters, exactly k of them on; linear and pairwise terms are hidden.

    A solution has one entry per parameter. All coefficients are normal draws with deviation 100,
    rounded, so that with four items on the six pairs weigh as much as the items themselves.
    Samplers that are told of violations are told of two, one for too many and one for too few:
    GPSampler, which models each, then has twice as many feasible trials as with their distance.

    Args:
        n: Parameters.
        k: How many are on, 1 or more.
        instance: Seed of the coefficients.
    """

    name = "cardinality"
    trials = 150
    checkpoints = (50, 100, 150)
    reference_name = "the median feasible configuration"

    def __init__(self, n: int = 20, k: int = 4, instance: int = 0) -> None:
        self.n, self.k = n, k
        rng = np.random.default_rng(instance)
        self._linear = np.rint(rng.normal(0, 100, n))
        self._pairs = np.triu(np.rint(rng.normal(0, 100, (n, n))), k=1)

    @property
    def description(self) -> str:
        return f"{self.n} on/off parameters, exactly {self.k} on"

    @cached_property
    def _feasible_values(self) -> npt.NDArray[np.float64]:
        """Value of each of the n-choose-k feasible solutions."""
        on = np.array(list(combinations(range(self.n), self.k)))
        values: npt.NDArray[np.float64] = self._linear[on].sum(axis=1)
        for a, b in combinations(range(self.k), 2):
            values += self._pairs[on[:, a], on[:, b]]
        return values

    @property
    def optimum(self) -> float:
        return float(self._feasible_values.min())

    @property
    def reference(self) -> float:
        return float(np.median(self._feasible_values))

    def declaration(self) -> Declaration:
        from qhpo import constraints

        names = self._names()
        return Declaration(
            {name: CategoricalDistribution((False, True)) for name in names},
            [constraints.exactly(self.k, dict.fromkeys(names, True))],
        )

    def suggest(self, trial: BaseTrial) -> OnOff:
        return tuple(bool(trial.suggest_categorical(x, (False, True))) for x in self._names())

    def violations(self, solution: OnOff) -> dict[str, float]:
        excess = sum(solution) - self.k
        return {"at most": excess, "at least": -excess}

    def value(self, solution: OnOff) -> float:
        x = np.array(solution, dtype=np.float64)
        return float(self._linear @ x + x @ self._pairs @ x)

    def _names(self) -> list[str]:
        return [f"x{i}" for i in range(self.n)]
