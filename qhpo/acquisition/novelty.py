"""How new a configuration is, where numbers may come as close to visited ones as they like.

Glossary
--------
s(x, x')
    Sameness of two configurations, prod_i (1 - m_i) with the mismatches m_i of
    `qhpo.surrogate.kernel`: on levels 1 if they are equal and 0 if not.
novelty
    1 - max_n s(x, X_n), from 0 for a visited configuration to 1. The score of a candidate is its
    expected improvement times its novelty: a copy of the incumbent is expected to be as good, and
    teaches nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.kernel import mismatch, reach

__all__ = ["Novelty"]

FloatArray = NDArray[np.float64]

_LEAST = 1e-12
"""Novelty of a copy, whose logarithm must be finite: it may be all that a search can start from."""


class Novelty:
    """Novelty against observed configurations.

    Args:
        space: The search space.
        observed: Shape (n, d), NaN where inactive.
    """

    def __init__(self, space: Space, observed: FloatArray) -> None:
        self._space = space
        self._observed = observed
        self._reach = [reach(axis) for axis in space.axes]
        # Without values between levels, what is not visited has novelty 1.
        self._is_constant = not any(self._reach)

    def log_of(self, x: FloatArray) -> FloatArray:
        """Log novelty of configurations, (q, d) to (q,)."""
        if self._is_constant:
            return np.zeros(len(x))
        same = np.ones((len(x), len(self._observed)))
        for i, column in enumerate(x.T):
            same *= self._sameness(i, column)
        return _log_novelty(same)

    def log_of_changes(self, x: FloatArray) -> FloatArray:
        """Log novelty of all single-axis changes, (S, d) to (S, D)."""
        space = self._space
        result = np.zeros((len(x), int(space.starts[-1])))
        if self._is_constant:
            return result
        own = [self._sameness(i, column) for i, column in enumerate(x.T)]  # (S, n)
        for i, axis in enumerate(space.axes):
            others = np.ones_like(own[i])
            for j, same in enumerate(own):
                if j != i:
                    others = others * same
            levels = self._sameness(i, axis.coordinates)  # (L, n)
            block = result[:, space.starts[i] : space.starts[i + 1]]
            block[:] = _log_novelty(others[:, None, :] * levels)
        return result

    def log_along(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """Log novelty of a configuration, shape (d,), with one axis at P coordinates: (P,)."""
        if self._is_constant:
            return np.zeros(len(points))
        same = np.concatenate([self._sameness(i, x[[i]]) for i in range(len(x))])  # (d, n)
        others = np.delete(same, axis, axis=0).prod(axis=0)
        return _log_novelty(others * self._sameness(axis, points))

    def _sameness(self, axis: int, points: FloatArray) -> FloatArray:
        """1 - m_i of coordinates with the observations, (P,) to (P, n)."""
        observed = self._observed[:, axis]
        same = 1.0 - mismatch(points[:, None] - observed, self._reach[axis])
        inactive = np.isnan(points)[:, None]
        missing = np.isnan(observed)
        return np.where(inactive | missing, np.where(inactive & missing, 1.0, 0.0), same)


def _log_novelty(sameness: FloatArray) -> FloatArray:
    """From the sameness with all observations, (..., n) to (...)."""
    result: FloatArray = np.log(np.maximum(1.0 - sameness.max(axis=-1), _LEAST))
    return result
