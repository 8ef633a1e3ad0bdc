"""Quadratic penalties over the levels of all axes and auxiliary variables behind them.

Glossary
--------
variable
    A discrete variable: an axis of the space, or an auxiliary one. Exactly one of its cases is on.
f_v(case)
    What a case of variable v contributes to a sum, shape (cases of all variables,).
slack
    s in [0, upper - lower], so that lower <= t <= upper becomes t - lower - s = 0. A small range is
    one variable with a case for every value, a large one a sum of bounded binary digits.
tuple variable
    One case per tuple of values of several axes; it costs 1 for every axis that says otherwise. A
    truth table becomes pairwise by the variable of its allowed tuples, a sum of products by one
    variable for each pair of axes.

An exact penalty is 0 at some setting of the auxiliary variables if a form holds, and at least 1 at
every setting if it does not. Conflicts of pairs need no auxiliary variable (and are what
Rosenberg's reduction gives for them); sums are squared, as usual (Glover, Kochenberger, Hennig, Du
2022, "Quantum bridge analytics I: a tutorial on formulating and using QUBO models", section 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM

__all__ = ["PenaltyBuilder"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_ONE_HOT_SLACK = 8
"""From this range on, slack is binary: its digits are then fewer than half of the values."""


class PenaltyBuilder:
    """A growing pairwise model over the levels of the axes and auxiliary variables.

    Args:
        starts: First level of every axis and the total D, shape (d + 1,).
        optional: Axes that may be inactive, shape (d,), bool; if None, no axis may. They have a
            last case for that, which contributes nothing.

    Attributes:
        axes: The cases that are levels, by axis.
        levels: The cases that are levels, shape (D,).
        sizes: Cases of every variable, the axes first.
        linear: Linear biases of all cases.
        quadratic: Symmetric biases of pairs of cases, zero inside a variable.
        offset: Constant energy.
    """

    def __init__(self, starts: IntArray, optional: NDArray[np.bool_] | None = None) -> None:
        n_levels = np.diff(starts)
        sizes = n_levels if optional is None else n_levels + optional
        firsts = np.cumsum(sizes) - sizes
        self.axes = [
            slice(a, a + n) for a, n in zip(firsts.tolist(), n_levels.tolist(), strict=True)
        ]
        self.levels = np.repeat(firsts - starts[:-1], n_levels) + np.arange(starts[-1])
        self.sizes: list[int] = sizes.tolist()
        self.linear = np.zeros(int(sizes.sum()))
        self.quadratic = np.zeros((len(self.linear), len(self.linear)))
        self.offset = 0.0

    def add_variable(self, size: int) -> slice:
        """A new auxiliary variable; returns its cases."""
        n = len(self.linear)
        self.sizes.append(size)
        self.linear = np.pad(self.linear, (0, size))
        self.quadratic = np.pad(self.quadratic, (0, size))
        return slice(n, n + size)

    def cases_of(self, axis: int) -> IntArray:
        """The cases of an axis, the levels first."""
        start = self.axes[axis].start
        return np.arange(start, start + self.sizes[axis])

    def add_energies(self, linear: FloatArray, quadratic: FloatArray) -> None:
        """Biases of all levels, shape (D,), and of pairs of them, shape (D, D)."""
        self.linear[self.levels] += linear
        self.quadratic[np.ix_(self.levels, self.levels)] += quadratic

    def add_pairs(self, rows: slice, columns: slice, biases: FloatArray) -> None:
        """Biases of pairs of cases of two variables."""
        self.quadratic[rows, columns] += biases
        self.quadratic[columns, rows] += biases.T

    def forbid(self, rows: IntArray, columns: IntArray, weight: float) -> None:
        """A cost for any of some cases of a variable beside any of some cases of another."""
        self.quadratic[np.ix_(rows, columns)] += weight
        self.quadratic[np.ix_(columns, rows)] += weight

    def add_square(self, contributions: FloatArray, target: float, weight: float = 1.0) -> None:
        """Weight (sum of contributions - target)^2.

        Args:
            contributions: By case.
            target: What the sum should be.
            weight: Factor of the square.
        """
        f = contributions
        variable = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.linear += weight * (f * f - 2.0 * target * f)
        outside = variable[:, None] != variable[None, :]
        self.quadratic += 2.0 * weight * outside * np.outer(f, f)
        self.offset += weight * target * target

    def of_levels(self, contributions: FloatArray) -> FloatArray:
        """Contributions of the levels, shape (D,), as those of all cases."""
        by_case = np.zeros(len(self.linear))
        by_case[self.levels] = contributions
        return by_case

    def padded(self, contributions: FloatArray) -> FloatArray:
        """Contributions of the first cases, 0 for the rest, as a new array of all cases."""
        return np.pad(contributions, (0, len(self.linear) - len(contributions)))

    def range_of(self, contributions: FloatArray) -> tuple[float, float]:
        """Least and largest sum of contributions by case that any choice of cases gives."""
        starts = self._starts()[:-1]
        least = np.minimum.reduceat(contributions, starts)
        most = np.maximum.reduceat(contributions, starts)
        return float(least.sum()), float(most.sum())

    def add_bounded(
        self, contributions: FloatArray, lower: float, upper: float, weight: float = 1.0
    ) -> None:
        """Bounds a sum of whole contributions: lower <= sum <= upper, with slack.

        Args:
            contributions: By case.
            lower: Least allowed sum, whole or minus infinity.
            upper: Largest allowed sum, whole or infinity.
            weight: Factor of the square.
        """
        least, most = self.range_of(contributions)
        low, high = max(lower, least), min(upper, most)
        if low > high:
            self.offset += weight
        elif low > least or high < most:
            for cases, values in self._slack(int(high - low)):
                contributions = self.padded(contributions)
                contributions[cases] = -values
            self.add_square(contributions, low, weight)

    def _slack(self, largest: int) -> list[tuple[slice, FloatArray]]:
        """Variables whose contributions sum to every whole number from 0 to ``largest``."""
        if largest < _MAX_ONE_HOT_SLACK:
            return [(self.add_variable(largest + 1), np.arange(largest + 1.0))]
        digits = []
        left = largest
        power = 1
        while left > 0:
            digit = min(power, left)
            digits.append((self.add_variable(2), np.array([0.0, float(digit)])))
            left -= digit
            power *= 2
        return digits

    def add_tuples(
        self, variables: Sequence[slice], tuples: IntArray, weight: float = 1.0
    ) -> slice:
        """A tuple variable: each case stands for one tuple of cases of other variables.

        Args:
            variables: The cases of every variable that takes part.
            tuples: Shape (T, k), places within each of the k variables.
            weight: What each disagreement costs.

        Returns:
            The cases of the tuple variable.
        """
        own = self.add_variable(len(tuples))
        for column, cases in zip(tuples.T, variables, strict=True):
            differs = np.full((len(tuples), cases.stop - cases.start), weight)
            differs[np.arange(len(tuples)), column] = 0.0
            self.add_pairs(own, cases, differs)
        return own

    def _starts(self) -> IntArray:
        """First case of every variable and the total."""
        return np.append(0, np.cumsum(self.sizes)).astype(np.intp)

    def tables(self) -> DenseDQM:
        """The model."""
        return DenseDQM(self._starts(), self.linear, self.quadratic, self.offset)

    def to_dqm(self, labels: Sequence[str]) -> dimod.DiscreteQuadraticModel:
        """The model, its auxiliary variables labelled ``"aux:0"`` and so on.

        Args:
            labels: Names of the axes.
        """
        extra = [f"aux:{i}" for i in range(len(self.sizes) - len(labels))]
        return self.tables().to_dqm([*labels, *extra])
