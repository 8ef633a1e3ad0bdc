"""Sums and products of numbers, kept exactly: each is linear or quadratic in one of its numbers.

What `Projection` is to linear constraints on floats, this is to quadratic ones, and to numbers of
many values: given all others, the values of one number that keep all sums are a few intervals,
whose ends are roots of quadratic polynomials.

Glossary
--------
v
    Values of all axes in the parameters' own units, shape (d,); 0 where inactive, and for what no
    sum speaks of.
row
    A sum: b'v + v'Mv, between two bounds.
t
    A value of one number, given all others: the sum of a row is p0 + p1 t + p2 t^2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution, IntDistribution

from qhpo.constraints import Constraint
from qhpo.space import Axis, Space

__all__ = ["Numbers"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MARGIN = 1e-12
"""How far inside of a bound a sum is aimed, relative to its size: some thousand rounding errors."""

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

_CLOSE = 1e-9
"""Part of a range, or of a sum, that may be due to rounding errors."""


class Numbers:
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
        self._space = space
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        rows = [c.quadratic_row for c in constraints if c.quadratic_row is not None]
        self._linear = np.zeros((len(rows), len(space)))
        products: list[tuple[int, int, int, float]] = []
        for k, row in enumerate(rows):
            for name, a in row.coefficients:
                self._linear[k, index[name]] += a
            products += [(k, index[first], index[second], a) for first, second, a in row.products]
        self._row, self._first, self._second = (
            np.array([p[at] for p in products], dtype=np.intp) for at in range(3)
        )
        self._factor = np.array([p[3] for p in products])
        self._lower = np.array([row.lower for row in rows], dtype=float)
        self._upper = np.array([row.upper for row in rows], dtype=float)
        self._tolerance = np.array([row.tolerance for row in rows], dtype=float)
        self._is_equality = self._lower == self._upper
        self._used: BoolArray = self._linear != 0.0
        self._used[self._row, self._first] = True
        self._used[self._row, self._second] = True
        self._in_use = np.flatnonzero(self._used.any(axis=0)).tolist()
        between = np.array([not axis.is_exhaustive for axis in space.axes], dtype=bool)
        self.solved: BoolArray = self._used.any(axis=0) & between
        self._is_float = np.array([_is_continuous(axis) for axis in space.axes], dtype=bool)
        self._listed: dict[int, tuple[FloatArray, FloatArray]] = {}
        binding = self._is_equality | np.isin(np.arange(len(rows)), self._row)
        self.coupled: list[tuple[int, int]] = sorted(
            {
                (i, j)
                for used in self._used[binding]
                for i in np.flatnonzero(used & self.solved).tolist()
                for j in np.flatnonzero(used & self.solved).tolist()
                if i != j
            }
        )

    @cached_property
    def are_impossible(self) -> bool:
        """Whether some sum is proven to keep its bounds nowhere, if all its numbers are active.

        Each term is bounded on its own: sums whose terms depend on each other may be missed.
        """
        ends = np.zeros((len(self._space), 2))
        for i in self._in_use:
            axis = self._space.axes[i]
            known = axis.coordinates.tolist() if axis.is_category else (0.0, 1.0)
            values = [float(axis.value(c)) for c in known]
            ends[i] = min(values), max(values)
        least, most = (side.copy() for side in _ends_of(self._linear, ends))
        both = ends[self._first][:, :, None] * ends[self._second][:, None, :]
        low, high = both.min(axis=(1, 2)), both.max(axis=(1, 2))
        crosses = (self._first == self._second) & (ends[self._first].prod(axis=1) <= 0.0)
        low = np.where(crosses, 0.0, low)
        products = np.sort(np.stack([self._factor * low, self._factor * high]), axis=0)
        np.add.at(least, self._row, products[0])
        np.add.at(most, self._row, products[1])
        beyond = self._tolerance + _CLOSE * np.maximum(np.maximum(np.abs(least), np.abs(most)), 1.0)
        return bool(((least - beyond > self._upper) | (most + beyond < self._lower)).any())

    def values(self, coordinates: FloatArray) -> FloatArray:
        """The v of a configuration, (d,) to (d,)."""
        v = np.zeros(len(coordinates))
        for i in self._in_use:
            if not math.isnan(coordinates[i]):
                v[i] = float(self._space.axes[i].value(float(coordinates[i])))
        return v

    def _totals(self, v: FloatArray) -> FloatArray:
        """The sums of all rows, shape (k,)."""
        totals: FloatArray = self._linear @ v
        np.add.at(totals, self._row, self._factor * v[self._first] * v[self._second])
        return totals

    def _sizes(self, v: FloatArray) -> FloatArray:
        """Size of what is summed in every row, shape (k,); at least 1."""
        sizes = np.abs(self._linear) @ np.abs(v)
        np.add.at(sizes, self._row, np.abs(self._factor * v[self._first] * v[self._second]))
        at_least: FloatArray = np.maximum(sizes, 1.0)
        return at_least

    def _missed(self, v: FloatArray) -> FloatArray:
        """What every sum lacks to its nearest bound, shape (k,); 0 where it is within them."""
        totals = self._totals(v)
        missed: FloatArray = np.maximum(self._lower - self._tolerance - totals, 0.0)
        missed -= np.maximum(totals - self._upper - self._tolerance, 0.0)
        return missed

    def polynomials(self, v: FloatArray, axis: int) -> FloatArray:
        """p0, p1, p2 of every row in one number, shape (3, k)."""
        at_zero = v.copy()
        at_zero[axis] = 0.0
        p = np.stack([self._totals(at_zero), self._linear[:, axis], np.zeros(len(self._linear))])
        for mine, other in ((self._first, self._second), (self._second, self._first)):
            crossing = (mine == axis) & (other != axis)
            np.add.at(p[1], self._row[crossing], self._factor[crossing] * v[other[crossing]])
        squares = (self._first == axis) & (self._second == axis)
        np.add.at(p[2], self._row[squares], self._factor[squares])
        return p

    def _gradients(self, v: FloatArray) -> FloatArray:
        """Derivatives of all sums by all values, shape (k, d)."""
        gradients = self._linear.copy()
        np.add.at(gradients, (self._row, self._first), self._factor * v[self._second])
        np.add.at(gradients, (self._row, self._second), self._factor * v[self._first])
        return gradients

    def _keep(self, p: FloatArray, t: FloatArray) -> BoolArray:
        """Which values of one number keep all sums, (n,) to (n,)."""
        sums = p[0][:, None] + p[1][:, None] * t + p[2][:, None] * t * t
        lower = (self._lower - self._tolerance)[:, None]
        upper = (self._upper + self._tolerance)[:, None]
        kept: BoolArray = ((lower <= sums) & (sums <= upper)).all(axis=0)
        return kept

    def _ends(self, v: FloatArray, axis: int, p: FloatArray) -> FloatArray:
        """Values of one number at which a sum reaches a bound, and its own ends, increasing.

        Between two of them that follow each other either all values keep the sums, or none does.
        """
        low, high = _limits(self._space.axes[axis])
        inward = np.where(self._is_equality, 0.0, _MARGIN * self._sizes(v))
        ends = [low, high]
        for k in np.flatnonzero(self._used[:, axis]).tolist():
            for bound in {self._lower[k] + inward[k], self._upper[k] - inward[k]}:
                if math.isfinite(bound):
                    ends += _roots(p[2, k], p[1, k], p[0, k] - bound)
        inside = np.array(ends)
        return np.unique(inside[(low <= inside) & (inside <= high)])

    def _candidates(self, v: FloatArray, axis: int) -> FloatArray:
        """Coordinates of one number that keep all sums, shape (n,).

        Of a number that is listed all of them; else what it has and the ends of the intervals, or
        the legal values next to these.
        """
        p = self.polynomials(v, axis)
        known = self._list(axis)
        if known is not None:
            return known[0][self._keep(p, known[1])]
        scale = self._space.axes[axis]
        wanted = np.append(self._ends(v, axis, p), v[axis])
        coordinates = np.array([c for t in wanted.tolist() for c in _around(scale, t)])
        legal = np.array([float(scale.value(c)) for c in coordinates.tolist()])
        return coordinates[self._keep(p, legal)]

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
        beside = _CLOSE * (ends[-1] - ends[0])
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
        # Of the legal values next to an end, the one inside.
        low = max(_around(scale, float(ends[first])))
        high = min(_around(scale, float(ends[last + 1])))
        return min(low, own), max(high, own)

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
            if found is not None:
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
        limits = np.array([_limits(self._space.axes[i]) for i in chosen.tolist()]).reshape(-1, 2)
        width = limits[:, 1] - limits[:, 0]
        is_open = np.ones(len(chosen), dtype=bool)
        for _ in range(_NEWTON_STEPS):
            inward = np.where(self._is_equality, 0.0, _MARGIN * self._sizes(v))
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
            v[chosen] = np.clip(wanted, limits[:, 0], limits[:, 1])
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
            if len(near):
                chosen = float(near[np.abs(near - coordinates[i]).argmin()])
                if abs(chosen - coordinates[i]) < best:
                    best, found = abs(chosen - coordinates[i]), coordinates.copy()
                    found[i] = chosen
        return found

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


def _ends_of(linear: FloatArray, ends: FloatArray) -> FloatArray:
    """Least and largest sums of terms, shape (2, k), of coefficients (k, d) and ends (d, 2)."""
    terms = np.sort(linear[:, :, None] * ends, axis=2)
    sums: FloatArray = terms.sum(axis=1).T
    return sums


def _is_continuous(axis: Axis) -> bool:
    dist = axis.distribution
    return isinstance(dist, FloatDistribution) and dist.step is None and not dist.single()


def _limits(axis: Axis) -> tuple[float, float]:
    dist = axis.distribution
    assert isinstance(dist, (FloatDistribution, IntDistribution))
    return float(dist.low), float(dist.high)


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
    near = {math.floor(steps + _CLOSE), math.ceil(steps - _CLOSE)}
    return [axis.coordinate(_stepped(axis, min(max(k, 0), last))) for k in sorted(near)]


def _roots(square: float, slope: float, constant: float) -> list[float]:
    """Real roots of a polynomial of degree two or less, and where it is extreme."""
    if square == 0.0:
        return [] if slope == 0.0 else [-constant / slope]
    extreme = -slope / (2.0 * square)
    inner = slope * slope - 4.0 * square * constant
    if inner < 0.0:
        return [extreme]
    # The sum of numbers of one sign: nothing is cancelled (Press et al. 2007, section 5.6).
    larger = -0.5 * (slope + math.copysign(math.sqrt(inner), slope))
    return [extreme, larger / square, *([constant / larger] if larger != 0.0 else [])]
