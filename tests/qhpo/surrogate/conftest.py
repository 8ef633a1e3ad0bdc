"""The model of the design written down as slowly and plainly as possible."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.space import Axis, Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import CONSTANT

FloatArray = NDArray[np.float64]


class Textbook:
    """Kernel and Gaussian process by their definitions, one pair of configurations at a time."""

    def base(self, axis: Axis, x: float, y: float, lengthscale: float) -> float:
        """K_i; what categories share off the diagonal must not matter, so any number serves."""
        if axis.is_category:
            return 1.0 if x == y else 0.3
        u = math.sqrt(5) * abs(x - y) / lengthscale
        return (1 + u + u * u / 3) * math.exp(-u)

    def correlation(self, axis: Axis, x: float, y: float, lengthscale: float) -> float:
        """k~_i."""
        if math.isnan(x) or math.isnan(y) or axis.n_levels == 1:
            return 0.0
        levels = axis.coordinates.tolist()

        def k(a: float, b: float) -> float:
            return self.base(axis, a, b, lengthscale)

        grand = np.mean([k(a, b) for a in levels for b in levels])

        def centred(a: float, b: float) -> float:
            left = np.mean([k(a, level) for level in levels])
            right = np.mean([k(level, b) for level in levels])
            return float(k(a, b) - left - right + grand)

        return centred(x, y) / float(np.mean([centred(level, level) for level in levels]))

    def terms(self, space: Space, x: FloatArray, y: FloatArray, h: Hyperparameters) -> list[float]:
        """w_i k~_i of every axis."""
        return [
            float(h.relevance[i]) * self.correlation(axis, x[i], y[i], float(h.lengthscale[i]))
            for i, axis in enumerate(space.axes)
        ]

    def smooth(
        self,
        space: Space,
        x: FloatArray,
        y: FloatArray,
        h: Hyperparameters,
        n_orders: int | None = None,
    ) -> float:
        """The smooth part by a loop over every subset of axes of at most ``n_orders`` of them."""
        terms = self.terms(space, x, y, h)
        total = CONSTANT
        for order in range(1, 1 + (len(terms) if n_orders is None else n_orders)):
            strength = {1: 1.0, 2: h.pair}.get(order, h.rest)
            for subset in itertools.combinations(terms, order):
                total += strength * math.prod(subset)
        return total

    def mismatch(self, axis: Axis, x: float, y: float) -> float:
        """m_i."""
        if math.isnan(x) or math.isnan(y):
            return float(math.isnan(x) != math.isnan(y))
        if axis.is_exhaustive:
            return float(x != y)
        half_a_level = 0.5 / (axis.n_levels - 1)
        return 1.0 - math.exp(-0.5 * ((x - y) / half_a_level) ** 2)

    def strains(
        self, space: Space, x: FloatArray, y: FloatArray, h: Hyperparameters
    ) -> list[float]:
        """-log of every axis's factor of N."""
        mismatches = [self.mismatch(axis, x[i], y[i]) for i, axis in enumerate(space.axes)]
        return [
            -math.log(1.0 - mismatch + mismatch * math.exp(-tension))
            for mismatch, tension in zip(mismatches, h.tension.tolist(), strict=True)
        ]

    def kernel(self, space: Space, x: FloatArray, y: FloatArray, h: Hyperparameters) -> float:
        """k: the smooth part and the local one."""
        local = h.local * math.exp(-sum(self.strains(space, x, y, h)))
        return self.smooth(space, x, y, h) + local

    def matrix(
        self, space: Space, left: FloatArray, right: FloatArray, h: Hyperparameters
    ) -> FloatArray:
        """Kernel of all pairs, shape (len(left), len(right))."""
        return np.array([[self.kernel(space, x, y, h) for y in right] for x in left])

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
