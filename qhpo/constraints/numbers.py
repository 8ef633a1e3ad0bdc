"""Linear constraints on floats without step, kept exactly between the levels.

Glossary
--------
A
    Coefficients of the floats in the linear constraints, shape (constraints, floats).
residual
    What the sum of every constraint misses its nearest bound by, 0 if it holds, shape
    (constraints,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution

from qhpo.constraints.arithmetic import Linear
from qhpo.constraints.base import Constraint
from qhpo.space import Space

__all__ = ["LinearNumbers"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROUNDS = 8
_MARGIN = 1e-12


class LinearNumbers:
    """The linear constraints of a set as a matrix over the axes.

    Args:
        space: The search space.
        constraints: Any constraints; all but the linear ones are left out.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        self._space = space
        linear = [c for c in constraints if isinstance(c, Linear)]
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        self._coefficients = np.zeros((len(linear), len(space)))
        for row, constraint in zip(self._coefficients, linear, strict=True):
            for name, a in constraint.coefficients:
                row[index[name]] += a
        self._lower = np.array([-np.inf if c.sense == "<=" else float(c.bound) for c in linear])
        self._upper = np.array([np.inf if c.sense == ">=" else float(c.bound) for c in linear])
        used = self._coefficients.any(axis=0)
        floats = [
            isinstance(a.distribution, FloatDistribution)
            and a.distribution.step is None
            and not a.distribution.single()
            for a in space.axes
        ]
        self.floats: BoolArray = used & np.array(floats, dtype=bool)
        """Axes of floats without step that take part, shape (d,)."""
        equal = self._lower == self._upper
        self.coupled: list[tuple[int, int, float]] = [
            (i, j, float(row[i] / row[j]))
            for row in self._coefficients[equal]
            for i in np.flatnonzero(self.floats & (row != 0.0)).tolist()
            for j in np.flatnonzero(self.floats & (row != 0.0)).tolist()
            if i != j
        ]
        """Pairs of floats (i, j, a_i / a_j) that an equality lets move only together."""

    def values(self, coordinates: FloatArray) -> FloatArray:
        """Values of the axes that take part, (d,) to (d,); 0 elsewhere and where inactive."""
        used = np.abs(self._coefficients).sum(axis=0).tolist()
        return np.array(
            [
                float(axis.value(c)) if takes_part > 0.0 and not math.isnan(c) else 0.0
                for axis, c, takes_part in zip(
                    self._space.axes, coordinates.tolist(), used, strict=True
                )
            ]
        )

    def range_of(self, axis: int, coordinates: FloatArray) -> tuple[float, float]:
        """Coordinates between which one float may move while the constraints hold.

        Args:
            axis: Number of the axis.
            coordinates: The configuration, shape (d,).
        """
        a = self._coefficients[:, axis]
        rows = np.flatnonzero(a != 0.0)
        if not len(rows) or not self.floats[axis]:
            return 0.0, 1.0
        values = self.values(coordinates)
        rest = self._coefficients[rows] @ values - a[rows] * values[axis]
        ends = np.stack(
            [(self._lower[rows] - rest) / a[rows], (self._upper[rows] - rest) / a[rows]]
        )
        low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
        dist = self._space.axes[axis].distribution
        assert isinstance(dist, FloatDistribution)
        margin = _MARGIN * max(1.0, abs(low) if math.isfinite(low) else 1.0)
        low, high = max(low + margin, dist.low), min(high - margin, dist.high)
        if low > high:
            return 0.0, 0.0
        return (
            self._space.axes[axis].coordinate(low),
            self._space.axes[axis].coordinate(high),
        )

    def settle(self, coordinates: FloatArray, frozen: BoolArray) -> FloatArray:
        """A configuration near the given one whose floats keep the constraints, if there is one.

        The floats move by the least squares that close the residual; those that reach an end of
        their range stay there.

        Args:
            coordinates: Shape (d,), NaN where inactive.
            frozen: Axes that must not move, shape (d,), bool.

        Returns:
            Shape (d,); the constraints may still be violated if floats alone cannot keep them.
        """
        settled = coordinates.copy()
        free = self.floats & ~frozen & ~np.isnan(coordinates)
        values = self.values(coordinates)
        for _ in range(_ROUNDS):
            totals = self._coefficients @ values
            scale = _MARGIN * np.maximum(1.0, np.abs(self._coefficients) @ np.abs(values))
            is_equality = self._lower == self._upper
            inward = np.where(is_equality, 0.0, scale)
            residual = np.maximum(self._lower + inward - totals, 0.0)
            residual -= np.maximum(totals - self._upper + inward, 0.0)
            active = is_equality | (residual != 0.0)
            if not (np.abs(residual) > 0.0).any() or not free.any():
                break
            moves, *_ = np.linalg.lstsq(
                self._coefficients[np.ix_(active, free)], residual[active], rcond=None
            )
            wanted = values[free] + moves
            clipped = []
            for i, value in zip(np.flatnonzero(free).tolist(), wanted.tolist(), strict=True):
                dist = self._space.axes[i].distribution
                assert isinstance(dist, FloatDistribution)
                inside = min(max(value, dist.low), dist.high)
                settled[i] = self._space.axes[i].coordinate(inside)
                values[i] = self._space.axes[i].value(settled[i])
                if inside != value:
                    clipped.append(i)
            free[clipped] = False
        return settled
