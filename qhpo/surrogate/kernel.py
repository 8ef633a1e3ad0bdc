"""The ANOVA kernel: centred per-axis correlations and their sum over orders of interaction.

Glossary
--------
d, n, M
    Number of axes, of observed configurations, of ensemble members.
K_i
    Base correlation over axis i: Matern-5/2 on coordinates for numbers, a shared off-diagonal
    correlation for categories.
k~_i
    K_i centred over the axis's levels and scaled to mean diagonal 1 there,
    (H K_i H) / mean diag(H K_i H) with H = I - 11'/L. Centring makes main effects and interactions
    orthogonal (Durrande, Ginsbourger, Roustant, Carraro 2013, "ANOVA kernels and RKHS of zero mean
    functions for model-based sensitivity analysis", eq. 8).
w_i
    Relevance of axis i, >= 0, in units of the variance of the values.
e1, e2
    Elementary symmetric polynomials of the w_i k~_i, orders one and two (Duvenaud, Nickisch,
    Rasmussen 2011, "Additive Gaussian Processes", eq. 6).
R
    All interactions of order three and up: prod_i (1 + w_i k~_i) - 1 - e1 - e2.
m_i
    Mismatch on axis i, in [0, 1]: [x_i != x'_i], or, where an axis has values between its levels,
    1 - exp(-((x_i - x'_i) / delta_i)^2 / 2) with delta_i half the distance of two levels.
t_i
    Tension of axis i, >= 0: how much of the correlated nugget changes along it.
N
    Correlated nugget prod_i (1 - m_i + m_i exp(-t_i)), what differs from one configuration to the
    next and no smooth model predicts, shared along axes of little tension. On levels it is
    exp(-sum of t_i over the axes that differ), the transformed overlap kernel of Wan, Nguyen, Ha,
    Ru, Lu, Osborne 2021, "Think Global and Act Local", eq. 5. In tables of trained networks it is
    most of what separates the best configurations, and an axis that does not matter, such as a tiny
    weight decay, leaves it as it is. Numbers much closer than levels share it whatever the tension,
    so that a copy of the incumbent is nothing new.
strain
    -log of one axis's factor of N, -log(1 - m_i + m_i exp(-t_i)).
k
    The kernel: the smooth part c + e1 + s2 e2 + s3 R, and v N.

A category's centred correlation does not depend on the shared off-diagonal correlation: it is
(L [x = x'] - 1) / (L - 1). So only numbers with three levels or more have a length scale.
An inactive axis (coordinate NaN) has k~_i = 0 with everything, and mismatch 1 with an active one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Axis, OccurringValues, Space

__all__ = [
    "CONSTANT",
    "AxisTables",
    "Support",
    "centre",
    "combine",
    "leave_one_out",
    "linear_in_axis",
    "matern52",
    "mismatch",
    "power_sums",
    "reach",
    "strain",
    "without_axis",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

CONSTANT = 1.0
"""Prior variance c of the mean of the transformed values over the whole space."""

_SQRT5 = 5.0**0.5
"""Of the Matern-5/2 correlation."""


def matern52(distance: FloatArray, lengthscale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Matern-5/2 correlation and its derivative by the log length scale, both of one shape.

    (1 + u + u^2/3) exp(-u) with u = sqrt(5) distance / lengthscale (Rasmussen and Williams 2006,
    eq. 4.17); its derivative by log(lengthscale) is u^2 (1 + u)/3 exp(-u).
    """
    u = _SQRT5 * distance / lengthscale
    decay = np.exp(-u)
    u2 = u * u
    return (1.0 + u + u2 / 3.0) * decay, u2 * (1.0 + u) / 3.0 * decay


