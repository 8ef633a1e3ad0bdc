"""Sums of numbers and of products of two, as polynomials of one of the numbers.

Glossary
--------
v
    Values of all axes in the parameters' own units, shape (d,); 0 where inactive, and for what no
    sum speaks of.
row
    A sum: b'v + v'Mv, between two bounds; k of them.
t
    A value of one number, given all others: the sum of a row is p0 + p1 t + p2 t^2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution, IntDistribution

from qhpo.constraints import Constraint
from qhpo.space import Axis, Space

__all__ = ["CLOSE", "MARGIN", "SumRows", "limits"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MARGIN = 1e-12
"""How far inside of a bound a sum is aimed, relative to its size: some thousand rounding errors."""

CLOSE = 1e-9
"""Part of a range, or of a sum, that may be due to rounding errors."""


class SumRows:
    """The constraints of a set that are sums of numbers.

    Args:
        space: The search space.
        constraints: Any constraints; those that are no sums of numbers are left out.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        self._space = space
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        rows = [c.quadratic_row for c in constraints if c.quadratic_row is not None]
        self._linear = np.zeros((len(rows), len(space)))
        products: list[tuple[int, int, int, float]] = []
        for k, row in enumerate(rows):
            for name, a in row.coefficients:
                self._linear[k, index[name]] += a
            products += [(k, index[first], index[second], a) for first, second, a in row.products]
        self._row, self._first, self._second = (
            np.array([p[at] for p in products], dtype=np.intp) for at in range(3)
        )
        self._factor = np.array([p[3] for p in products])
        self._lower = np.array([row.lower for row in rows], dtype=float)
        self._upper = np.array([row.upper for row in rows], dtype=float)
        self._tolerance = np.array([row.tolerance for row in rows], dtype=float)
        self._is_equality = self._lower == self._upper
        self._used: BoolArray = self._linear != 0.0
        self._used[self._row, self._first] = True
        self._used[self._row, self._second] = True
        self._in_use = np.flatnonzero(self._used.any(axis=0)).tolist()

    @cached_property
    def are_impossible(self) -> bool:
        """Whether some sum is proven to keep its bounds nowhere, if all its numbers are active.

        Each term is bounded on its own: sums whose terms depend on each other may be missed.
        """
        ends = np.zeros((len(self._space), 2))
        for i in self._in_use:
            axis = self._space.axes[i]
            known = axis.coordinates.tolist() if axis.is_category else (0.0, 1.0)
            values = [float(axis.value(c)) for c in known]
            ends[i] = min(values), max(values)
        least, most = (side.copy() for side in _ends_of(self._linear, ends))
        both = ends[self._first][:, :, None] * ends[self._second][:, None, :]
        low, high = both.min(axis=(1, 2)), both.max(axis=(1, 2))
        crosses = (self._first == self._second) & (ends[self._first].prod(axis=1) <= 0.0)
        low = np.where(crosses, 0.0, low)
        products = np.sort(np.stack([self._factor * low, self._factor * high]), axis=0)
        np.add.at(least, self._row, products[0])
        np.add.at(most, self._row, products[1])
        beyond = self._tolerance + CLOSE * np.maximum(np.maximum(np.abs(least), np.abs(most)), 1.0)
        return bool(((least - beyond > self._upper) | (most + beyond < self._lower)).any())

    def values(self, coordinates: FloatArray) -> FloatArray:
        """The v of a configuration, (d,) to (d,)."""
        v = np.zeros(len(coordinates))
        for i in self._in_use:
            if not math.isnan(coordinates[i]):
                v[i] = float(self._space.axes[i].value(float(coordinates[i])))
        return v

    def _totals(self, v: FloatArray) -> FloatArray:
        """The sums of all rows, shape (k,)."""
        totals: FloatArray = self._linear @ v
        np.add.at(totals, self._row, self._factor * v[self._first] * v[self._second])
        return totals

    def _sizes(self, v: FloatArray) -> FloatArray:
        """Size of what is summed in every row, shape (k,); at least 1."""
        sizes = np.abs(self._linear) @ np.abs(v)
        np.add.at(sizes, self._row, np.abs(self._factor * v[self._first] * v[self._second]))
        at_least: FloatArray = np.maximum(sizes, 1.0)
        return at_least

    def _missed(self, v: FloatArray) -> FloatArray:
        """What every sum lacks to its nearest bound, shape (k,); 0 where it is within them."""
        totals = self._totals(v)
        missed: FloatArray = np.maximum(self._lower - self._tolerance - totals, 0.0)
        missed -= np.maximum(totals - self._upper - self._tolerance, 0.0)
        return missed

    def polynomials(self, v: FloatArray, axis: int) -> FloatArray:
        """p0, p1, p2 of every row in one number, shape (3, k)."""
        at_zero = v.copy()
        at_zero[axis] = 0.0
        p = np.stack([self._totals(at_zero), self._linear[:, axis], np.zeros(len(self._linear))])
        for mine, other in ((self._first, self._second), (self._second, self._first)):
            crossing = (mine == axis) & (other != axis)
            np.add.at(p[1], self._row[crossing], self._factor[crossing] * v[other[crossing]])
        squares = (self._first == axis) & (self._second == axis)
        np.add.at(p[2], self._row[squares], self._factor[squares])
        return p

    def _gradients(self, v: FloatArray) -> FloatArray:
        """Derivatives of all sums by all values, shape (k, d)."""
        gradients = self._linear.copy()
        np.add.at(gradients, (self._row, self._first), self._factor * v[self._second])
        np.add.at(gradients, (self._row, self._second), self._factor * v[self._first])
        return gradients

    def _keep(self, p: FloatArray, t: FloatArray) -> BoolArray:
        """Which values of one number keep all sums, (n,) to (n,)."""
        sums = p[0][:, None] + p[1][:, None] * t + p[2][:, None] * t * t
        lower = (self._lower - self._tolerance)[:, None]
        upper = (self._upper + self._tolerance)[:, None]
        kept: BoolArray = ((lower <= sums) & (sums <= upper)).all(axis=0)
        return kept

    def _ends(self, v: FloatArray, axis: int, p: FloatArray) -> FloatArray:
        """Values of one number at which a sum reaches a bound, and its own ends, increasing.

        Between two of them that follow each other either all values keep the sums, or none does.
        """
        low, high = limits(self._space.axes[axis])
        inward = np.where(self._is_equality, 0.0, MARGIN * self._sizes(v))
        ends = [low, high]
        for k in np.flatnonzero(self._used[:, axis]).tolist():
            for bound in {self._lower[k] + inward[k], self._upper[k] - inward[k]}:
                if math.isfinite(bound):
                    ends += _roots(p[2, k], p[1, k], p[0, k] - bound)
        inside = np.array(ends)
        return np.unique(inside[(low <= inside) & (inside <= high)])


def _ends_of(linear: FloatArray, ends: FloatArray) -> FloatArray:
    """Least and largest sums of terms, shape (2, k), of coefficients (k, d) and ends (d, 2)."""
    terms = np.sort(linear[:, :, None] * ends, axis=2)
    sums: FloatArray = terms.sum(axis=1).T
    return sums


def limits(axis: Axis) -> tuple[float, float]:
    """The ends of a number's range."""
    dist = axis.distribution
    assert isinstance(dist, (FloatDistribution, IntDistribution))
    return float(dist.low), float(dist.high)


def _roots(square: float, slope: float, constant: float) -> list[float]:
    """Real roots of a polynomial of degree two or less, and where it is extreme."""
    if square == 0.0:
        return [] if slope == 0.0 else [-constant / slope]
    extreme = -slope / (2.0 * square)
    inner = slope * slope - 4.0 * square * constant
    if inner < 0.0:
        return [extreme]
    # The sum of numbers of one sign: nothing is cancelled (Press et al. 2007, section 5.6).
    larger = -0.5 * (slope + math.copysign(math.sqrt(inner), slope))
    return [extreme, larger / square, *([constant / larger] if larger != 0.0 else [])]
