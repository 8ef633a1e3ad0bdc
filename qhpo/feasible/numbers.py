"""Sums and products of numbers, kept exactly: each is linear or quadratic in one of its numbers.

What `Projection` is to linear constraints on floats, this is to quadratic ones, and to numbers of
many values: given all others, the values of one number that keep all sums are a few intervals,
whose ends are roots of quadratic polynomials.
See `qhpo.feasible.rows` for the symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution, IntDistribution

from qhpo.constraints import Constraint
from qhpo.feasible.rows import CLOSE, MARGIN, SumRows, limits
from qhpo.space import Axis, Space

__all__ = ["Numbers"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MAX_LISTED = 4096
"""Most values of a number that are all looked at, in some tens of microseconds. Of more, those next
to the ends of an interval are."""

_MAX_BESIDE = 32
"""Values of a second number that are tried where no value of the first one alone keeps a sum."""

_MAX_PAIRS = 12
"""Pairs of numbers that are tried in a round: a millisecond each."""

_NEWTON_STEPS = 12
"""Steps of Newton's method, whose error is squared in each."""

_ROUNDS = 3
"""Rounds of one search, each from another place."""


class Numbers(SumRows):
    """The linear and quadratic constraints of a set, solved for one number at a time.

    Args:
        space: The search space.
        constraints: Any constraints; those that are no sums of numbers are left out.

    Attributes:
        solved: Axes that sums are solved for: those of numbers with values between their levels,
            shape (d,), bool.
        coupled: Pairs of these (i, j) that a sum lets move only together, if it binds.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        super().__init__(space, constraints)
        self._sums = [
            constraint for constraint in constraints if constraint.quadratic_row is not None
        ]
        between = np.array([not axis.is_exhaustive for axis in space.axes], dtype=bool)
        self.solved: BoolArray = self._used.any(axis=0) & between
        self._is_float = np.array([_is_continuous(axis) for axis in space.axes], dtype=bool)
        self._listed: dict[int, tuple[FloatArray, FloatArray]] = {}
        binding = self._is_equality | np.isin(np.arange(len(self._linear)), self._row)
        self.coupled: list[tuple[int, int]] = sorted(
            {
                (i, j)
                for used in self._used[binding]
                for i in np.flatnonzero(used & self.solved).tolist()
                for j in np.flatnonzero(used & self.solved).tolist()
                if i != j
            }
        )

    def _candidates(self, v: FloatArray, axis: int) -> FloatArray:
        """Coordinates of one number that keep all sums, shape (n,).

        Of a number that is listed all of them; else what it has and the ends of the intervals, or
        the legal values next to these.
        """
        p = self.polynomials(v, axis)
        known = self._list(axis)
        if known is not None:
            return known[0][self._keep(p, known[1])]
        return np.array(self._kept_near(axis, p, *self._ends(v, axis, p).tolist(), float(v[axis])))

    def _list(self, axis: int) -> tuple[FloatArray, FloatArray] | None:
        """Coordinates and values of a number, if they are few enough to be listed."""
        scale = self._space.axes[axis]
        if scale.n_values > _MAX_LISTED:
            return None
        if axis not in self._listed:
            coordinates = scale.every_coordinate()
            values = [float(scale.value(c)) for c in coordinates.tolist()]
            self._listed[axis] = coordinates, np.array(values)
        return self._listed[axis]

    def range_of(self, axis: int, coordinates: FloatArray) -> tuple[float, float]:
        """Coordinates between which one number may move while the sums hold.

        Args:
            axis: Number of the axis.
            coordinates: A configuration that keeps all sums, shape (d,).

        Returns:
            Twice the coordinate that it has if there is no room.
        """
        if not self.solved[axis]:
            return 0.0, 1.0
        scale, own = self._space.axes[axis], float(coordinates[axis])
        v = self.values(coordinates)
        p = self.polynomials(v, axis)
        ends = self._ends(v, axis, p)
        inside = self._keep(p, 0.5 * (ends[1:] + ends[:-1]))
        beside = CLOSE * (ends[-1] - ends[0])
        has = (ends[:-1] - beside <= v[axis]) & (v[axis] <= ends[1:] + beside)
        mine = np.flatnonzero(inside & has)
        if not len(mine):
            return own, own
        # The intervals on both sides, as far as they hang together.
        first, last = int(mine[0]), int(mine[-1])
        while first > 0 and inside[first - 1]:
            first -= 1
        while last < len(inside) - 1 and inside[last + 1]:
            last += 1
        inward = _step_of(scale)
        low = self._kept_near(axis, p, ends[first], ends[first] + inward)
        high = self._kept_near(axis, p, ends[last + 1] - inward, ends[last + 1])
        return min([*low, own]), max([*high, own])

    def _kept_near(self, axis: int, p: FloatArray, *numbers: float) -> list[float]:
        """Coordinates of the legal values next to some numbers, as far as they keep all sums."""
        scale = self._space.axes[axis]
        near = np.array([c for t in numbers for c in _around(scale, t)])
        legal = np.array([float(scale.value(c)) for c in near.tolist()])
        kept: list[float] = near[self._keep(p, legal)].tolist()
        return kept

    def settle(
        self, coordinates: FloatArray, fixed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """A configuration near the given one whose numbers keep all sums, if one is found.

        Floats move together by Newton's method; then one number is solved for given all others, or
        given another value of a second one; then it begins again from another value of a number.

        Args:
            coordinates: Shape (d,), NaN where inactive.
            fixed: Axes that must not move, shape (d,), bool.
            rng: Draws what is tried.

        Returns:
            Shape (d,); what was given if nothing was found.
        """
        free = self.solved & ~fixed & ~np.isnan(coordinates)
        if not free.any() or not self._missed(self.values(coordinates)).any():
            return coordinates.copy()
        start = coordinates.copy()
        movable = self._used.any(axis=0) & ~fixed & ~np.isnan(coordinates)
        for _ in range(_ROUNDS):
            found = self._by_newton(start, free & self._is_float)
            if found is None:
                found = self._by_one(start, free)
            if found is None:
                found = self._by_two(start, free, movable, rng)
            if found is not None and self._is_exact(found):
                return found
            start = coordinates.copy()
            for i in np.flatnonzero(movable & (rng.random(len(movable)) < 0.5)).tolist():
                start[i] = self._space.axes[i].draw(rng)
        return coordinates.copy()

    def spread(
        self, coordinates: FloatArray, fixed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """Another configuration that keeps all sums: every number is drawn anew, given the others.

        What has been settled lies at the ends of what the sums allow (Gibbs sampling leads away).

        Args:
            coordinates: A configuration that keeps all sums, shape (d,), NaN where inactive.
            fixed: Axes that must not move, shape (d,), bool.
            rng: Draws the numbers.
        """
        spread = coordinates.copy()
        free = self.solved & ~fixed & ~np.isnan(coordinates)
        for i in rng.permutation(np.flatnonzero(free)).tolist():
            if self._list(i) is not None:
                near = self._candidates(self.values(spread), i)
                spread[i] = rng.choice(near) if len(near) else spread[i]
            else:
                drawn = spread.copy()
                drawn[i] = rng.uniform(*self.range_of(i, spread))
                drawn[i] = self._space.axes[i].snap(drawn[i : i + 1])[0]
                spread = spread if self._missed(self.values(drawn)).any() else drawn
        return spread

    def _by_newton(self, coordinates: FloatArray, free: BoolArray) -> FloatArray | None:
        """Moves floats together, by the least sum of squares in units of their ranges."""
        chosen = np.flatnonzero(free)
        if len(chosen) < 2:
            return None  # it can be solved for
        v = self.values(coordinates)
        ends = np.array([limits(self._space.axes[i]) for i in chosen.tolist()]).reshape(-1, 2)
        width = ends[:, 1] - ends[:, 0]
        is_open = np.ones(len(chosen), dtype=bool)
        for _ in range(_NEWTON_STEPS):
            inward = np.where(self._is_equality, 0.0, MARGIN * self._sizes(v))
            totals = self._totals(v)
            missed = np.maximum(self._lower + inward - totals, 0.0)
            missed -= np.maximum(totals - self._upper + inward, 0.0)
            close = np.abs(missed) <= np.maximum(0.9 * inward, 0.1 * self._tolerance)
            if close.all():
                return self._moved(coordinates, chosen, v)
            binding = self._is_equality | ~close
            slopes = self._gradients(v)[np.ix_(binding, chosen)] * (width * is_open)
            step = np.linalg.lstsq(slopes, missed[binding], rcond=1e-10)[0]
            wanted = v[chosen] + step * width * is_open
            v[chosen] = np.clip(wanted, ends[:, 0], ends[:, 1])
            # What stops at an end leaves the rest of the way to the others.
            is_open &= wanted == v[chosen]
            if not is_open.any():
                break
        return None

    def _moved(self, coordinates: FloatArray, axes: IntArray, v: FloatArray) -> FloatArray | None:
        """The configuration with other floats, if their coordinates still keep the sums."""
        moved = coordinates.copy()
        for i in axes.tolist():
            moved[i] = self._space.axes[i].coordinate(float(v[i]))
        return None if self._missed(self.values(moved)).any() else moved

    def _by_one(self, coordinates: FloatArray, free: BoolArray) -> FloatArray | None:
        """Solves for one number; the one that moves least."""
        v = self.values(coordinates)
        broken = self._missed(v) != 0.0
        best, found = math.inf, None
        for i in np.flatnonzero(free & self._used[broken].all(axis=0)).tolist():
            near = self._candidates(v, i)
            near = near[np.abs(near - coordinates[i]) < best]
            for chosen in near[np.abs(near - coordinates[i]).argsort(kind="stable")].tolist():
                moved = coordinates.copy()
                moved[i] = chosen
                if self._is_exact(moved):
                    best, found = abs(chosen - coordinates[i]), moved
                    break
        return found

    def _is_exact(self, coordinates: FloatArray) -> bool:
        """Whether the sums hold as Python computes them, which may round at a bound otherwise."""
        params = self._space.decode(coordinates)
        return all(constraint.satisfied(params) for constraint in self._sums)

    def _by_two(
        self, coordinates: FloatArray, free: BoolArray, movable: BoolArray, rng: np.random.Generator
    ) -> FloatArray | None:
        """Solves for one number beside other values of a second one; the pair that moves least."""
        broken = self._missed(self.values(coordinates)) != 0.0
        together = self._used[broken]
        pairs = [
            (i, j)
            for j in np.flatnonzero(free).tolist()
            for i in np.flatnonzero(movable).tolist()
            if i != j and (together[:, i] | together[:, j]).all()
        ]
        for k in rng.permutation(len(pairs))[:_MAX_PAIRS].tolist():
            i, j = pairs[k]
            others = np.array(list(self._beside(i, coordinates, rng)))
            found = self._nearest_pair(coordinates, i, j, others)
            if found is not None:
                return found
        return None

    def _nearest_pair(
        self, coordinates: FloatArray, i: int, j: int, others: FloatArray
    ) -> FloatArray | None:
        """The configuration with one of some coordinates of i, and one of j, that moves least."""
        known = self._list(j)
        best, found = math.inf, None
        if known is None:
            for other in others.tolist():
                moved = coordinates.copy()
                moved[i] = other
                near = self._candidates(self.values(moved), j)
                if len(near):
                    moved[j] = near[np.abs(near - coordinates[j]).argmin()]
                    distance = abs(moved[i] - coordinates[i]) + abs(moved[j] - coordinates[j])
                    if distance < best:
                        best, found = distance, moved
            return found
        kept = self._keep_pairs(coordinates, i, others, j, known[1])
        distances = np.abs(others - coordinates[i])[:, None] + np.abs(known[0] - coordinates[j])
        distances[~kept] = np.inf
        at, beside = np.unravel_index(int(distances.argmin()), distances.shape)
        if not kept[at, beside]:
            return None
        found = coordinates.copy()
        found[i], found[j] = others[at], known[0][beside]
        return found

    def _keep_pairs(
        self, coordinates: FloatArray, i: int, others: FloatArray, j: int, t: FloatArray
    ) -> BoolArray:
        """Which coordinates of i, shape (n,), and values of j, (m,), keep all sums, to (n, m)."""
        u = np.array([float(self._space.axes[i].value(c)) for c in others.tolist()])
        v = self.values(coordinates)
        v[[i, j]] = 0.0
        alone, beside = self.polynomials(v, i), self.polynomials(v, j)
        crossing = np.zeros(len(self._linear))
        for mine, other in ((self._first, self._second), (self._second, self._first)):
            both = (mine == i) & (other == j)
            np.add.at(crossing, self._row[both], self._factor[both])
        kept = np.ones((len(u), len(t)), dtype=bool)
        for k in np.flatnonzero(self._used[:, i] | self._used[:, j]).tolist():
            of_u = alone[0, k] + u * (alone[1, k] + u * alone[2, k])
            of_t = t * (beside[1, k] + t * beside[2, k])
            sums = of_u[:, None] + of_t + crossing[k] * np.outer(u, t)
            kept &= (self._lower[k] - self._tolerance[k] <= sums) & (
                sums <= self._upper[k] + self._tolerance[k]
            )
        return kept

    def _beside(
        self, axis: int, coordinates: FloatArray, rng: np.random.Generator
    ) -> Iterator[float]:
        """Coordinates of a number to try: nearby ones and random ones, all if they are few."""
        known = self._list(axis)
        if known is not None:
            order = np.abs(known[0] - coordinates[axis]).argsort(kind="stable")
            if len(order) > _MAX_BESIDE:
                part = _MAX_BESIDE // 3
                # The lowest values divide most products, and sums of large parts need them.
                order = np.concatenate(
                    [order[:part], np.arange(part), rng.permutation(order)[:part]]
                )
            yield from known[0][order].tolist()
            return
        scale = self._space.axes[axis]
        if not self._is_float[axis]:
            for k in range(_MAX_BESIDE // 2):
                yield scale.coordinate(_stepped(scale, k))
        for _ in range(_MAX_BESIDE // 4):
            yield scale.draw(rng)


def _is_continuous(axis: Axis) -> bool:
    dist = axis.distribution
    return isinstance(dist, FloatDistribution) and dist.step is None and not dist.single()


def _step_of(axis: Axis) -> float:
    """What lies between two values of a number; 0 if it is continuous."""
    dist = axis.distribution
    assert isinstance(dist, (FloatDistribution, IntDistribution))
    return dist.step or 0.0


def _stepped(axis: Axis, k: int) -> float:
    """The value that is k steps above the lowest one of a stepped number."""
    dist = axis.distribution
    assert isinstance(dist, (FloatDistribution, IntDistribution))
    assert dist.step is not None
    return dist.low + k * dist.step


def _around(axis: Axis, number: float) -> list[float]:
    """Coordinates of the legal values next to a number within the range, on both sides."""
    dist = axis.distribution
    assert isinstance(dist, (FloatDistribution, IntDistribution))
    number = min(max(number, dist.low), dist.high)
    if dist.step is None:
        return [axis.coordinate(number)]
    steps, last = (number - dist.low) / dist.step, int(axis.n_values) - 1
    # A number that is a legal value, but for a rounding error, has none beside it.
    near = {math.floor(steps + CLOSE), math.ceil(steps - CLOSE)}
    return [axis.coordinate(_stepped(axis, min(max(k, 0), last))) for k in sorted(near)]
