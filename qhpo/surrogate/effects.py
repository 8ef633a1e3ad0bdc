"""Effects of axes and of pairs of axes in a posterior, in closed form.

Glossary
--------
d, D, n
    Axes, levels of all axes together, observed configurations.
m
    The posterior mean sum_n a_n k(x, X_n), x uniform over the levels of every axis.
T, a, b
    Terms w_i k~_i of the levels with the observations, shape (D, n), which are centred over the
    levels of an axis; the weights of the observations; v a times the product of all mu.
f, mu, F
    Factors of the correlated nugget, shape (D, n); their means over the levels of an axis, shape
    (d, n); f / mu - 1, centred as T is.
effect
    What E[m | x_i], or E[m | x_i, x_j], adds to the effects of fewer axes: one part of the
    Hoeffding decomposition. The variances of all parts add up to that of m, and their shares of it
    are Sobol' indices (Sobol' 2001, "Global sensitivity indices for nonlinear mathematical models
    and their Monte Carlo estimates").
G, W
    Means over the levels of T T', shape (n, n) of every axis; a a' - (K + noise I)^-1.

Every part of m is a sum over observations of products of centred terms (Durrande, Ginsbourger,
Roustant, Carraro 2013, "ANOVA kernels and RKHS of zero mean functions for model-based sensitivity
analysis", section 4): the part of the axes S has the terms a c_S prod_S T_i and b prod_S F_i, with
c_S = 1, s2 or s3 for one axis, two, or more.

The mean alone makes small effects too small: where little is known of one, the mean has next to
nothing of it. What is expected of the variance of a part is that of its mean and what the posterior
leaves open, c_S prod_S w_i - c_S^2 sum(prod_S G_i * (K + noise I)^-1), as k~_i has mean diagonal 1
over the levels (Oakley, O'Hagan 2004, "Probabilistic sensitivity analysis of complex models: a
Bayesian approach", section 3). So W stands where a a' would. What is open of the correlated nugget
is left out: it has next to no effects of few axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.surrogate.covariance import CrossCovariance
from qhpo.surrogate.kernel import CONSTANT

__all__ = ["Effects", "effects", "nugget_orders"]

FloatArray = NDArray[np.float64]

_LEAST_FACTOR = 1e-12
"""What stands for a factor of 0, so that a product can be divided by it again."""

_PRODUCTS_AT_ONCE = 2_000_000
"""Products of observations on all axes that are kept at once: 16 MB an array."""


class Effects(NamedTuple):
    """What axes do. Variances are those that the posterior expects.

    Attributes:
        mean: Of the posterior mean over all levels.
        levels: The effect of every level on the posterior mean, shape (D,), centred over the levels
            of an axis.
        main: Variance of the effect of every axis, shape (d,).
        pairs: Variance of the effect of every pair of axes, shape (d, d), symmetric, 0 between an
            axis and itself.
        variance: Of all parts.
        total: Variance of all parts that an axis takes part in, shape (d,).
    """

    mean: float
    levels: FloatArray
    main: FloatArray
    pairs: FloatArray
    variance: float
    total: FloatArray


class _Sums(NamedTuple):
    """What a sum over sets of axes is made of, see `qhpo.surrogate.kernel.power_sums`."""

    e1: FloatArray
    squares: FloatArray
    product: FloatArray

    def plus(self, term: FloatArray) -> _Sums:
        """With one more axis."""
        return _Sums(
            self.e1 + term, self.squares + term * term, self.product * _kept_apart(1.0 + term)
        )

    def less(self, term: FloatArray) -> _Sums:
        """Without one of the axes."""
        return _Sums(
            self.e1 - term, self.squares - term * term, self.product / _kept_apart(1.0 + term)
        )

    def weighted(self, pair: float, rest: float) -> FloatArray:
        """The sum over all sets of one axis, of two times `pair`, of more times `rest`."""
        e2 = 0.5 * (self.e1 * self.e1 - self.squares)
        sums: FloatArray = (1.0 - rest) * self.e1 + (pair - rest) * e2 + rest * (self.product - 1.0)
        return sums


def _kept_apart(factor: FloatArray) -> FloatArray:
    return np.where(np.abs(factor) < _LEAST_FACTOR, _LEAST_FACTOR, factor)


class _Member:
    """What the effects of one member are made of.

    Args:
        cross: Covariances with the observations.
        member: Number of the member.
        weights: a, shape (n,).

    Attributes:
        own: b, shape (n,).
        centred: F, shape (D, n).
    """

    def __init__(self, cross: CrossCovariance, member: int, weights: FloatArray) -> None:
        self.hyper = cross.members[member]
        self.weights = weights
        self.terms = cross.levels.terms[member]
        factors, sizes = cross.levels.factors[member], cross.space.n_levels
        means = np.add.reduceat(factors, cross.space.starts[:-1], axis=0) / sizes[:, None]
        self.centred = factors / np.repeat(means, sizes, axis=0) - 1.0
        self.own = self.hyper.nugget * weights * means.prod(axis=0)


def nugget_orders(cross: CrossCovariance, member: int, weights: FloatArray) -> DenseDQM:
    """The first two orders of what the correlated nugget adds to a posterior mean.

    Args:
        cross: Covariances with the observations.
        member: Number of the member.
        weights: a, shape (n,).
    """
    of = _Member(cross, member, weights)
    pairs = (of.centred * of.own) @ of.centred.T
    linear = of.centred @ of.own
    return DenseDQM.from_upper(cross.space.starts, linear, pairs, float(of.own.sum()))


def effects(
    cross: CrossCovariance, member: int, weights: FloatArray, inverse: FloatArray
) -> Effects:
    """Effects in the posterior of one member.

    Args:
        cross: Covariances with the observations.
        member: Number of the member.
        weights: a, shape (n,).
        inverse: (K + noise I)^-1, shape (n, n).
    """
    of = _Member(cross, member, weights)
    starts, sizes = cross.space.starts[:-1], cross.space.n_levels
    levels = of.terms @ weights + of.centred @ of.own
    parts = list(_rows(starts, sizes))
    relevance, pair = of.hyper.relevance, of.hyper.pair
    known, known_together = _known([of.terms[rows] for rows in parts], inverse)
    main = np.add.reduceat(levels * levels, starts) / sizes
    main += np.maximum(relevance - known, 0.0)
    pairs = np.empty((len(sizes), len(sizes)))
    for i, rows in enumerate(parts):
        # A few rows of a table that would have the square of all levels.
        table = pair * (of.terms[rows] * weights) @ of.terms.T
        table += (of.centred[rows] * of.own) @ of.centred.T
        pairs[i] = np.add.reduceat((table * table).sum(axis=0), starts) / (sizes * sizes[i])
    pairs += np.maximum(pair * np.outer(relevance, relevance) - pair**2 * known_together, 0.0)
    np.fill_diagonal(pairs, 0.0)
    variance, total = _variances(of, parts, inverse)
    mean = CONSTANT * float(weights.sum()) + float(of.own.sum())
    # Of equal values, only rounding tells a pair from its mirror.
    return Effects(mean, levels, main, 0.5 * (pairs + pairs.T), variance, total)


def _known(terms: list[FloatArray], inverse: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What observations tell of effects: sums over G_i, and over G_i * G_j, times the inverse.

    Args:
        terms: T of every axis, (L, n) each.
        inverse: (K + noise I)^-1, shape (n, n).

    Returns:
        Shape (d,), and (d, d).
    """
    d, n = len(terms), len(inverse)
    alone, together = np.zeros(d), np.zeros((d, d))
    step = max(1, _PRODUCTS_AT_ONCE // (d * n))
    for start in range(0, n, step):
        some = slice(start, start + step)
        products = np.stack([_mean_product(t[:, some], t).ravel() for t in terms])
        part = inverse[some].ravel()
        alone += products @ part
        together += (products * part) @ products.T
    return alone, together


def _mean_product(first: FloatArray, second: FloatArray) -> FloatArray:
    """Means over the levels of an axis, (L, a) and (L, b) to (a, b)."""
    product: FloatArray = first.T @ second / len(first)
    return product


def _rows(starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> Iterator[slice]:
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        yield slice(start, start + size)


def _variances(of: _Member, parts: list[slice], inverse: FloatArray) -> tuple[float, FloatArray]:
    """Variance of all parts, and what of it each axis takes part in.

    The variance of the part of S is c_S prod_S w_i + sum(W * c_S^2 prod_S G_i) +
    2 a' (c_S prod_S C_i) b + b' (prod_S H_i) b, with C and H the means over the levels of T F' and
    F F'.

    Args:
        of: The member.
        parts: Which levels are those of every axis.
        inverse: (K + noise I)^-1, shape (n, n).
    """
    pair, rest = of.hyper.pair, of.hyper.rest
    n = len(of.weights)
    known = np.outer(of.weights, of.weights) - inverse

    def terms(i: int) -> tuple[FloatArray, ...]:
        t, f = of.terms[parts[i]], of.centred[parts[i]]
        means = _mean_product(t, t), _mean_product(t, f), _mean_product(f, f)
        return (of.hyper.relevance[i], *means)

    def variance(sums: list[_Sums]) -> float:
        prior, smooth, both, rough = sums
        return float(
            prior.weighted(pair, rest)
            + (known * smooth.weighted(pair**2, rest**2)).sum()
            + 2.0 * of.weights @ both.weighted(pair, rest) @ of.own
            + of.own @ (rough.product - 1.0) @ of.own
        )

    sums = [
        _Sums(np.zeros(shape), np.zeros(shape), np.ones(shape)) for shape in ((), *[(n, n)] * 3)
    ]
    for i in range(len(parts)):
        sums = [each.plus(term) for each, term in zip(sums, terms(i), strict=True)]
    whole = variance(sums)
    # Two passes, so that no array has a row for every axis and every pair of observations.
    without = [
        variance([each.less(term) for each, term in zip(sums, terms(i), strict=True)])
        for i in range(len(parts))
    ]
    return max(whole, 0.0), np.maximum(whole - np.array(without), 0.0)
