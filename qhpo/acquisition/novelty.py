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

from qhpo.surrogate.anova_gp import AnovaGP

__all__ = ["Novelty", "log_novelty"]

FloatArray = NDArray[np.float64]

_LEAST = 1e-12


class Novelty:
    """Novelty against the observations of a model.

    Args:
        model: The posterior.

    Attributes:
        is_constant: Whether all configurations that are not visited have novelty 1, because no
            axis has values between its levels.
    """

    def __init__(self, model: AnovaGP) -> None:
        self._model = model
        self.is_constant = not model.support.is_off_grid.any()

    def log_of(self, coordinates: FloatArray) -> FloatArray:
        """Log novelty of configurations, (q, d) to (q,)."""
        if self.is_constant:
            return np.zeros(len(coordinates))
        same = np.ones((len(coordinates), len(self._model.places)))
        for i, column in enumerate(coordinates.T):
            same *= self.sameness(i, column)
        return log_novelty(same)

    def log_of_changes(self, coordinates: FloatArray) -> FloatArray:
        """Log novelty of all single-axis changes, (S, d) to (S, D)."""
        space = self._model.space
        result = np.zeros((len(coordinates), int(space.starts[-1])))
        if self.is_constant:
            return result
        own = [self.sameness(i, column) for i, column in enumerate(coordinates.T)]  # (S, n)
        for i, axis in enumerate(space.axes):
            others = np.ones_like(own[i])
            for j, same in enumerate(own):
                if j != i:
                    others = others * same
            levels = self.sameness(i, axis.coordinates)  # (L, n)
            block = result[:, space.starts[i] : space.starts[i + 1]]
            block[:] = log_novelty(others[:, None, :] * levels)
        return result

    def sameness(self, axis: int, points: FloatArray) -> FloatArray:
        """1 - m_i of coordinates with the observations, (P,) to (P, n)."""
        model = self._model
        observed = model.places[:, axis]
        same = 1.0 - model.support.mismatch_of(axis, points)[:, observed]
        inactive = np.isnan(points)[:, None]
        missing = observed < 0
        return np.where(inactive | missing, np.where(inactive & missing, 1.0, 0.0), same)


def log_novelty(sameness: FloatArray) -> FloatArray:
    """From the sameness with all observations, (..., n) to (...)."""
    result: FloatArray = np.log(np.maximum(1.0 - sameness.max(axis=-1), _LEAST))
    return result
