"""Projection: linear constraints on floats without step, kept exactly between the levels.

Glossary
--------
residual
    What the sum of every constraint misses its nearest bound by, 0 if it holds, shape
    (constraints,).
inward
    How far inside of its bound a sum should lie, so that rounding errors do not break it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution
from scipy.optimize import nnls

from qhpo.constraints import Constraint
from qhpo.space import Space

__all__ = ["Projection"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_ROUNDS = 4
"""Rounds in which floats close what was rounded off when they became coordinates. The second closes
the first's but for rounding of its own; the others are for floats that stop at an end."""

_MARGIN = 1e-12
"""How far inside of a bound a sum is aimed, relative to its size: some thousand rounding errors."""


class Projection:
    """The linear constraints of a set as a matrix over the axes.

    Args:
        space: The search space.
        constraints: Any constraints; all but the linear ones are left out.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        self._space = space
        self._linear = [c for c in constraints if c.linear_row is not None]
        linear = [c.linear_row for c in constraints if c.linear_row is not None]
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        self._coefficients = np.zeros((len(linear), len(space)))
        for row, constraint in zip(self._coefficients, linear, strict=True):
            for name, a in constraint.coefficients:
                row[index[name]] += a
        self._lower = np.array([c.lower for c in linear], dtype=float)
        self._upper = np.array([c.upper for c in linear], dtype=float)
        used = self._coefficients.any(axis=0)
        floats = [
            isinstance(a.distribution, FloatDistribution)
            and a.distribution.step is None
            and not a.distribution.single()
            for a in space.axes
        ]
        self.floats: BoolArray = used & np.array(floats, dtype=bool)
        """Axes of floats without step that take part, shape (d,)."""

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

    def _margin(self, values: FloatArray) -> FloatArray:
        """How far from its bound a sum is safe from rounding errors, by constraint."""
        margin: FloatArray = _MARGIN * np.maximum(1.0, np.abs(self._coefficients) @ np.abs(values))
        return margin

    def _limits(self, axis: int) -> tuple[float, float]:
        dist = self._space.axes[axis].distribution
        assert isinstance(dist, FloatDistribution)
        return dist.low, dist.high

    def settle(self, coordinates: FloatArray, fixed: BoolArray) -> FloatArray:
        """The nearest configuration whose floats keep the constraints, if there is one.

        The floats move by the least sum of squares, each in units of its range.

        Args:
            coordinates: Shape (d,), NaN where inactive.
            fixed: Axes that must not move, shape (d,), bool.

        Returns:
            Shape (d,); the constraints are still violated if floats alone cannot keep them.
        """
        settled = self._settled(coordinates, fixed)
        # What is moved off one bound by rounding must not break another.
        if not self._is_exact(settled) and self._is_exact(coordinates):
            return coordinates.copy()
        return settled

    def _is_exact(self, coordinates: FloatArray) -> bool:
        """Whether the constraints hold as Python computes them."""
        params = self._space.decode(coordinates)
        return all(constraint.satisfied(params) for constraint in self._linear)

    def _settled(self, coordinates: FloatArray, fixed: BoolArray) -> FloatArray:
        free = np.flatnonzero(self.floats & ~fixed & ~np.isnan(coordinates))
        values = self.values(coordinates)
        margin = self._margin(values)
        if not len(free) or not self._residual(values, margin).any():
            return coordinates.copy()
        limits = np.array([self._limits(i) for i in free.tolist()])
        # Where there is no room for the margin, an end of a range may still be reached exactly.
        for inward in (margin, -margin):
            aim = np.maximum(inward, 0.0)
            if not self._residual(values, aim).any():
                break
            moves = self._least_moves(values, free, limits, inward)
            if moves is not None:
                return self._moved(coordinates, values, free, limits, values[free] + moves, aim)
        return coordinates.copy()

    def _residual(self, values: FloatArray, inward: FloatArray) -> FloatArray:
        totals = self._coefficients @ values
        inward = np.where(self._lower == self._upper, 0.0, inward)
        residual = np.maximum(self._lower + inward - totals, 0.0)
        residual -= np.maximum(totals - self._upper + inward, 0.0)
        return residual

    def _least_moves(
        self, values: FloatArray, free: IntArray, limits: FloatArray, inward: FloatArray
    ) -> FloatArray | None:
        """Least moves of some floats that keep all constraints, or None if none are found.

        The equalities leave a least move and a space to move in beside it; in there, what is left
        is a least distance problem.
        """
        beyond = 0.0 if (inward > 0.0).all() else 1e-9
        width = limits[:, 1] - limits[:, 0]
        at = (values[free] - limits[:, 0]) / width
        totals = self._coefficients @ values
        a = self._coefficients[:, free] * width
        is_equality = (self._lower == self._upper) & a.any(axis=1)
        needed = (self._lower - totals)[is_equality]
        _, sizes, directions = np.linalg.svd(a[is_equality])
        rank = int((sizes > 1e-10 * sizes.max(initial=0.0)).sum())
        along = directions[rank:].T  # (n, n - rank)
        first = np.linalg.pinv(a[is_equality], rcond=1e-10) @ needed
        b, eye = a[self._lower != self._upper], np.eye(len(free))
        least, most = (
            (bound + sign * inward - totals)[self._lower != self._upper]
            for bound, sign in ((self._lower, 1.0), (self._upper, -1.0))
        )
        rows = np.concatenate([b, -b, eye, -eye])
        bounds = np.concatenate([least, -most, -at - beyond, at - 1.0 - beyond])
        rest = _least_distance(rows @ along, bounds - rows @ first, len(free))
        return None if rest is None else (first + along @ rest) * width

    def _moved(
        self,
        coordinates: FloatArray,
        values: FloatArray,
        free: IntArray,
        limits: FloatArray,
        wanted: FloatArray,
        inward: FloatArray,
    ) -> FloatArray:
        """The configuration with other floats, up to rounding errors, which are closed."""
        moved, values = coordinates.copy(), values.copy()
        for _ in range(_ROUNDS):
            inside = np.clip(wanted, limits[:, 0], limits[:, 1])
            for i, value in zip(free.tolist(), inside.tolist(), strict=True):
                if value != values[i]:
                    moved[i] = self._space.axes[i].coordinate(value)
                    values[i] = self._space.axes[i].value(moved[i])
            residual = self._residual(values, inward)
            between = (inside > limits[:, 0]) & (inside < limits[:, 1])
            if not residual.any() or not between.any():
                break
            active = (self._lower == self._upper) | (residual != 0.0)
            chosen = np.ix_(active, free[between])
            wanted = values[free]
            wanted[between] += np.linalg.lstsq(
                self._coefficients[chosen], residual[active], rcond=None
            )[0]
        return moved


def _least_distance(rows: FloatArray, least: FloatArray, longest: float) -> FloatArray | None:
    """The z of least length with rows z >= least, or None if |z|^2 would exceed the longest.

    With E = [rows'; least'] and f = (0, ..., 0, 1), it is -r_1..n / r_n+1 for the residual r of the
    non-negative least squares problem min |E u - f| (Lawson, Hanson 1974, "Solving least squares
    problems", section 23.4).
    """
    n = rows.shape[1]
    size = np.linalg.norm(rows, axis=1)
    decides = np.isfinite(least) & (size > 1e-10)
    if (least[~decides] > 1e-10).any():
        return None
    rows, least = rows[decides] / size[decides, None], least[decides] / size[decides]
    if not (least > 0.0).any():
        return np.zeros(n)
    transposed = np.vstack([rows.T, least])
    target = np.append(np.zeros(n), 1.0)
    try:
        weights, _ = nnls(transposed, target)
    except RuntimeError:
        # Too many steps.
        return None
    r = transposed @ weights - target
    # -r_n+1 is 1 / (1 + |z|^2), and 0 if there is none.
    if -r[-1] < 0.5 / (1.0 + longest):
        return None
    z: FloatArray = -r[:-1] / r[-1]
    return z
