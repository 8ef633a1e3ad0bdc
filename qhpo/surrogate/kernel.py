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
k
    The kernel: the smooth part c + e1 + s2 e2 + s3 R, and v N.

A category's centred correlation does not depend on the shared off-diagonal correlation: it is
(L [x = x'] - 1) / (L - 1). So only numbers with three levels or more have a length scale.
An inactive axis (coordinate NaN) has k~_i = 0 with everything, and mismatch 1 with an active one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Axis, Space

__all__ = [
    "CONSTANT",
    "Levels",
    "combine",
    "leave_one_out",
    "linear_in_axis",
    "matern52",
    "matern52_alone",
    "mismatch",
    "of_categories",
    "power_sums",
    "reach",
    "scaled",
    "without_axis",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

CONSTANT = 1.0
"""Prior variance c of the mean of the transformed values over the whole space."""

_SQRT5 = 5.0**0.5
"""Of the Matern-5/2 correlation."""


_NO_WIDTH = 1e-12
"""Stands for a reach of 0: no two levels are so near."""


def matern52(distance: FloatArray, lengthscale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Matern-5/2 correlation and its derivative by the log length scale, both of one shape.

    (1 + u + u^2/3) exp(-u) with u = sqrt(5) distance / lengthscale (Rasmussen and Williams 2006,
    eq. 4.17); its derivative by log(lengthscale) is u^2 (1 + u)/3 exp(-u).
    """
    u = _SQRT5 * distance / lengthscale
    decay = np.exp(-u)
    u2 = u * u
    return (1.0 + u + u2 / 3.0) * decay, u2 * (1.0 + u) / 3.0 * decay


def matern52_alone(distance: FloatArray, lengthscale: FloatArray) -> FloatArray:
    """The correlation of `matern52` without its derivative."""
    u = distance * (_SQRT5 / lengthscale)
    result = u * (1.0 / 3.0)
    result += 1.0
    result *= u
    result += 1.0
    result *= np.exp(np.negative(u, out=u), out=u)
    return result


def reach(axis: Axis) -> float:
    """delta_i: half the distance of two levels, 0 for an axis that has values on levels only."""
    return 0.0 if axis.is_exhaustive else 0.5 / (axis.n_levels - 1)


def mismatch(difference: FloatArray, width: float | FloatArray) -> FloatArray:
    """m_i of differences of coordinates on axes of that `reach`, which broadcast, any shape."""
    if not np.any(width):
        return np.where(difference != 0.0, 1.0, 0.0)
    # On levels only, any difference is far more than the width.
    scaled = difference / np.maximum(width, _NO_WIDTH)
    result: FloatArray = -np.expm1(-0.5 * scaled * scaled)
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


def leave_one_out(terms: FloatArray, axes: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """u, v and w of `linear_in_axis` for some axes, (d, ...) to (k, ...) each."""
    chosen = terms[axes]
    u = terms.sum(axis=0) - chosen
    squares = np.einsum("i...,i...->...", terms, terms) - chosen * chosen
    v = 0.5 * (u * u - squares)
    # Products of the factors before and behind every axis: none is divided by, one may be 0.
    every = 1.0 + terms
    factors = every[axes]
    every[axes] = 1.0
    w = np.empty_like(chosen)
    w[:1] = np.prod(every, axis=0)
    np.multiply(np.cumprod(factors[:-1], axis=0), w[:1], out=w[1:])
    w[:-1] *= np.cumprod(factors[:0:-1], axis=0)[::-1]
    return u, v, w


class Levels:
    """The levels of the axes with a length scale, over which their correlations are centred.

    Nothing here grows with the square of how many values occur on an axis: they are centred by
    their own means over its levels, of which there are few.

    Args:
        space: The search space.

    Attributes:
        has_lengthscale: Which axes have a length scale, shape (d,), bool.
        is_off_grid: Which axes have values between their levels, shape (d,), bool. They have a
            length scale.
        reach: delta_i of every axis, shape (d,).
    """

    def __init__(self, space: Space) -> None:
        is_category = np.array([axis.is_category for axis in space.axes], dtype=bool)
        self.has_lengthscale = ~is_category & (space.n_levels >= 3)
        self.reach = np.array([reach(axis) for axis in space.axes])
        self.is_off_grid = self.reach > 0.0
        width = int(space.n_levels[self.has_lengthscale].max(initial=0))
        # Padded with levels of no weight, (d, W).
        self._coordinates = np.zeros((len(space), width))
        self._weight = np.zeros((len(space), width))
        for i in np.flatnonzero(self.has_lengthscale).tolist():
            n_levels = space.axes[i].n_levels
            self._coordinates[i, :n_levels] = space.axes[i].coordinates
            self._weight[i, :n_levels] = 1.0 / n_levels

    def grand_means(self, axes: IntArray, lengthscale: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Means of K_i over all pairs of levels: the mean diagonal of H K_i H is 1 less this.

        Args:
            axes: Numbers of axes with a length scale, shape (k,).
            lengthscale: Theirs, shape (..., k).

        Returns:
            The means and their derivatives by the log length scale, shape (..., k) each.
        """
        levels, weight = self._coordinates[axes], self._weight[axes]
        distance = np.abs(levels[:, :, None] - levels[:, None, :])
        base, slope = matern52(distance, lengthscale[..., None, None])
        pairs = weight[:, :, None] * weight[:, None, :]
        mean: FloatArray = np.einsum("...kuv,kuv->...k", base, pairs)
        return mean, np.einsum("...kuv,kuv->...k", slope, pairs)

    def means(self, axes: IntArray, points: FloatArray, lengthscale: FloatArray) -> FloatArray:
        """Means of K_i over the levels.

        Args:
            axes: Numbers of axes with a length scale, shape (k,).
            points: Coordinates of values of these axes, shape (k, P).
            lengthscale: Length scales, shape (..., k).

        Returns:
            Shape (..., k, P).
        """
        distance = np.abs(points[:, :, None] - self._coordinates[axes, None, :])
        base = matern52_alone(distance, lengthscale[..., None, None])
        mean: FloatArray = (base @ self._weight[axes, :, None])[..., 0]
        return mean

    def means_and_slopes(
        self, axes: IntArray, points: FloatArray, lengthscale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """`means`, and their derivatives by the log length scale."""
        distance = np.abs(points[:, :, None] - self._coordinates[axes, None, :])
        base, slope = matern52(distance, lengthscale[..., None, None])
        weight = self._weight[axes, :, None]
        return (base @ weight)[..., 0], (slope @ weight)[..., 0]

    def table(self, axis: int, lengthscale: float) -> tuple[FloatArray, FloatArray]:
        """k~_i among the levels and its derivative by the log length scale, (L, L) each."""
        levels = self._coordinates[axis, self._weight[axis] > 0.0]
        base, slope = matern52(np.abs(levels[:, None] - levels), np.array(lengthscale))
        means, slopes = base.mean(axis=1), slope.mean(axis=1)
        # A point's own half of the grand mean.
        shift, slope_shift = means - 0.5 * means.mean(), slopes - 0.5 * slopes.mean()
        return scaled(
            base - (shift[:, None] + shift),
            slope - (slope_shift[:, None] + slope_shift),
            float(means.mean()),
            float(slopes.mean()),
        )


def scaled(
    centred: FloatArray,
    slope: FloatArray,
    grand: float | FloatArray,
    grand_slope: float | FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """k~_i of pairs and its derivative, from those of H K_i H and of its grand mean."""
    correlation = centred / (1.0 - grand)
    return correlation, (slope + correlation * grand_slope) / (1.0 - grand)


def of_categories(n_levels: IntArray) -> tuple[FloatArray, FloatArray]:
    """k~_i of equal values and of different ones, without a length scale: (d,) to (d,) each."""
    other = np.where(n_levels > 1, -1.0 / np.maximum(n_levels - 1, 1), 0.0)
    return np.where(n_levels > 1, 1.0, 0.0), other
