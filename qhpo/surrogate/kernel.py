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

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Axis

__all__ = [
    "CONSTANT",
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

CONSTANT = 1.0
"""Prior variance c of the mean of the transformed values over the whole space."""

_SQRT5 = 5.0**0.5


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