def centre(table: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """H K H over the levels (weights p): K - Kp1' - 1p'K + p'Kp.

    Args:
        table: Shape (d, U, U).
        weight: Shape (d, U).

    Returns:
        The centred table, Kp of shape (d, U) and p'Kp of shape (d,).
    """
    means: FloatArray = np.einsum("iuv,iv->iu", table, weight)
    grand: FloatArray = np.einsum("iu,iu->i", means, weight)
    centred = table - means[:, :, None] - means[:, None, :] + grand[:, None, None]
    return centred, means, grand


def reach(axis: Axis) -> float:
    """delta_i: half the distance of two levels, 0 for an axis that has values on levels only."""
    return 0.0 if axis.is_exhaustive else 0.5 / (axis.n_levels - 1)


def mismatch(difference: FloatArray, width: float) -> FloatArray:
    """m_i of differences of coordinates on an axis of that `reach`, any shape."""
    if width == 0.0:
        return np.where(difference != 0.0, 1.0, 0.0)
    result: FloatArray = -np.expm1(-0.5 * (difference / width) ** 2)
    return result


def strain(mismatch: FloatArray, tension: FloatArray) -> FloatArray:
    """Strain of mismatches in [0, 1] under tensions >= 0, which broadcast against each other."""
    result: FloatArray = -np.log(1.0 - mismatch + mismatch * np.exp(-tension))
    return result


def linear_in_axis(
    others_sum: FloatArray,
    others_pairs: FloatArray,
    others_product: FloatArray,
    s2: FloatArray,
    s3: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """The kernel as a function of one axis's term a = w_i k~_i: k = fixed + slope a.

    Args:
        others_sum: u, sum of the other axes' terms.
        others_pairs: v, their second elementary symmetric polynomial.
        others_product: w, product of 1 + term over the other axes.
        s2: Strength of the second order.
        s3: Strength of the orders three and up.

    Returns:
        fixed = c + (1 - s3) u + (s2 - s3) v + s3 (w - 1) and
        slope = (1 - s3) + (s2 - s3) u + s3 w, of the arguments' common shape.
    """
    fixed = (
        (CONSTANT - s3) + (1.0 - s3) * others_sum + (s2 - s3) * others_pairs + s3 * others_product
    )
    slope = (1.0 - s3) + (s2 - s3) * others_sum + s3 * others_product
    return fixed, slope


def combine(
    e1: FloatArray, squares: FloatArray, product: FloatArray, s2: FloatArray, s3: FloatArray
) -> FloatArray:
    """The kernel from its power sums, all of one shape; s2 and s3 broadcast against it.

    Args:
        e1: sum_i w_i k~_i.
        squares: sum_i (w_i k~_i)^2, so that e2 = (e1^2 - squares) / 2 (Newton-Girard).
        product: prod_i (1 + w_i k~_i).
        s2: Strength of the second order.
        s3: Strength of the orders three and up.
    """
    e2 = 0.5 * (e1 * e1 - squares)
    return CONSTANT + (1.0 - s3) * e1 + (s2 - s3) * e2 + s3 * (product - 1.0)


def power_sums(terms: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """e1, the sum of squares and the product of 1 + term, what `combine` takes.

    Args:
        terms: w_i k~_i, shape (d, ...).
    """
    return terms.sum(axis=0), (terms * terms).sum(axis=0), np.prod(1.0 + terms, axis=0)


def without_axis(terms: FloatArray, axis: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """u, v and w of `linear_in_axis` for one axis, from terms of shape (d, ...)."""
    u, squares, w = power_sums(np.delete(terms, axis, axis=0))
    return u, 0.5 * (u * u - squares), w


def leave_one_out(terms: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """u, v and w of `linear_in_axis` for every axis, each of the terms' shape (d, ...)."""
    squared = terms * terms
    u = terms.sum(axis=0) - terms
    v = 0.5 * (u * u - (squared.sum(axis=0) - squared))
    # Products of the factors before and behind every axis: none is divided by, one may be 0.
    factors = 1.0 + terms
    w = np.ones_like(terms)
    np.cumprod(factors[:-1], axis=0, out=w[1:])
    w[:-1] *= np.cumprod(factors[:0:-1], axis=0)[::-1]
    return u, v, w


class AxisTables(NamedTuple):
    """Centred correlations of all values that occur on an axis.

    Attributes:
        correlation: k~_i, shape (d, U, U).
        gradient: Its derivative by the log length scale, shape (d, U, U); 0 for categories.
        means: Mean of K_i over the levels at every value, shape (d, U); 0 without length scale.
        grand: Mean of ``means`` over the levels, shape (d,).
        scale: Mean diagonal of H K_i H over the levels, shape (d,); 1 without length scale.
    """

    correlation: FloatArray
    gradient: FloatArray
    means: FloatArray
    grand: FloatArray
    scale: FloatArray


class Support:
    """The values that occur on every axis: its levels first, then visited values between them.

    Kernels are computed once per pair of such values and looked up for pairs of configurations.

    Args:
        space: The search space.
        coordinates: Configurations whose values occur, shape (n, d), NaN where inactive.

    Attributes:
        occurring: Their places.
        values: Coordinates per axis, padded with 0, shape (d, U).
        has_lengthscale: Which axes have a length scale, shape (d,), bool.
        is_off_grid: Which axes have values between their levels, shape (d,), bool. They have a
            length scale.
        mismatch: m_i of all pairs of values, shape (d, U, U).
    """

    def __init__(self, space: Space, coordinates: FloatArray) -> None:
        self.space = space
        self.occurring = OccurringValues(space, coordinates)
        columns = self.occurring.of_axis
        self._sizes = np.array([len(values) for values in columns], dtype=np.intp)
        width = int(self._sizes.max(initial=0))
        self.values = np.zeros((len(columns), width))
        for row, values in zip(self.values, columns, strict=True):
            row[: len(values)] = values
        is_category = np.array([axis.is_category for axis in space.axes], dtype=bool)
        self.has_lengthscale = ~is_category & (space.n_levels >= 3)
        self._is_level = np.arange(width) < space.n_levels[:, None]
        self._level_weight = self._is_level / np.maximum(space.n_levels, 1)[:, None]
        self._distance = np.abs(self.values[:, :, None] - self.values[:, None, :])
        self._constant = self._constant_tables()
        self._reach = np.array([reach(axis) for axis in space.axes])
        self.is_off_grid = self._reach > 0.0
        self.mismatch = np.stack(
            [self.mismatch_of(i, values) for i, values in enumerate(self.values)]
        )

    def _constant_tables(self) -> FloatArray:
        """k~_i of the axes without a length scale; zero rows for the others, shape (d, U, U)."""
        n_levels = self.space.n_levels[:, None, None]
        table = (n_levels * (self._distance == 0.0) - 1.0) / np.maximum(n_levels - 1, 1)
        keep = (n_levels >= 2) & ~self.has_lengthscale[:, None, None]
        return np.where(keep, table, 0.0)

    def mismatch_of(self, axis: int, points: FloatArray) -> FloatArray:
        """m_i of coordinates of one axis with all its values, (P,) to (P, U)."""
        return mismatch(points[:, None] - self.values[axis], float(self._reach[axis]))

    def tables(self, lengthscale: FloatArray, off_grid: bool = True) -> AxisTables:
        """Tables for length scales of shape (d,), in units of an axis's whole range.

        Args:
            lengthscale: Length scale per axis, shape (d,).
            off_grid: Whether to fill the tables of axes with values between their levels.
        """
        result = AxisTables(
            self._constant.copy(),
            np.zeros_like(self._constant),
            np.zeros_like(self.values),
            np.zeros(len(self.values)),
            np.ones(len(self.values)),
        )
        # Axes with values between their levels have far larger tables than the others.
        for group, wanted in (
            (self.is_off_grid, off_grid),
            (self.has_lengthscale & ~self.is_off_grid, True),
        ):
            if wanted and group.any():
                self._fill(result, np.flatnonzero(group), lengthscale)
        return result

    def _fill(self, result: AxisTables, axes: IntArray, lengthscale: FloatArray) -> None:
        """Tables of some axes with a length scale, no wider than these axes need."""
        width = int(self._sizes[axes].max())
        inner = np.ix_(axes, np.arange(width), np.arange(width))
        base, slope = matern52(self._distance[inner], lengthscale[axes, None, None])
        weight = self._level_weight[axes, :width]
        centred, means, grand = centre(base, weight)
        centred_slope, _, _ = centre(slope, weight)
        scale = np.einsum("iu,iuu->i", weight, centred)
        scale_slope = np.einsum("iu,iuu->i", weight, centred_slope)[:, None, None]
        correlation = centred / scale[:, None, None]
        result.correlation[inner] = correlation
        result.gradient[inner] = (centred_slope - correlation * scale_slope) / scale[:, None, None]
        result.means[axes, :width] = means
        result.grand[axes] = grand
        result.scale[axes] = scale

    def pair_terms(
        self,
        axis: int,
        points: FloatArray,
        pairs: tuple[IntArray, IntArray],
        distance: FloatArray,
        lengthscale: float,
    ) -> tuple[FloatArray, FloatArray]:
        """k~_i of pairs of points, for an axis whose table would be larger than the pairs are many.

        Args:
            axis: Number of an axis with a length scale.
            points: Coordinates, shape (n,), NaN where inactive.
            pairs: Numbers of the points of every pair, two arrays of shape (P,).
            distance: Distances of the pairs, shape (P,).
            lengthscale: The axis's length scale.

        Returns:
            k~_i and its derivative by the log length scale, shape (P,); 0 for pairs with an
            inactive point.
        """
        scale = np.array(lengthscale)
        levels = self.space.axes[axis].coordinates
        of_pairs = matern52(distance, scale)
        to_levels = matern52(np.abs(points[:, None] - levels), scale)
        among_levels = matern52(np.abs(levels[:, None] - levels), scale)
        centred = []
        norms = []
        for table, cross, grid in zip(of_pairs, to_levels, among_levels, strict=True):
            # Half of the grand mean goes to either point of a pair.
            shift = cross.mean(axis=1) - 0.5 * grid.mean()
            centred.append(table - (shift[pairs[0]] + shift[pairs[1]]))
            norms.append(float(grid.diagonal().mean() - grid.mean()))
        correlation = centred[0] / norms[0]
        gradient = (centred[1] - correlation * norms[1]) / norms[0]
        if np.isnan(points).any():
            inactive = np.isnan(distance)
            correlation[inactive] = gradient[inactive] = 0.0
        return correlation, gradient

    def between(
        self, axis: int, points: FloatArray, lengthscale: float, tables: AxisTables
    ) -> tuple[FloatArray, FloatArray]:
        """k~_i of points between the levels with all values of the axis, and with themselves.

        Args:
            axis: Number of an axis with a length scale.
            points: Coordinates, shape (P,).
            lengthscale: The axis's length scale, the one ``tables`` was made with.
            tables: This support's tables.

        Returns:
            Arrays of shape (P, U) and (P,).
        """
        distance = np.abs(points[:, None] - self.values[axis])
        base, _ = matern52(distance, np.array(lengthscale))
        means = base @ self._level_weight[axis]
        centred = base - means[:, None] - tables.means[axis] + tables.grand[axis]
        own = 1.0 - 2.0 * means + tables.grand[axis]
        return centred / tables.scale[axis], own / tables.scale[axis]
