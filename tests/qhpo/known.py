"""What the shared suites compare with, and acquisitions and surrogates of known values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.space import Space
from qhpo.surrogate.base import Moments, Part, QuadraticKind, Surrogate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def every_change(space: Space, x: FloatArray, axes: IntArray | None = None) -> FloatArray:
    """The configurations that differ in at most one axis from that of shape (d,), shape (D, d).

    Only axes that are given change, if any are.
    """
    chosen = range(len(space)) if axes is None else axes.tolist()
    changed = [along_axis(x, i, space.axes[i].coordinates) for i in chosen]
    return np.concatenate(changed)


def along_axis(x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
    """A configuration of shape (d,) with one axis at each of P coordinates, shape (P, d)."""
    changed = np.tile(x, (len(points), 1))
    changed[:, axis] = points
    return changed


def assert_normal(draws: FloatArray, mean: FloatArray, covariance: FloatArray) -> None:
    """Draws, shape (n, q), have a mean and a covariance up to what chance explains."""
    n, variance = len(draws), np.diagonal(covariance)
    assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / n)).all()
    # Standard error of a covariance of normal variables.
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    assert (np.abs(np.cov(draws, rowvar=False) - covariance) < 4.5 * error).all()


def random_tables(space: Space, rng: np.random.Generator) -> DenseDQM:
    """Energies over the levels."""
    n = int(space.starts[-1])
    linear, quadratic = rng.standard_normal(n), rng.standard_normal((n, n))
    return DenseDQM.from_upper(space.starts, linear, quadratic, 0.0)


class KnownScore:
    """An acquisition.

    Args:
        space: The search space.
        function: The score of configurations, (q, d) to (q,).
    """

    surrogates: Sequence[Surrogate] = ()

    def __init__(self, space: Space, function: Callable[[FloatArray], FloatArray]) -> None:
        self._space = space
        self.score = function

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        return np.stack([self.score(every_change(self._space, one, axes)) for one in x])

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        return self.score(along_axis(x, axis, points))

    def set_pending(self, x: FloatArray) -> None:
        pass


class KnownValues:
    """A surrogate that is sure of its members' energies over the levels.

    Args:
        space: The search space.
        observed: Shape (n, d).
        members: Energies; what is inactive adds nothing.
    """

    def __init__(self, space: Space, observed: FloatArray, members: Sequence[DenseDQM]) -> None:
        self.space = space
        self.n_members = len(members)
        self.noise = np.zeros(len(members))
        self.observed = observed
        self.asked: list[tuple[QuadraticKind, int]] = []
        self._members = members
        self.observed_mean = self.predict(observed).mean

    def predict(self, x: FloatArray) -> Moments:
        mean = np.array(
            [[_energy(self.space, tables, one) for one in x] for tables in self._members]
        )
        mean = mean.reshape(self.n_members, len(x))
        return Moments(mean, np.full_like(mean, 1e-12))

    def predict_changes(self, x: FloatArray, axes: IntArray) -> Moments:
        each = [self.predict(every_change(self.space, one, axes)) for one in x]
        return Moments(*(np.stack(parts, axis=1) for parts in zip(*each, strict=True)))

    def predict_axis(self, x: FloatArray, axis: int, points: FloatArray) -> Moments:
        return self.predict(along_axis(x, axis, points))

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        self.asked.append((kind, member))
        if part is None:
            return self._members[member]
        cases = self.space.nearest_levels(part.x) + self.space.starts[:-1]
        weights = np.isin(np.arange(self.space.starts[-1]), cases).astype(float)
        return self._members[member].of_variables(part.axes, weights)

    def believing(self, x: FloatArray) -> KnownValues:
        return KnownValues(self.space, np.concatenate([self.observed, x]), self._members)


def _energy(space: Space, tables: DenseDQM, x: FloatArray) -> float:
    levels = space.nearest_levels(np.nan_to_num(x))
    chosen = (space.starts[:-1] + levels)[~np.isnan(x)]
    pairs = tables.quadratic[np.ix_(chosen, chosen)].sum() / 2.0
    return float(tables.linear[chosen].sum() + pairs + tables.offset)
