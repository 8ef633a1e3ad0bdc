"""The model of the design written down as slowly and plainly as possible."""

from __future__ import annotations

import itertools
import math
from functools import cache, partial

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.space import Axis, Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import CONSTANT

FloatArray = NDArray[np.float64]


def _base(is_category: bool, x: float, y: float, lengthscale: float) -> float:
    """K_i; what categories share off the diagonal must not matter, so any number serves."""
    if is_category:
        return 1.0 if x == y else 0.3
    u = math.sqrt(5) * abs(x - y) / lengthscale
    return (1 + u + u * u / 3) * math.exp(-u)


@cache
def _centred(
    levels: tuple[float, ...], is_category: bool, x: float, y: float, lengthscale: float
) -> float:
    """K_i less its means over the levels."""
    k = partial(_base, is_category, lengthscale=lengthscale)
    left = np.mean([k(x, level) for level in levels])
    right = np.mean([k(level, y) for level in levels])
    grand = np.mean([k(a, b) for a in levels for b in levels])
    return float(k(x, y) - left - right + grand)


@cache
def _correlation(
    levels: tuple[float, ...], is_category: bool, x: float, y: float, lengthscale: float
) -> float:
    """k~_i."""
    centred = partial(_centred, levels, is_category, lengthscale=lengthscale)
    return centred(x, y) / float(np.mean([centred(level, level) for level in levels]))


class Textbook:
    """Kernel and Gaussian process by their definitions, one pair of configurations at a time."""

    def correlation(self, axis: Axis, x: float, y: float, lengthscale: float) -> float:
        """k~_i."""
        if math.isnan(x) or math.isnan(y) or axis.n_levels == 1:
            return 0.0
        levels = tuple(axis.coordinates.tolist())
        return _correlation(levels, axis.is_category, x, y, lengthscale)

    def terms(self, space: Space, x: FloatArray, y: FloatArray, h: Hyperparameters) -> list[float]:
        """w_i k~_i of every axis."""
        return [
            float(h.relevance[i]) * self.correlation(axis, *pair, float(h.lengthscale[i]))
            for i, (axis, *pair) in enumerate(zip(space.axes, x.tolist(), y.tolist(), strict=True))
        ]

    def smooth(
        self,
        space: Space,
        x: FloatArray,
        y: FloatArray,
        h: Hyperparameters,
        n_orders: int | None = None,
    ) -> float:
        """The smooth part, of at most ``n_orders`` orders.

        The sum of all products of k terms is the coefficient of z^k in prod_i (1 + z term_i).
        """
        sums = [1.0]
        for term in self.terms(space, x, y, h):
            sums = [a + term * b for a, b in zip([*sums, 0.0], [0.0, *sums], strict=True)]
        sums = sums[1:]
        strengths = [1.0, h.pair] + [h.rest] * len(sums)
        return CONSTANT + sum(s * e for s, e in zip(strengths, sums[:n_orders], strict=False))

    def mismatch(self, axis: Axis, x: float, y: float) -> float:
        """m_i."""
        if math.isnan(x) or math.isnan(y):
            return float(math.isnan(x) != math.isnan(y))
        if axis.is_exhaustive:
            return float(x != y)
        half_a_level = 0.5 / (axis.n_levels - 1)
        return 1.0 - math.exp(-0.5 * ((x - y) / half_a_level) ** 2)

    def nugget(self, space: Space, x: FloatArray, y: FloatArray, h: Hyperparameters) -> float:
        """v N."""
        pairs = zip(space.axes, x.tolist(), y.tolist(), strict=True)
        mismatches = [self.mismatch(*pair) for pair in pairs]
        factors = [
            1.0 - mismatch + mismatch * math.exp(-tension)
            for mismatch, tension in zip(mismatches, h.tension.tolist(), strict=True)
        ]
        return h.nugget * math.prod(factors)

    def smooth_matrix(
        self,
        space: Space,
        left: FloatArray,
        right: FloatArray,
        h: Hyperparameters,
        n_orders: int | None = None,
    ) -> FloatArray:
        """Smooth part of all pairs, shape (len(left), len(right))."""
        return np.array([[self.smooth(space, x, y, h, n_orders) for y in right] for x in left])

    def matrix(
        self, space: Space, left: FloatArray, right: FloatArray, h: Hyperparameters
    ) -> FloatArray:
        """Kernel of all pairs, shape (len(left), len(right))."""
        nugget = np.array([[self.nugget(space, x, y, h) for y in right] for x in left])
        return self.smooth_matrix(space, left, right, h) + nugget

    def posterior(
        self,
        space: Space,
        observed: FloatArray,
        y: FloatArray,
        h: Hyperparameters,
        points: FloatArray,
        n_orders: int | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Mean, shape (q,), and covariance, (q, q), of the function or its first orders."""
        gram = self.matrix(space, observed, observed, h) + h.noise * np.eye(len(y))
        part = self.matrix if n_orders is None else partial(self.smooth_matrix, n_orders=n_orders)
        cross, prior = part(space, points, observed, h), part(space, points, points, h)
        return (
            cross @ np.linalg.solve(gram, y),
            prior - cross @ np.linalg.solve(gram, cross.T),
        )


@pytest.fixture(scope="session")
def textbook() -> Textbook:
    return Textbook()


@pytest.fixture(scope="session")
def small_space(mixed_space: Space) -> Space:
    """Few enough configurations of levels to list them all: 3 x 5 x 2."""
    keep = ("activation", "depth", "half")
    return Space({a.name: a.distribution for a in mixed_space.axes if a.name in keep})


@pytest.fixture(scope="session")
def every_level(small_space: Space) -> NDArray[np.intp]:
    """Level indices of every configuration of the small space, shape (30, 3)."""
    return np.array(list(itertools.product(*map(range, small_space.n_levels.tolist()))))
