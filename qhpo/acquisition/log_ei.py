"""Expected improvement, weighted by novelty, in logarithms.

log EI = log(s) + log h(z), z = (best - mean) / s, h(z) = phi(z) + z Phi(z), computed as in Ament,
Daulton, Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to Expected Improvement for
Bayesian Optimization", eq. 9, so that it keeps its order where EI underflows.

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

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, logsumexp

from qhpo.errors import QhpoError
from qhpo.space import Space
from qhpo.surrogate.base import Moments, Surrogate
from qhpo.surrogate.kernel import mismatch, reach

__all__ = ["LogEI", "Novelty", "ensemble_log_ei", "log_h"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_LEAST = 1e-12
"""Novelty of a copy, whose logarithm must be finite: it may be all that a search can start from."""

_UNWEIGHTED = np.zeros(1)
"""Log weights of improvements that all count in full."""

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
"""Of the normal density."""


class LogEI:
    """log EI over the members of a surrogate, see `qhpo.acquisition.base.Acquisition`.

    The value to improve on is the least that a member holds an observed configuration to be worth,
    see `Surrogate.observed_mean`: not the best observed value, whose luck would make improvements
    look out of reach. Both sides of the difference are means of the whole model. Were the nugget
    left out of one of them, a visited configuration could seem to improve on itself.

    The expected improvement is weighted by novelty. Where configurations may be repeated, it is
    weighted by 1 - sqrt(noise / (noise + s^2)) instead, what one more noisy value can teach of a
    configuration (Huang, Allen, Notz, Zeng 2006, "Global optimization of stochastic black-box
    systems via sequential kriging meta-models", eq. 12): a repeat is worth a trial as long as the
    configuration is promising and its value uncertain.

    Args:
        surrogates: The one of the objective.
        incumbents: Configurations, shape (k, d), k >= 1, the best of which is to be improved on;
            None for all that were observed.
        may_repeat: Whether a configuration may be evaluated again.

    Attributes:
        surrogates: The same, reckoning with what is pending.

    Raises:
        QhpoError: If there is not exactly one.
    """

    def __init__(
        self,
        surrogates: Sequence[Surrogate],
        incumbents: FloatArray | None = None,
        *,
        may_repeat: bool = False,
    ) -> None:
        if len(surrogates) != 1:
            raise QhpoError(
                "the expected improvement is that of one objective; got "
                f"{len(surrogates)} surrogates; give one, of a scalarized objective if need be"
            )
        self._without_pending = surrogates[0]
        self._incumbents = incumbents
        self._may_repeat = may_repeat
        self._set(surrogates[0])

    def _set(self, surrogate: Surrogate) -> None:
        self._surrogate = surrogate
        self.surrogates = (surrogate,)
        told_apart = surrogate.observed[: 0 if self._may_repeat else None]
        self._novelty = Novelty(surrogate.space, told_apart)
        means = surrogate.observed_mean
        if self._incumbents is not None:
            means = surrogate.predict(self._incumbents).mean
        self._best = means.min(axis=1)

    def score(self, x: FloatArray) -> FloatArray:
        """See `Acquisition.score`."""
        return self._log_ei(self._surrogate.predict(x)) + self._novelty.log_of(x)

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """See `Acquisition.score_changes`."""
        moments = self._surrogate.predict_changes(x, axes)
        flat = Moments(*(part.reshape(len(part), -1) for part in moments))
        scores: FloatArray = self._log_ei(flat).reshape(len(x), -1)
        return scores + self._novelty.log_of_changes(x, axes)

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """See `Acquisition.score_axis`."""
        moments = self._surrogate.predict_axis(x, axis, points)
        return self._log_ei(moments) + self._novelty.log_along(x, axis, points)

    def set_pending(self, x: FloatArray) -> None:
        """See `Acquisition.set_pending`."""
        self._set(self._without_pending.believing(x))

    def _log_ei(self, moments: Moments) -> FloatArray:
        weights = _UNWEIGHTED
        if self._may_repeat:
            noise = self._surrogate.noise[:, None]
            weights = np.log1p(-np.sqrt(noise / (noise + moments.variance)))
        return ensemble_log_ei(moments.mean, moments.variance, self._best, weights)


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
        # By axis: the last coordinate that `log_along` met, and its sameness.
        self._last: dict[int, tuple[float, FloatArray]] = {}
        # Without values between levels, what is not visited has novelty 1, as all has at first.
        self._is_constant = not any(self._reach) or not len(observed)

    def log_of(self, x: FloatArray) -> FloatArray:
        """Log novelty of configurations, (q, d) to (q,)."""
        if self._is_constant:
            return np.zeros(len(x))
        same = np.ones((len(x), len(self._observed)))
        for i, column in enumerate(x.T):
            same *= self._sameness(i, column)
        return _log_novelty(same)

    def log_of_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """Log novelty of all single-axis changes of some axes, (S, d) to (S, D)."""
        space = self._space
        if self._is_constant:
            return np.zeros((len(x), int(space.n_levels[axes].sum())))
        # Products of the sameness on the axes before and behind every axis; it may be 0.
        same = np.stack([self._sameness(i, column) for i, column in enumerate(x.T)])  # (d, S, n)
        others = np.ones_like(same)
        np.cumprod(same[:-1], axis=0, out=others[1:])
        others[:-1] *= np.cumprod(same[:0:-1], axis=0)[::-1]
        blocks = [
            _log_novelty(others[i][:, None, :] * self._sameness(i, space.axes[i].coordinates))
            for i in axes.tolist()
        ]
        return np.concatenate(blocks, axis=1)

    def log_along(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """Log novelty of a configuration, shape (d,), with one axis at P coordinates: (P,)."""
        if self._is_constant:
            return np.zeros(len(points))
        others = [self._sameness_at(i, c) for i, c in enumerate(x.tolist()) if i != axis]
        same = np.prod(np.reshape(others, (-1, len(self._observed))), axis=0)
        return _log_novelty(same * self._sameness(axis, points))

    def _sameness_at(self, axis: int, coordinate: float) -> FloatArray:
        """With the observations, shape (n,): a search along the axes in turn asks it often."""
        known = self._last.get(axis)
        if known is None or known[0] != coordinate:
            known = coordinate, self._sameness(axis, np.array([coordinate]))[0]
            self._last[axis] = known
        return known[1]

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


def ensemble_log_ei(
    mean: FloatArray, variance: FloatArray, best: FloatArray, weights: FloatArray = _UNWEIGHTED
) -> FloatArray:
    """Log of the expected improvement averaged over the members.

    Args:
        mean: Predictive means, shape (M, q), smaller is better.
        variance: Predictive variances, shape (M, q).
        best: Value to improve on, per member, shape (M,).
        weights: Logarithms of weights of each, shape (M, q) or (1,).

    Returns:
        Shape (q,).
    """
    deviation = np.sqrt(variance)
    each = np.log(deviation) + log_h((best[:, None] - mean) / deviation) + weights
    averaged: FloatArray = logsumexp(each, axis=0) - np.log(len(best))
    return averaged
