"""A prior mean of main effects and pairs, and a surrogate of what is left beside it.

Glossary
--------
D
    Levels of all axes together.
h, J
    Tables of the mean over the levels, shape (D,) and (D, D): a `DenseDQM`.
u
    Weights of the levels at a configuration, shape (D,). At a level it is 1 for that level; between
    two levels of a number they share 1 by its distance from them; an inactive axis has none.

The mean at a configuration is h'u + u'Ju/2 + offset: exactly the tables at levels, interpolated
between them. It is a quadratic model itself, so that the sum of it and of a surrogate has one, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.space import Axis, Space
from qhpo.surrogate.base import Moments, Part, QuadraticKind, Surrogate

__all__ = ["Informed", "PriorMean", "level_weights"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def level_weights(axis: Axis, points: FloatArray) -> FloatArray:
    """Weights of an axis's levels at coordinates, shape (P,) to (P, L); 0 where inactive."""
    levels = axis.coordinates
    if axis.is_category or len(levels) == 1:
        same: FloatArray = (points[:, None] == levels).astype(float)
        return same
    known = ~np.isnan(points)
    inside = np.clip(points[known], levels[0], levels[-1])
    upper = np.clip(np.searchsorted(levels, inside), 1, len(levels) - 1)
    share = (inside - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
    weights = np.zeros((len(points), len(levels)))
    rows = np.flatnonzero(known)
    weights[rows, upper] = share
    weights[rows, upper - 1] = 1.0 - share
    return weights


class PriorMean:
    """A mean over a search space.

    Args:
        space: The search space.
        tables: Its main effects and pairs over the levels.
    """

    def __init__(self, space: Space, tables: DenseDQM) -> None:
        self._space = space
        self._tables = tables

    def _weights(self, x: FloatArray) -> FloatArray:
        """Weights u of configurations, (q, d) to (q, D)."""
        columns = zip(self._space.axes, x.T, strict=True)
        return np.concatenate([level_weights(axis, column) for axis, column in columns], axis=1)

    def at(self, x: FloatArray) -> FloatArray:
        """At configurations, (q, d) to (q,)."""
        u = self._weights(x)
        fields = self._tables.linear + 0.5 * (u @ self._tables.quadratic)
        mean: FloatArray = (u * fields).sum(axis=1) + self._tables.offset
        return mean

    def at_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """With one of some axes set to each of its levels, (S, d) to (S, levels of these axes)."""
        u = self._weights(x)
        fields = self._tables.linear + u @ self._tables.quadratic
        own = np.add.reduceat(u * fields, self._space.starts[:-1], axis=1)
        levels = self._space.levels_of(axes)
        block = np.repeat(axes, self._space.n_levels[axes])
        changed: FloatArray = self.at(x)[:, None] - own[:, block] + fields[:, levels]
        return changed

    def along(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """At one configuration, shape (d,), with an axis set to each of P coordinates: (P,)."""
        first, last = self._space.starts[axis], self._space.starts[axis + 1]
        without = x.copy()
        without[axis] = np.nan
        u = self._weights(without[None, :])[0]
        fields = self._tables.linear[first:last] + self._tables.quadratic[first:last] @ u
        rest = self.at(without[None, :])[0]
        mean: FloatArray = rest + level_weights(self._space.axes[axis], points) @ fields
        return mean

    def quadratic(self, part: Part | None) -> DenseDQM:
        """Its tables, or those of some axes while the others stay."""
        if part is None:
            return self._tables
        return self._tables.of_variables(part.axes, self._weights(part.x[None, :])[0])


class Informed:
    """A prior mean and a surrogate of the differences from it; see `Surrogate`.

    Args:
        residual: The surrogate of values less their prior mean.
        mean: The prior mean.
    """

    def __init__(self, residual: Surrogate, mean: PriorMean) -> None:
        self._residual = residual
        self._mean = mean
        self.space = residual.space
        self.n_members = residual.n_members
        self.observed = residual.observed
        self.observed_mean: FloatArray = residual.observed_mean + mean.at(residual.observed)
        self.noise = residual.noise

    def predict(self, x: FloatArray) -> Moments:
        """See `Surrogate.predict`."""
        mean, variance = self._residual.predict(x)
        return Moments(mean + self._mean.at(x), variance)

    def predict_changes(self, x: FloatArray, axes: IntArray) -> Moments:
        """See `Surrogate.predict_changes`."""
        mean, variance = self._residual.predict_changes(x, axes)
        return Moments(mean + self._mean.at_changes(x, axes), variance)

    def predict_axis(self, x: FloatArray, axis: int, points: FloatArray) -> Moments:
        """See `Surrogate.predict_axis`."""
        mean, variance = self._residual.predict_axis(x, axis, points)
        return Moments(mean + self._mean.along(x, axis, points), variance)

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        model = self._residual.quadratic(kind, member, rng, part)
        mean = self._mean.quadratic(part)
        return DenseDQM(
            model.starts,
            model.linear + mean.linear,
            model.quadratic + mean.quadratic,
            model.offset + mean.offset,
        )

    def believing(self, x: FloatArray) -> Surrogate:
        """See `Surrogate.believing`."""
        return Informed(self._residual.believing(x), self._mean)
