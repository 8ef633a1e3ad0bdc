"""The probability that a trial keeps what only running it tells: constraints, and not to fail.

The expected improvement of a configuration that may break constraints is its expected improvement
times the probability that it keeps all of them, taken to be independent (Gardner, Kusner, Xu,
Weinberger, Cunningham 2014, "Bayesian Optimization with Inequality Constraints", eq. 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from qhpo.acquisition.base import Acquisition
from qhpo.acquisition.log_ei import Novelty
from qhpo.space import Space
from qhpo.surrogate.base import Moments, Surrogate

__all__ = ["LogFeasibility", "LogNovelty", "LogProduct"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class LogFeasibility:
    """Log probability that no value is above 0, see `qhpo.acquisition.base.Acquisition`.

    Args:
        surrogates: One per condition, which holds where its value is at most 0.
        noise: Variance that is added to what the surrogates believe of a value. Labels of 1 and -1
            jump where the surrogate's mean passes through 0 between two of them (Rasmussen and
            Williams 2006, eq. 6.40).
        least: Probability of every condition below which the score falls more steeply, above 0.
        steepness: By how much more, in logarithms.

    Attributes:
        surrogates: The same, reckoning with what is pending.
    """

    def __init__(
        self,
        surrogates: Sequence[Surrogate],
        *,
        noise: float = 0.0,
        least: float = 1.0,
        steepness: float = 0.0,
    ) -> None:
        self._without_pending = tuple(surrogates)
        self._noise = noise
        self._least = least
        self._steepness = steepness
        self.surrogates = self._without_pending

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return _sum([self._of(surrogate.predict(x)) for surrogate in self.surrogates])

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        return _sum([self._of(surrogate.predict_changes(x, axes)) for surrogate in self.surrogates])

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        return _sum([self._of(s.predict_axis(x, axis, points)) for s in self.surrogates])

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        self.surrogates = tuple(surrogate.believing(x) for surrogate in self._without_pending)

    def _of(self, moments: Moments) -> FloatArray:
        """Of one condition, its moments of shape (M, ...) to (...)."""
        each = log_ndtr(-moments.mean / np.sqrt(moments.variance + self._noise))
        averaged: FloatArray = np.logaddexp.reduce(each, axis=0) - np.log(len(each))
        short: FloatArray = np.minimum(averaged - np.log(self._least), 0.0)
        return averaged + self._steepness * short


class LogNovelty:
    """Log novelty as a score, see `qhpo.acquisition.log_ei.Novelty`.

    Args:
        space: The search space.
        observed: Shape (n, d), NaN where inactive.
    """

    surrogates: Sequence[Surrogate] = ()

    def __init__(self, space: Space, observed: FloatArray) -> None:
        self._space = space
        self._observed = observed
        self.set_pending(observed[:0])

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return self._novelty.log_of(x)

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        return self._novelty.log_of_changes(x, axes)

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        return self._novelty.log_along(x, axis, points)

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        self._novelty = Novelty(self._space, np.concatenate([self._observed, x]))


class LogProduct:
    """The product of what several acquisitions score, in logarithms.

    Args:
        factors: The acquisitions, each of which scores a logarithm.
    """

    def __init__(self, factors: Sequence[Acquisition]) -> None:
        self._factors = tuple(factors)

    @property
    def surrogates(self) -> Sequence[Surrogate]:
        """See `Acquisition.surrogates`."""
        return [surrogate for factor in self._factors for surrogate in factor.surrogates]

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return _sum([factor.score(x) for factor in self._factors])

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        return _sum([factor.score_changes(x, axes) for factor in self._factors])

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        return _sum([factor.score_axis(x, axis, points) for factor in self._factors])

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        for factor in self._factors:
            factor.set_pending(x)


def _sum(scores: Sequence[FloatArray]) -> FloatArray:
    total: FloatArray = np.sum(scores, axis=0)
    return total
