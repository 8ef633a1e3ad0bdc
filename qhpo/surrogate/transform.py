"""Transforms of trial values to the values that are modelled, of mean 0 and deviation 1.

Ranks forget by how much one value is better than another. That makes the best of them easier to
tell apart where values are noisy or heavy-tailed, as they are in tables of trained networks, and it
bends what would be a straight line: sums of effects are learnt from far fewer trials as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from qhpo.surrogate.base import Moments

__all__ = [
    "OBJECTIVE_TRANSFORMS",
    "TRANSFORMS",
    "Transform",
    "in_units",
    "rank_gaussian",
    "standardized",
    "within_fences",
]

FloatArray = NDArray[np.float64]

Transform = Callable[[FloatArray], FloatArray]
"""Values, shape (n,), smaller is better, to values in the same order."""


def rank_gaussian(values: FloatArray) -> FloatArray:
    """Normal scores of the ranks (Gaussian copula), ties sharing their mean rank.

    Only the order of the values matters, so infinite ones and any monotone rescaling are fine
    (Salinas, Shen, Perrone 2020, "A quantile-based approach for hyperparameter transfer learning",
    eq. 2).

    Args:
        values: Shape (n,), not NaN, smaller is better.

    Returns:
        Shape (n,), increasing in ``values``; all zero if all values are equal.
    """
    # scipy.stats.rankdata does the same, but importing scipy.stats takes longer than all of qhpo.
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[place]
    scores: FloatArray = ndtri((ranks - 0.5) / len(values))
    return scores


def standardized(values: FloatArray) -> FloatArray:
    """Values less their mean, in units of their standard deviation.

    Args:
        values: Shape (n,), not NaN, smaller is better; infinite ones count as the nearest finite.

    Returns:
        Shape (n,); all zero if all values are equal, or none is finite.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros(len(values))
    clipped = np.clip(values, finite.min(), finite.max())
    # Divided first: the sum of squares of large values is beyond floats.
    size = np.abs(clipped).max()
    if size == 0.0:
        return np.zeros(len(values))
    centred = clipped / size - np.mean(clipped / size)
    deviation = centred.std()
    return centred / deviation if deviation > 1e-12 else np.zeros(len(values))


_FENCE = 3.0
"""Tukey's outer fence: what lies beyond is "far out"."""


def within_fences(values: FloatArray) -> FloatArray:
    """Standardized values, those far above the others as if they were at the upper fence.

    Differences among good values keep their size, which a hypervolume is measured in; one trial
    that went wrong does not make them vanish. The fence lies three times the distance of the
    quartiles above the upper one (Tukey 1977, "Exploratory Data Analysis").

    Args:
        values: Shape (n,), not NaN; infinite ones count as the nearest finite.

    Returns:
        Shape (n,), mean 0 and standard deviation 1; all 0 where the values are equal.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.zeros(len(values))
    # Divided first: differences of the largest values are beyond floats.
    size = np.abs(finite).max() or 1.0
    scaled = np.clip(values, finite.min(), finite.max()) / size
    low, high = np.quantile(scaled[np.isfinite(values)], [0.25, 0.75])
    return standardized(np.minimum(scaled, high + _FENCE * (high - low) if high > low else np.inf))


def in_units(transformed: FloatArray, values: FloatArray, moments: Moments) -> tuple[float, float]:
    """Mean and standard deviation of a value in its own unit, from beliefs about its transform.

    The transform is taken to be linear between the values that were observed, and to end at the
    least and at the greatest finite one: nothing is promised that nobody has seen.

    Args:
        transformed: Of the observed values, shape (n,).
        values: The observed values, shape (n,).
        moments: Of every member, shape (M,) each.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return float(values[0]), 0.0
    order = np.argsort(values[finite], kind="stable")
    known, first = np.unique(transformed[finite][order], return_index=True)
    deviations = np.sqrt(moments.variance)
    # Values are centred, so that rounding does not decide where they are close to each other, and
    # scaled by a power of two, which rounds nothing: differences and squares of the largest ones
    # are beyond floats.
    scale = 2.0 ** np.frexp(np.abs(values[finite]).max())[1].clip(-900, 1000)
    scaled = values[finite][order][first] / scale
    shift = float(scaled.min())
    at = moments.mean[:, None] + deviations[:, None] * _NODES
    shifted = np.interp(at, known, scaled - shift)
    mean = float((shifted @ _WEIGHTS).mean())
    variance = float(((shifted - mean) ** 2 @ _WEIGHTS).mean())
    return float((shift + mean) * scale), float(variance**0.5 * scale)


_ROOTS = np.polynomial.hermite_e.hermegauss(32)
"""Of Gauss and Hermite: exact for transforms that are polynomials of degree 63 between values."""

_NODES, _WEIGHTS = _ROOTS[0], _ROOTS[1] / _ROOTS[1].sum()


OBJECTIVE_TRANSFORMS: tuple[Transform, ...] = (within_fences, rank_gaussian)
"""The same where there are several objectives: a hypervolume is made of differences of values,
which ranks forget."""

TRANSFORMS: tuple[Transform, ...] = (rank_gaussian, standardized)
"""The transform that is used, and what replaces it where that predicts much better."""
