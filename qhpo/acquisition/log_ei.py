"""Expected improvement, weighted by novelty, in logarithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.expected_improvement import ensemble_log_ei
from qhpo.acquisition.novelty import Novelty
from qhpo.errors import QhpoError
from qhpo.surrogate.base import Moments, Surrogate

__all__ = ["LogEI"]

FloatArray = NDArray[np.float64]


class LogEI:
    """log EI over the members of a surrogate, see `qhpo.acquisition.base.Acquisition`.

    The value to improve on is the least that a member holds an observed configuration to be worth
    but for its nugget, see `Surrogate.observed_mean`: not the best observed value, whose luck would
    make improvements look out of reach, and a new configuration can be better by its nugget. The
    expected improvement is weighted by novelty.

    Args:
        surrogates: The one of the objective.

    Attributes:
        surrogates: The same, reckoning with what is pending.

    Raises:
        QhpoError: If there is not exactly one.
    """

    def __init__(self, surrogates: Sequence[Surrogate]) -> None:
        if len(surrogates) != 1:
            raise QhpoError(
                "the expected improvement is that of one objective; got "
                f"{len(surrogates)} surrogates; give one, of a scalarized objective if need be"
            )
        self._set(surrogates[0])

    def _set(self, surrogate: Surrogate) -> None:
        self._surrogate = surrogate
        self.surrogates = (surrogate,)
        self._novelty = Novelty(surrogate.space, surrogate.observed)
        self._best = surrogate.observed_mean.min(axis=1)

    def score(self, x: FloatArray) -> FloatArray:
        return self._log_ei(self._surrogate.predict(x)) + self._novelty.log_of(x)

    def score_changes(self, x: FloatArray) -> FloatArray:
        moments = self._surrogate.predict_changes(x)
        flat = Moments(*(part.reshape(len(part), -1) for part in moments))
        scores: FloatArray = self._log_ei(flat).reshape(len(x), -1)
        return scores + self._novelty.log_of_changes(x)

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        moments = self._surrogate.predict_axis(x, axis, points)
        return self._log_ei(moments) + self._novelty.log_along(x, axis, points)

    def set_pending(self, x: FloatArray) -> None:
        self._set(self._surrogate.believing(x))

    def _log_ei(self, moments: Moments) -> FloatArray:
        return ensemble_log_ei(moments.mean, moments.variance, self._best)
