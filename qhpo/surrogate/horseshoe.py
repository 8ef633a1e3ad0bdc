"""Bayesian linear regression on levels and pairs of levels, under the horseshoe prior.

Glossary
--------
d, D, n, M, p
    Axes; levels of all axes together; observed configurations; members; coefficients that some
    observation tells of.
w
    Row of a configuration, shape (D,): its indicators of the levels. A value between two levels is
    shared by them in proportion; a parameter that is inactive has none.
h, J, offset
    Coefficients of the levels, shape (D,), of pairs of levels, shape (D, D), symmetric and zero
    inside an axis, and of the constant: a value is w'h + w'Jw/2 + offset, and noise.
X
    Features of the observations, shape (n, p): entries of w, and products of two of them.
K, a
    Prior covariance of the observations without the noise, shape (n, n), given the scales;
    (K + noise I)^-1 y, shape (n,).
lambda, tau, sigma
    Local scales, the global one, the noise's deviation: coefficients are normal with deviations
    sigma tau lambda_k, and lambda_k and tau are half-Cauchy.
scales
    Prior variances of all coefficients and the variance of the noise: functions of these.

The model is that of BOCS (Baptista and Poloczek 2018, "Bayesian Optimization of Combinatorial
Structures"): of very many coefficients few matter, and the horseshoe (Carvalho, Polson, Scott 2010,
"The horseshoe estimator for sparse signals") leaves those as they are and shrinks the others to
nothing. Every level and every pair has a coefficient. Leaving one level of each axis out, as a
reference, would make that level special; sums to zero would make every sparse effect a dense one.
The columns of an axis do add up to the constant: the prior decides what goes where.

Given its scales a member is a normal model, known in closed form. The scales of the members are
draws from their posterior, so that the members together are what is believed.

The draws are those of a Gibbs sampler (Makalic and Schmidt 2016, "A simple sampler for the
horseshoe estimator"), with the coefficients drawn through n x n systems (Bhattacharya, Chakraborty,
Mallick 2016, "Fast sampling with Gaussian scale mixture priors in high-dimensional regression").
Beside so many coefficients tau would hardly move, so it and sigma are drawn with the coefficients
integrated out (Johndrow, Orenstein, Bhattacharya 2020, "Scalable approximate MCMC algorithms for
the horseshoe prior"). Coefficients that no observation tells of need no chain: given tau and sigma,
their posterior is their prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.space import Axis, Space
from qhpo.surrogate.base import Moments, Part, QuadraticKind
from qhpo.surrogate.ensemble import digest, representatives
from qhpo.surrogate.transform import Transform, rank_gaussian

__all__ = ["HorseshoeChain", "HorseshoeFitter", "HorseshoeRegression", "Scales", "draw_scales"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_OFFSET_VARIANCE = 10.0
"""Prior variance of the offset: wide for values of deviation 1, and no wider than digits allow."""

_LEAST_VARIANCE = 1e-12
"""What is left where rounding makes a variance vanish, so that it has a logarithm."""

_MAX_LOCAL = 10.0
"""Where the half-Cauchy prior of lambda ends, which leaves out 6 % of it. Without an end, a few of
the many pairs that were never seen could be worth anything, and the search would try those."""

_TAU = np.geomspace(1e-4, 10.0, 100)
"""Values of tau, an eighth apart, which is much finer than its posterior. With the least of them
nothing is left of any effect, with the largest nothing is shrunk."""

_LEAST_RESIDUAL = 1e-4
"""Added to the sum of squared residuals, for values of deviation 1: fewer observations than
coefficients do not rule out that there is no noise at all, and rounding would."""

_MAX_OBSERVATIONS = 200
"""Most observations, the best half and an even rest: eigenvectors take their cube."""

_MIN_OBSERVATIONS = 20
"""Least of them: fewer say little, however large the space is."""

_MAX_MULTIPLICATIONS = 100_000_000
"""Bound on n^2 p, what one sweep multiplies: some milliseconds."""

_N_MEMBERS, _BURN_IN, _SWEEPS = 4, 50, 10
"""Members, sweeps of the chain before the first one, and between two: with three times as many
sweeps, ranks of values left out correlate with predictions by no more than 0.01 better."""


@dataclass(frozen=True)
class Scales:
    """Scales of all members, in the units of the values.

    Attributes:
        main: Prior variances of h, shape (M, D).
        pairs: Prior variances of J, shape (M, D, D), symmetric, zero inside an axis.
        noise: Variance of the noise, shape (M,).
    """

    main: FloatArray
    pairs: FloatArray
    noise: FloatArray


class HorseshoeRegression:
    """See `qhpo.surrogate.base.Surrogate`.

    Args:
        space: The search space.
        observed: Observed configurations, shape (n, d), NaN where inactive.
        y: Transformed values, shape (n,), or one row of them per member, shape (M, n).
        scales: Scales of every member.
    """

    def __init__(self, space: Space, observed: FloatArray, y: FloatArray, scales: Scales) -> None:
        self.space = space
        self.n_members = len(scales.noise)
        self.noise = scales.noise
        self.observed = observed
        self._scales = scales
        self._y = np.broadcast_to(y, (self.n_members, len(observed)))
        self._rows = _rows(space, observed)
        # An observation has few levels: the others' indicators are 0, and so are their products.
        n_touched = int(np.count_nonzero(self._rows, axis=1).max(initial=0))
        self._touched = np.argsort(self._rows == 0.0, axis=1, kind="stable")[:, :n_touched]
        weight = np.take_along_axis(self._rows, self._touched, axis=1)
        among = scales.pairs[:, self._touched[:, :, None], self._touched[:, None, :]]
        self._main = scales.main[:, self._touched] * weight  # (M, n, a)
        self._pairs = among * (weight[:, :, None] * weight[:, None, :])  # (M, n, a, a)
        covariance = self._cross(self._rows)[0]
        noise = scales.noise[:, None, None] * np.eye(len(observed))
        self._inverse = np.linalg.inv(covariance + noise)
        self._alpha = np.einsum("mij,mj->mi", self._inverse, self._y)
        self.observed_mean: FloatArray = np.einsum("mij,mj->mi", covariance, self._alpha)

    def predict(self, x: FloatArray) -> Moments:
        """See `Surrogate.predict`."""
        rows = _rows(self.space, x)
        return self._condition(self._cross(rows)[0], self._prior(rows * rows)[0])

    def predict_changes(self, x: FloatArray, axes: IntArray) -> Moments:
        """See `Surrogate.predict_changes`."""
        rows = _rows(self.space, x)
        covariance, touched = self._cross(rows)
        n_members, n_starts, n = covariance.shape
        fields = np.zeros((n_members, n_starts, rows.shape[1], n))
        fields[:, :, self._touched, np.arange(n)[:, None]] = touched.transpose(0, 2, 1, 3)
        cross = self._changed(covariance, fields, rows[:, :, None])
        squares = rows * rows
        prior = self._changed(*self._prior(squares), squares)
        moments = self._condition(cross.reshape(n_members, -1, n), prior.reshape(n_members, -1))
        columns = self.space.levels_of(axes)
        mean, variance = (p.reshape(n_members, n_starts, -1)[:, :, columns] for p in moments)
        return Moments(mean, variance)

    def predict_axis(self, x: FloatArray, axis: int, points: FloatArray) -> Moments:
        """See `Surrogate.predict_axis`."""
        return self.predict(np.where(np.arange(len(x)) == axis, points[:, None], x))

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        whole = self._quadratic(kind, member, rng)
        if part is None:
            return whole
        return whole.of_variables(part.axes, _rows(self.space, part.x[None, :])[0])

    def _quadratic(self, kind: QuadraticKind, member: int, rng: np.random.Generator) -> DenseDQM:
        if kind == "mean":
            return self._weighted(member, self._alpha[member])
        # A draw from the prior, corrected by what it misses of the observations.
        linear = np.sqrt(self._scales.main[member]) * rng.standard_normal(self._rows.shape[1])
        upper = np.sqrt(np.triu(self._scales.pairs[member]))
        upper *= rng.standard_normal(upper.shape)
        offset = np.sqrt(_OFFSET_VARIANCE) * rng.standard_normal()
        noise = np.sqrt(self._scales.noise[member]) * rng.standard_normal(len(self._rows))
        drawn = offset + self._rows @ linear + noise
        drawn += np.einsum("nr,nr->n", self._rows @ upper, self._rows)
        correction = self._weighted(member, self._inverse[member] @ (self._y[member] - drawn))
        return DenseDQM.from_upper(
            self.space.starts,
            linear + correction.linear,
            upper + correction.quadratic,
            offset + correction.offset,
        )

    def _weighted(self, member: int, weights: FloatArray) -> DenseDQM:
        """The coefficients of sum_n k(x, X_n) a_n, with weights a of shape (n,)."""
        return DenseDQM.from_upper(
            self.space.starts,
            self._scales.main[member] * (weights @ self._rows),
            self._scales.pairs[member] * ((self._rows.T * weights) @ self._rows),
            _OFFSET_VARIANCE * float(weights.sum()),
        )

    def believing(self, x: FloatArray) -> HorseshoeRegression:
        """See `Surrogate.believing`."""
        if not len(x):
            return self
        return HorseshoeRegression(
            self.space,
            np.concatenate([self.observed, x]),
            np.concatenate([self._y, self.predict(x).mean], axis=1),
            self._scales,
        )

    def _cross(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Prior covariance of configurations with the observations, and its parts.

        Args:
            rows: w of configurations, shape (q, D).

        Returns:
            The covariance, shape (M, q, n), and what an indicator of 1 of each level that an
            observation has would add to it, given the other axes, shape (M, n, q, a).
        """
        near = rows[:, self._touched].transpose(1, 0, 2)  # (n, q, a)
        by_pairs = near @ self._pairs
        fields = self._main[:, :, None] + by_pairs
        covariance = _OFFSET_VARIANCE + (near * (fields - 0.5 * by_pairs)).sum(axis=3)
        return covariance.transpose(0, 2, 1), fields

    def _prior(self, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Prior variances of configurations, and their parts.

        Args:
            squares: Squares of w of configurations, shape (q, D).

        Returns:
            The variances, shape (M, q), and what an indicator of 1 of each level would add to
            them, given the other axes, shape (M, q, D).
        """
        by_pairs = squares @ self._scales.pairs
        fields = self._scales.main[:, None] + by_pairs
        variance = _OFFSET_VARIANCE + (squares * (fields - 0.5 * by_pairs)).sum(axis=2)
        return variance, fields

    def _changed(self, total: FloatArray, fields: FloatArray, weights: FloatArray) -> FloatArray:
        """After each single-axis change: shape (M, S, D, ...).

        Args:
            total: Of the configurations, shape (M, S, ...).
            fields: What 1 of each level adds to it, shape (M, S, D, ...).
            weights: How much of each level they have, shape (S, D, ...).
        """
        sizes = self.space.n_levels
        own = np.add.reduceat(fields * weights, self.space.starts[:-1], axis=2)
        changed: FloatArray = total[:, :, None] + fields - np.repeat(own, sizes, axis=2)
        return changed

    def _condition(self, cross: FloatArray, prior: FloatArray) -> Moments:
        """Posterior moments from prior covariances, (M, q, n), and variances, (M, q)."""
        mean = np.einsum("mqn,mn->mq", cross, self._alpha)
        explained = np.einsum("mqn,mqn->mq", cross @ self._inverse, cross)
        return Moments(mean, np.maximum(prior - explained, _LEAST_VARIANCE))


def _rows(space: Space, x: FloatArray) -> FloatArray:
    """Rows w of configurations, (q, d) to (q, D)."""
    return np.concatenate([_shares(a, c) for a, c in zip(space.axes, x.T, strict=True)], axis=1)


def _shares(axis: Axis, coordinates: FloatArray) -> FloatArray:
    """Indicators of the levels of an axis, (q,) to (q, L)."""
    at = axis.coordinates
    shares = np.stack([np.interp(coordinates, at, level) for level in np.eye(len(at))], axis=1)
    return np.where(np.isnan(coordinates)[:, None], 0.0, shares)


class HorseshoeFitter:
    """Draws the scales; see `qhpo.surrogate.base.SurrogateFitter`.

    The chain's random numbers are made from the observations: the same ones give the same scales.

    Args:
        transform: Transform of trial values.
    """

    def __init__(self, transform: Transform = rank_gaussian) -> None:
        self._transform = transform

    def fit(
        self,
        space: Space,
        x: FloatArray,
        values: FloatArray,
        worth: FloatArray | None = None,
    ) -> HorseshoeRegression:
        """See `SurrogateFitter.fit`."""
        rows = _rows(space, x)
        # p is at most the number of all pairs, and n times those that one observation has.
        n_pairs = (len(rows.T) ** 2 - int((space.n_levels**2).sum())) / 2
        n_own = np.count_nonzero(rows, axis=1).max(initial=1) ** 2 / 2
        by_all = np.sqrt(_MAX_MULTIPLICATIONS / max(n_pairs, 1.0))
        by_own = np.cbrt(_MAX_MULTIPLICATIONS / n_own)
        budget = int(np.clip(max(by_all, by_own), _MIN_OBSERVATIONS, _MAX_OBSERVATIONS))
        kept = representatives(values if worth is None else worth, budget)
        x, rows, y = x[kept], rows[kept], self._transform(values)[kept]
        rng = np.random.default_rng(int(digest(space, x, y), 16))
        return HorseshoeRegression(space, x, y, draw_scales(space, rows, y, rng))

    def transformed(self, space: Space, x: FloatArray, values: FloatArray) -> FloatArray:
        """See `SurrogateFitter.transformed`."""
        return self._transform(values)


def draw_scales(space: Space, rows: FloatArray, y: FloatArray, rng: np.random.Generator) -> Scales:
    """Draws from the posterior of the scales, one for each member.

    Args:
        space: The search space.
        rows: w of the observations, shape (n, D).
        y: Their transformed values, shape (n,).
        rng: Draws everything.
    """
    axis = np.repeat(np.arange(len(space)), space.n_levels)
    is_pair = axis[:, None] < axis
    seen = np.flatnonzero(rows.any(axis=0))
    first, second = np.nonzero(is_pair & (rows.T @ rows > 0.0))
    features = np.concatenate([rows[:, seen], rows[:, first] * rows[:, second]], axis=1)
    chain = HorseshoeChain(features, y, rng)
    main = np.empty((_N_MEMBERS, len(axis)))
    pairs = np.empty((_N_MEMBERS, len(axis), len(axis)))
    noise = np.empty(_N_MEMBERS)
    for m in range(_N_MEMBERS):
        for _ in range(_SWEEPS if m else _BURN_IN):
            chain.sweep()
        own, among = _prior_squares(len(axis), rng), _prior_squares(pairs[m].shape, rng)
        own[seen], among[first, second] = np.split(chain.squares, [len(seen)])
        unit = chain.noise * chain.tau**2
        main[m] = unit * own
        pairs[m] = unit * np.where(is_pair, among, np.where(is_pair.T, among.T, 0.0))
        noise[m] = chain.noise
    return Scales(main, pairs, noise)


def _prior_squares(shape: int | tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """lambda^2 from its prior, through the inverse of its distribution function."""
    squares: FloatArray = np.tan(np.arctan(_MAX_LOCAL) * rng.random(shape)) ** 2
    return squares


class HorseshoeChain:
    """Gibbs sampling of the scales; the offset is integrated out under a flat prior.

    Args:
        features: X, shape (n, p).
        y: Values, shape (n,).
        rng: Draws everything.

    Attributes:
        squares: lambda^2, shape (p,).
        tau: Global scale.
        noise: sigma^2.
    """

    def __init__(self, features: FloatArray, y: FloatArray, rng: np.random.Generator) -> None:
        self._x = features - features.mean(axis=0)
        self._y = y - y.mean()
        self._rng = rng
        self.squares = np.ones(features.shape[1])
        self.tau = 1.0
        self.noise = 1.0

    def sweep(self) -> FloatArray:
        """Draws tau and sigma given lambda, the coefficients given these, then lambda.

        Returns:
            The coefficients, in units of sigma, shape (p,).
        """
        total, vectors = self._draw_global()
        coefficients = self._draw_coefficients(total, vectors)
        self._draw_local(coefficients)
        return coefficients

    def _draw_global(self) -> tuple[FloatArray, FloatArray]:
        """Draws tau and sigma, with the coefficients integrated out.

        Returns:
            Eigenvalues, shape (n,), and eigenvectors, shape (n, n), of the covariance of the
            values in units of sigma.
        """
        degrees = max(len(self._y) - 1, 1)
        scaled = self._x * np.sqrt(self.squares)
        eigenvalues, vectors = np.linalg.eigh(scaled @ scaled.T)
        # For all values of tau side by side.
        total = 1.0 + np.maximum(eigenvalues, 0.0) * _TAU[:, None] ** 2
        residual = ((vectors.T @ self._y) ** 2 / total).sum(axis=1) + _LEAST_RESIDUAL
        log_density = np.log(_TAU) - np.log1p(_TAU**2)  # of log tau, as tau is half-Cauchy
        log_density -= 0.5 * np.log(total).sum(axis=1) + 0.5 * degrees * np.log(residual)
        cumulative = np.cumsum(np.exp(log_density - log_density.max()))
        chosen = int(np.searchsorted(cumulative, cumulative[-1] * self._rng.random()))
        self.tau = float(_TAU[chosen])
        self.noise = float(0.5 * residual[chosen] / self._rng.standard_gamma(0.5 * degrees))
        return total[chosen], vectors

    def _draw_coefficients(self, total: FloatArray, vectors: FloatArray) -> FloatArray:
        """Coefficients in units of sigma, shape (p,): a prior draw, corrected by what it misses."""
        n, p = self._x.shape
        drawn = self.tau * np.sqrt(self.squares) * self._rng.standard_normal(p)
        missed = self._y / np.sqrt(self.noise) - self._x @ drawn - self._rng.standard_normal(n)
        weights = vectors @ ((vectors.T @ missed) / total)
        corrected: FloatArray = drawn + self.tau**2 * self.squares * (weights @ self._x)
        return corrected

    def _draw_local(self, coefficients: FloatArray) -> None:
        """Draws lambda, by an auxiliary variable for each that makes its square inverse gamma."""
        p = len(coefficients)
        inverse_auxiliary = self._rng.standard_exponential(p) / (1.0 + 1.0 / self.squares)
        rate = inverse_auxiliary + 0.5 * (coefficients / self.tau) ** 2
        # The inverse of the square is exponential, from where lambda is at its largest.
        self.squares = 1.0 / (_MAX_LOCAL**-2 + self._rng.standard_exponential(p) / rate)
