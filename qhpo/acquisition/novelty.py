"""How new a configuration is: which share of the nugget it can still win.

The nugget is what differs from one configuration to the next and no smooth model predicts. A
configuration that was not visited draws its own, so it may be better than predicted by that much.
Between levels, though, a number can come as close to a visited one as it likes, and what lies
closer than levels do is not new: without this, the search would place ever closer copies of the
incumbent.

Glossary
--------
s(x, x')
    Sameness of two configurations, the product over the axes of [x_i = x'_i], or, where an axis has
    values between its levels, of exp(-((x_i - x'_i) / delta_i)^2 / 2) with delta_i half the
    distance of two levels.
novelty
    1 - max_n s(x, X_n), from 0 for a visited configuration to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space

__all__ = ["Novelty"]

FloatArray = NDArray[np.float64]

_DIFFERENT = -1e3
"""Logarithm of the sameness of two different values of an axis without values between levels."""


class Novelty:
    """Novelty against a set of visited configurations.

    Args:
        space: The search space.
        visited: Their coordinates, shape (n, d), NaN where inactive.
    """

    def __init__(self, space: Space, visited: FloatArray) -> None:
        self._visited = visited
        self._width = np.array(
            [0.0 if axis.is_exhaustive else 0.5 / (axis.n_levels - 1) for axis in space.axes]
        )
        self.always_full = not self._width.any()
        """Whether every configuration that is not visited has novelty 1: no axis is off-grid."""

    def log_sameness(self, axis: int, points: FloatArray) -> FloatArray:
        """Log sameness of one axis's coordinates with the visited ones, (...) to (..., n)."""
        column = self._visited[:, axis]
        width = self._width[axis]
        if width == 0.0:
            log_same = np.where(points[..., None] == column, 0.0, _DIFFERENT)
        else:
            log_same = -0.5 * ((points[..., None] - column) / width) ** 2
        missing = np.isnan(points)[..., None] | np.isnan(column)
        both = np.isnan(points)[..., None] & np.isnan(column)
        return np.where(missing, np.where(both, 0.0, _DIFFERENT), log_same)

    def __call__(self, coordinates: FloatArray) -> FloatArray:
        """Novelty of configurations, (..., d) to (...)."""
        d = coordinates.shape[-1]
        total = sum(self.log_sameness(i, coordinates[..., i]) for i in range(d))
        return novelty(np.asarray(total))


def novelty(log_sameness: FloatArray) -> FloatArray:
    """From the summed log sameness with all visited configurations, (..., n) to (...)."""
    share: FloatArray = -np.expm1(log_sameness.max(axis=-1))
    return share
