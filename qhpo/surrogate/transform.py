"""Transforms of trial values to standard normal ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

__all__ = ["rank_gaussian"]

FloatArray = NDArray[np.float64]


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
