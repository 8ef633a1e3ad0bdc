"""Tables of learning curves: every configuration trained, its value known after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.tabular import Position, TabularBenchmark

__all__ = ["CurveTable"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CurveTable(TabularBenchmark):
    """A table whose values are the ends of curves.

    Args:
        curves: Value of every configuration after each step, shape (L_1, ..., L_d, T). The last
            one is its value.
        costs: What each step takes, the same shape, in any unit.
        steps: The steps, as trials report them, shape (T,).

    Raises:
        QhpoError: As `TabularBenchmark`, or if the shapes differ.
    """

    curves: FloatArray
    costs: FloatArray
    steps: npt.NDArray[np.intp]

    trials = 20
    checkpoints = (5, 10, 20)

    @classmethod
    def of(
        cls,
        name: str,
        family: str,
        search_space: Mapping[str, IntDistribution | CategoricalDistribution],
        curves: FloatArray,
        costs: FloatArray,
        steps: npt.NDArray[np.intp],
    ) -> CurveTable:
        """The table of these curves."""
        if curves.shape != costs.shape or curves.shape[-1] != len(steps):
            raise QhpoError(
                f"the curves of table {name} must have a cost and a step for every value; got "
                f"shapes {curves.shape}, {costs.shape} and {steps.shape}"
            )
        return cls(name, family, search_space, curves[..., -1], curves, costs, steps)

    @cached_property
    def full_cost(self) -> float:
        """What a training to the end takes, on the mean of all configurations."""
        return float(self.costs.sum(axis=-1).mean())

    def curve(self, solution: Position) -> list[tuple[int, float, float]]:
        """Of one configuration: step, value, and cost in trainings to the end."""
        costs = self.costs[solution] / self.full_cost
        return list(
            zip(self.steps.tolist(), self.curves[solution].tolist(), costs.tolist(), strict=True)
        )
