"""What curves of trials tell of the value that a trial will end with.

Glossary
--------
n, N, d
    Trials that are learnt from; their reports that are kept; axes.
u
    Values on the scale of `qhpo.curves.scale`, less their median, in units of their deviation.
l
    What is left of the training at a report, see `qhpo.curves.kernel`.
A, a
    Covariance of the kept reports with their noise, (N, N); A^-1 u, (N,).
z
    Errors of the ends of complete trials, predicted from all but what they reported later, in units
    of the deviation that the model expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import stdtr, stdtrit

from qhpo.curves.kernel import AMPLITUDES, Amplitudes, along
from qhpo.curves.scale import Scale
from qhpo.space import Space
from qhpo.surrogate.covariance import CrossCovariance
from qhpo.surrogate.ensemble import representatives
from qhpo.surrogate.hyperparameters import Prior, fit_map

__all__ = ["Curve", "CurveModel", "EndBelief"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_REPORTS = 6
"""Reports that are kept of a curve, evenly spaced in the logarithm of the step: what lies between
two of them tells little more."""

_TRIALS = 64
"""Trials that are learnt from, the better half of them the best: N is a few hundred then, and a
decision takes milliseconds."""

_ITERATIONS = 20
"""Of the fit of the kernel over configurations."""

_PRIOR_DEGREES = 4.0
"""Errors of this many complete trials are taken to have been as the model expects, before any is
seen; degrees of freedom of the belief without a complete trial."""

_MOST_Z = 4.0
"""Larger errors count as this much: one surprise is not to widen every belief without end."""

_JITTER = 1e-6
"""Added to the noise, so that A can be inverted where two trials report the same."""

_LEAST_VARIANCE = 1e-9
"""Of what is left unknown, where rounding leaves less."""


class Curve(NamedTuple):
    """What a trial has reported.

    Attributes:
        steps: At which steps, increasing and positive, shape (k,).
        values: What, smaller is better, shape (k,); infinite or NaN where it was no number.
        end: Value of a complete trial; None for others.
    """

    steps: FloatArray
    values: FloatArray
    end: float | None = None


@dataclass(frozen=True)
class EndBelief:
    """What is believed of the value that a trial will end with: a Student t on the scale.

    Attributes:
        scale: The scale.
        centre: Median on the scale.
        width: Scale parameter of the t distribution.
        degrees: Its degrees of freedom.
    """

    scale: Scale
    centre: float
    width: float
    degrees: float

    def probability_below(self, value: float) -> float:
        """Probability that the trial ends at most at this value."""
        at = float(self.scale.to(np.array(value)))
        return float(stdtr(self.degrees, (at - self.centre) / self.width))

    def quantile(self, share: float) -> float:
        """The value that the trial ends below with this probability; 0.5 for the median."""
        u = self.centre + self.width * float(stdtrit(self.degrees, share))
        return float(self.scale.back(np.array(u)))


class CurveModel:
    """Curves of finished trials, and what they tell of a trial that is not finished.

    Args:
        space: The search space of their configurations.
        x: Configurations, shape (n, d), NaN where inactive.
        curves: Theirs, one of which has an end.
        amplitudes: Variances of the model.
    """

    def __init__(
        self,
        space: Space,
        x: FloatArray,
        curves: Sequence[Curve],
        amplitudes: Amplitudes = AMPLITUDES,
    ) -> None:
        self._amplitudes = amplitudes
        last = np.array([c.values[-1] if c.end is None else c.end for c in curves])
        complete = np.array([c.end for c in curves if c.end is not None])
        self.scale = Scale.of(complete, last)
        self._first, self._full = _budget(curves)
        chosen = representatives(self.scale.to(last), _TRIALS)
        self._place = {number: place for place, number in enumerate(chosen.tolist())}
        self._x = x
        self._every = curves
        self._curves = [curves[i] for i in chosen.tolist()]
        u = self.scale.to(last[chosen])
        self._median = float(np.median(u))
        self._deviation = float(u.std()) or 1.0
        y = self._normal(last[chosen])
        hyper = fit_map(space, x[chosen], y - y.mean(), Prior(), _ITERATIONS)
        self._cross = CrossCovariance(space, x[chosen], [hyper])
        smooth, nugget = self._cross.among_observations()
        self._among = smooth[0] - 1.0 + nugget[0]
        self._set_reports()

    def _set_reports(self) -> None:
        kept = [self._kept(curve) for curve in self._curves]
        self._of = np.repeat(np.arange(len(kept)), [len(left) for left, _ in kept])
        self._left = np.concatenate([left for left, _ in kept])
        u = np.concatenate([values for _, values in kept])
        own = self._of[:, None] == self._of
        matrix = self._covariance(self._among[self._of[:, None], self._of], own, self._left)
        matrix.flat[:: len(u) + 1] += self._amplitudes.noise + _JITTER
        factor, info = dpotrf(matrix, lower=1)
        if info != 0:
            raise np.linalg.LinAlgError("the covariance of the reports is not positive definite")
        inverse, _ = dpotri(factor, lower=1)
        lower = np.tril(inverse)
        self._factor = np.tril(factor)
        self._inverse = lower + np.tril(lower, -1).T
        self._alpha = self._inverse @ u

    def _covariance(
        self,
        trials: FloatArray,
        own: NDArray[np.bool_],
        left: FloatArray,
        other: FloatArray | None = None,
    ) -> FloatArray:
        other = left if other is None else other
        size = self._amplitudes
        matrix = along(size.common, left, other)
        matrix += trials * along(size.configuration, left, other)
        matrix += own * along(size.own, left, other)
        return matrix

    def _normal(self, values: FloatArray) -> FloatArray:
        return (self.scale.to(values) - self._median) / self._deviation

    def _kept(self, curve: Curve) -> tuple[FloatArray, FloatArray]:
        """What is left at the reports that are kept, and u there, shape (k,) each."""
        steps, values = curve.steps, curve.values
        if curve.end is not None:
            # What it reported last stands for the same as its value.
            steps, values = steps[: max(len(steps) - 1, 0)], values[: max(len(values) - 1, 0)]
        chosen = _spread(steps, _REPORTS - (curve.end is not None))
        left, u = self._what_is_left(steps[chosen]), self._normal(values[chosen])
        if curve.end is not None:
            left, u = np.append(left, 0.0), np.append(u, self._normal(np.array([curve.end])))
        return left, u

    def _what_is_left(self, steps: FloatArray) -> FloatArray:
        if self._full <= self._first:
            return np.zeros(len(steps))
        left = np.log(self._full / steps) / np.log(self._full / self._first)
        clipped: FloatArray = np.clip(left, 0.0, 1.0)
        return clipped

    def end(self, x: FloatArray, curve: Curve) -> EndBelief:
        """What a further trial will end with.

        Args:
            x: Its configuration, shape (d,).
            curve: What it has reported so far; perhaps nothing.
        """
        left, u = self._kept(curve)
        k = len(left)
        left = np.append(left, 0.0)
        cross, prior = self._cross.at(x[None])
        own = np.zeros((len(self._left), k + 1), dtype=bool)
        trials = np.broadcast_to((cross[0, 0] - 1.0)[self._of, None], own.shape)
        among = float(prior[0, 0] - 1.0 + self._cross.nugget[0, 0, 0])
        with_others = self._covariance(trials, own, self._left, left)
        alone = self._covariance(
            np.full((k + 1, k + 1), among), np.ones((k + 1, k + 1), dtype=bool), left
        )
        alone.flat[:: k + 2] += self._amplitudes.noise + _JITTER
        mean = with_others.T @ self._alpha
        rest = solve_triangular(self._factor, with_others, lower=True)
        alone -= rest.T @ rest
        weights = np.linalg.solve(alone[:k, :k], alone[:k, k])
        centre = float(mean[k] + weights @ (u - mean[:k]))
        variance = max(float(alone[k, k] - weights @ alone[:k, k]), _LEAST_VARIANCE)
        widening, degrees = self._errors(float(left[:k].min(initial=1.0)))
        return EndBelief(
            self.scale,
            self._median + self._deviation * centre,
            self._deviation * (variance * widening) ** 0.5,
            degrees,
        )

    def learnt_end(self, number: int) -> float:
        """The median of what a trial would have ended with that was learnt from.

        Args:
            number: Which of the trials.
        """
        place = self._place.get(number)
        if place is None:
            return self.end(self._x[number], self._every[number]).quantile(0.5)
        with_reports = self._covariance(
            self._among[self._of, place][:, None],
            (self._of == place)[:, None],
            self._left,
            np.zeros(1),
        )[:, 0]
        u = self._median + self._deviation * float(with_reports @ self._alpha)
        return float(self.scale.back(np.array(u)))

    def _errors(self, left: float) -> tuple[float, float]:
        """Factor of the variance where so much is left, and degrees of freedom.

        Of a block of reports left out, what the others predict follows from A^-1 alone (Rasmussen
        and Williams 2006, eq. 5.12, for blocks).
        """
        total, n = _PRIOR_DEGREES, _PRIOR_DEGREES
        for i, curve in enumerate(self._curves):
            if curve.end is None:
                continue
            later = np.flatnonzero((self._of == i) & (self._left < left))
            if not len(later):
                continue
            covariance = np.linalg.inv(self._inverse[np.ix_(later, later)])
            error = float(covariance[-1] @ self._alpha[later])
            z = error / float(covariance[-1, -1]) ** 0.5
            total += min(z * z, _MOST_Z * _MOST_Z)
            n += 1.0
        return total / n, n


def _budget(curves: Sequence[Curve]) -> tuple[float, float]:
    """The first step of any trial, and the last one of complete trials."""
    first = min(float(c.steps[0]) for c in curves if len(c.steps))
    full = max(float(c.steps[-1]) for c in curves if c.end is not None and len(c.steps))
    return first, full


def _spread(steps: FloatArray, most: int) -> IntArray:
    """Numbers of at most so many steps, the first and the last among them, shape (k,)."""
    if len(steps) <= most:
        return np.arange(len(steps))
    at = np.geomspace(steps[0], steps[-1], most)
    nearest = np.abs(np.log(steps[:, None] / at)).argmin(axis=0)
    return np.unique(nearest)
