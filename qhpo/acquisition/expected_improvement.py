"""Expected improvement under an ensemble, in logarithms.

log EI = log(s) + log h(z), z = (best - mean) / s, h(z) = phi(z) + z Phi(z), computed as in Ament,
Daulton, Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to Expected Improvement for
Bayesian Optimization", eq. 9, so that it keeps its order where EI underflows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, logsumexp

__all__ = ["ensemble_log_ei", "log_h"]

FloatArray = NDArray[np.float64]

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)


def log_h(z: FloatArray) -> FloatArray:
    """log(phi(z) + z Phi(z)), any shape."""
    out = np.empty_like(z)
    right = z > -1.0
    zr = z[right]
    density = np.exp(-0.5 * zr * zr - _LOG_SQRT_2PI)
    out[right] = np.log(density + zr * np.exp(log_ndtr(zr)))
    zl = np.minimum(z[~right], -1.0)
    # 1 + z Phi(z)/phi(z), with Mills' ratio by the scaled complementary error function; its
    # expansion 1/z^2 takes over where the difference would cancel.
    mills = np.sqrt(np.pi / 2.0) * erfcx(-zl / np.sqrt(2.0))
    log_rest = np.where(zl > -1e3, np.log(np.maximum(1.0 + zl * mills, 1e-300)), -2 * np.log(-zl))
    out[~right] = -0.5 * zl * zl - _LOG_SQRT_2PI + log_rest
    return out


def ensemble_log_ei(mean: FloatArray, variance: FloatArray, best: FloatArray) -> FloatArray:
    """Log of the expected improvement averaged over the members.

    Args:
        mean: Predictive means, shape (M, q), smaller is better.
        variance: Predictive variances, shape (M, q).
        best: Value to improve on, per member, shape (M,).

    Returns:
        Shape (q,).
    """
    deviation = np.sqrt(variance)
    each = np.log(deviation) + log_h((best[:, None] - mean) / deviation)
    averaged: FloatArray = logsumexp(each, axis=0) - np.log(len(best))
    return averaged
