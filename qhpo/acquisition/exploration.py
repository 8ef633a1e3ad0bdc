"""Where least is known: the way off a plateau, where no improvement can be told from none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.surrogate.base import Moments, Surrogate

__all__ = ["LogDeviation"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class LogDeviation:
    """Log standard deviation of what is believed of a value, see `Acquisition`.

    That of all members together: what each is unsure of, and what they disagree on.

    Args:
        surrogate: The one of the objective.
    """

    def __init__(self, surrogate: Surrogate) -> None:
        self._without_pending = surrogate
        self.surrogates: Sequence[Surrogate] = (surrogate,)

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return _log_deviation(self.surrogates[0].predict(x))

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        return _log_deviation(self.surrogates[0].predict_changes(x, axes))

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        return _log_deviation(self.surrogates[0].predict_axis(x, axis, points))

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        self.surrogates = (self._without_pending.believing(x),)


def _log_deviation(moments: Moments) -> FloatArray:
    """Of moments of shape (M, ...), shape (...)."""
    variance = moments.variance.mean(axis=0) + moments.mean.var(axis=0)
    result: FloatArray = 0.5 * np.log(variance)
    return result
