"""Prior covariances of configurations with the observations, summed up axis by axis.

Glossary
--------
d, n, M
    Axes, observed configurations, ensemble members.
D, S, R
    Levels of all axes together; configurations side by side; values of any axes side by side.
term, factor
    w_i k~_i, and an axis's factor of the correlated nugget, see `qhpo.surrogate.kernel`.

The terms of all levels with all observations are kept, D n of each. What lies between the levels is
computed where it is asked for: no table has a row for every value that occurs on an axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import (
    Levels,
    combine,
    leave_one_out,
    linear_in_axis,
    matern52_alone,
    mismatch,
    of_categories,
    without_axis,
)

__all__ = ["ChangedBlock", "CrossCovariance", "Rows"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_BLOCK = 64
"""Rows of a covariance that are computed at once: their terms fit in a cache."""

_AXES_AT_ONCE = 64
"""Axes whose levels' terms are computed at once, so that what is needed in between stays small."""

_CHANGES_AT_ONCE = 500_000
"""Covariances of changed configurations that are kept at once: 4 MB an array."""

_LONG, _FEW_LEVELS = 16, 16
"""From so many axes of categories on, each of at most so many levels, sums over these axes are
computed as a matrix product, with a matrix of zeros and ones that says which values a configuration
has: it multiplies more numbers than needed, and is faster all the same."""

_LEAST_TERM = -0.99
"""A product of 1 + term is computed as a sum of logarithms for axes whose terms are above this."""


class Rows(NamedTuple):
    """What values of axes have in common with the observations.

    Attributes:
        terms: w_i k~_i with the observations, shape (M, R, n); 0 where one of them is inactive.
        own: w_i k~_i of the values with themselves, shape (M, R); 0 where inactive.
        factors: Factors of the nugget, shape (M, R, n).
    """

    terms: FloatArray
    own: FloatArray
    factors: FloatArray


class ChangedBlock(NamedTuple):
    """Some configurations after some of their single-axis changes.

    Attributes:
        starts: Which configurations.
        levels: Which columns: the levels of all axes asked for, one behind the other.
        cross: Covariance with the observations, shape (M, S', D', n).
        prior: Prior variance of the smooth part, shape (M, S', D').
    """

    starts: slice
    levels: slice
    cross: FloatArray
    prior: FloatArray


class CrossCovariance:
    """What configurations have in common with all observations, and how it adds up over the axes.

    Args:
        space: The search space.
        observed: Observed configurations, shape (n, d), NaN where inactive.
        members: Hyperparameters of every member, M of them.

    Attributes:
        kernel_levels: What correlations are centred over.
        levels: Rows of all levels, R = D.
        nugget: v of the members, shape (M, 1, 1).
    """

    def __init__(self, space: Space, observed: FloatArray, members: list[Hyperparameters]) -> None:
        self.space = space
        self.members = members
        self.kernel_levels = Levels(space)
        self.nugget = np.array([m.nugget for m in members])[:, None, None]
        self._pair = np.array([m.pair for m in members])[:, None, None]
        self._rest = np.array([m.rest for m in members])[:, None, None]
        self._relevance = np.stack([m.relevance for m in members])
        # What is left of the nugget where an axis differs.
        self._shared = np.exp(-np.stack([m.tension for m in members]))
        self._lengthscale = np.stack([m.lengthscale for m in members])
        self._same, self._other = of_categories(space.n_levels)
        self._columns = np.ascontiguousarray(observed.T)  # (d, n)
        self._missing = np.isnan(self._columns)
        self._has_missing = np.isnan(observed).sum(axis=0) > 0
        self._set_norms()
        block = np.repeat(np.arange(len(space)), space.n_levels)
        points = np.concatenate([axis.coordinates for axis in space.axes])
        self.levels = self._in_blocks(block, points)
        # Axes whose levels are numbered by their coordinates: categories are.
        number = np.arange(len(points)) - space.starts[block]
        self._is_numbered = np.bincount(block, points != number, len(space)) == 0.0
        axes = self._summable()
        self._summed = _Summed(
            space, observed, axes, self._relevance[:, axes], -np.log(self._shared[:, axes])
        )

    def _set_norms(self) -> None:
        """Half of what centring takes of a correlation goes to either value: by observation."""
        n_members, n = len(self.members), self._columns.shape[1]
        self._grand = np.zeros((n_members, len(self.space)))
        self._means = np.zeros((n_members, len(self.space), n))
        numbers = np.flatnonzero(self.kernel_levels.has_lengthscale)
        for start in range(0, len(numbers), _AXES_AT_ONCE):
            axes = numbers[start : start + _AXES_AT_ONCE]
            scale = self._lengthscale[:, axes]
            self._grand[:, axes] = self.kernel_levels.grand_means(axes, scale)[0]
            self._means[:, axes] = self.kernel_levels.means(axes, self._columns[axes], scale)

    def _in_blocks(self, axes: IntArray, points: FloatArray) -> Rows:
        shape = (len(self.members), len(axes), self._columns.shape[1])
        result = Rows(np.empty(shape), np.empty(shape[:2]), np.empty(shape))
        starts = self.space.starts[::_AXES_AT_ONCE].tolist()
        for start, stop in zip(starts, [*starts[1:], len(axes)], strict=True):
            part = self._computed(axes[start:stop], points[start:stop], None)
            for whole, some in zip(result, part, strict=True):
                whole[:, start:stop] = some
        return result

    def rows(self, axes: IntArray, points: FloatArray, n: int | None = None) -> Rows:
        """Rows of any values.

        Args:
            axes: Numbers of the axes, shape (R,).
            points: Coordinates, shape (R,), NaN where inactive; levels only, where an axis has no
                length scale.
            n: How many of the observations, the first ones; None for all.
        """
        if n is None and self._is_numbered[axes].all() and not np.isnan(points).any():
            place = self.space.starts[axes] + points.astype(np.intp)
            return Rows(*(each[:, place] for each in self.levels))
        return self._computed(axes, points, n)

    def _computed(self, axes: IntArray, points: FloatArray, n: int | None) -> Rows:
        """See `rows`."""
        is_number = self.kernel_levels.has_lengthscale[axes]
        if is_number.all():
            return self._rows_of_numbers(axes, points, n)
        if not is_number.any():
            return self._rows_of_categories(axes, points, n)
        shape = (len(self.members), len(axes), self._columns[:, :n].shape[1])
        result = Rows(np.empty(shape), np.empty(shape[:2]), np.empty(shape))
        for chosen, make in (
            (np.flatnonzero(is_number), self._rows_of_numbers),
            (np.flatnonzero(~is_number), self._rows_of_categories),
        ):
            for whole, part in zip(result, make(axes[chosen], points[chosen], n), strict=True):
                whole[:, chosen] = part
        return result

    def _rows_of_categories(self, axes: IntArray, points: FloatArray, n: int | None) -> Rows:
        equal: BoolArray = points[:, None] == self._columns[axes, :n]
        correlation = np.where(equal, self._same[axes, None], self._other[axes, None])
        relevance = self._relevance[:, axes]
        inactive = np.isnan(points)[:, None]
        own = relevance * np.where(inactive[:, 0], 0.0, self._same[axes])
        if inactive.any() or self._has_missing[axes].any():
            missing = self._missing[axes, :n]
            correlation[missing | inactive] = 0.0
            equal |= missing & inactive
        factors = np.where(equal, 1.0, self._shared[:, axes, None])
        return Rows(relevance[:, :, None] * correlation, own, factors)

    def _rows_of_numbers(self, axes: IntArray, points: FloatArray, n: int | None) -> Rows:
        difference = np.abs(points[:, None] - self._columns[axes, :n])
        scale = self._lengthscale[:, axes]
        means = self.kernel_levels.means(axes, points[:, None], scale)
        grand = self._grand[:, axes, None]
        size = self._relevance[:, axes, None] / (1.0 - grand)
        terms = matern52_alone(difference, scale[:, :, None])
        terms -= self._means[:, axes, :n]
        terms += grand - means
        terms *= size
        own = (size * (1.0 - 2.0 * means + grand))[:, :, 0]
        different = mismatch(difference, self.kernel_levels.reach[axes, None])
        inactive = np.isnan(points)[:, None]
        if inactive.any() or self._has_missing[axes].any():
            missing = self._missing[axes, :n]
            terms[:, missing | inactive] = 0.0
            own[:, inactive[:, 0]] = 0.0
            different = np.where(missing | inactive, 1.0, different)
            different[missing & inactive] = 0.0
        factors = different * (self._shared[:, axes, None] - 1.0)
        factors += 1.0
        return Rows(terms, own, factors)

    def _of_axis(self, axis: int, column: FloatArray, n: int | None = None) -> Rows:
        """Rows of values of one axis, shape (R,): levels are looked up."""
        levels = self.space.axes[axis].coordinates
        place = np.minimum(np.searchsorted(levels, column), len(levels) - 1)
        if (levels[place] != column).any():
            return self.rows(np.full(len(column), axis), column, n)
        place += self.space.starts[axis]
        return Rows(
            self.levels.terms[:, place, :n],
            self.levels.own[:, place],
            self.levels.factors[:, place, :n],
        )

    def _summable(self) -> IntArray:
        """Axes whose sums are computed as a matrix product, shape (k,)."""
        few = ~self.kernel_levels.has_lengthscale & (self.space.n_levels <= _FEW_LEVELS)
        least = self._relevance.max(axis=0) * self._other
        chosen = np.flatnonzero(few & (least > _LEAST_TERM))
        return chosen if len(chosen) >= _LONG else chosen[:0]

    def among_observations(self) -> tuple[FloatArray, FloatArray]:
        """Prior covariances of the smooth part and of the nugget, shape (M, n, n) each."""
        observed = self._columns.T
        n = len(observed)
        smooth, nugget = np.empty((2, len(self.members), n, n))
        for start in range(0, n, _BLOCK):
            # Of a symmetric matrix, the part left of the diagonal.
            stop = min(start + _BLOCK, n)
            block = np.s_[:, start:stop, :stop]
            smooth[block], nugget[block], _ = self._parts(observed[start:stop], stop)
            for matrix in (smooth, nugget):
                matrix[:, :start, start:stop] = matrix[:, start:stop, :start].transpose(0, 2, 1)
        return smooth, nugget

    def at(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Of candidates.

        Args:
            x: Shape (q, d), NaN where inactive.

        Returns:
            Covariance with the observations, shape (M, q, n), and prior variance of the smooth
            part, shape (M, q).
        """
        cross = np.empty((len(self.members), len(x), self._columns.shape[1]))
        prior = np.empty(cross.shape[:2])
        for start in range(0, len(x), _BLOCK):
            block = np.s_[:, start : start + _BLOCK]
            smooth, nugget, prior[block] = self._parts(x[start : start + _BLOCK])
            cross[block] = np.add(smooth, nugget, out=smooth)
        return cross, prior

    def _parts(
        self, x: FloatArray, n: int | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Smooth part and nugget, (M, q, n), and own smooth part, (M, q), of (q, d)."""
        summed = self._summed
        e1, squares, product, nugget = summed.of(x, n)
        own = [each[:, :, None] for each in summed.own_of(x)]
        nugget *= self.nugget
        for i in summed.others:
            rows = self._of_axis(i, x[:, i], n)
            e1 += rows.terms
            product *= 1.0 + rows.terms
            squares += rows.terms * rows.terms
            nugget *= rows.factors
            term = rows.own[:, :, None]
            own = [own[0] + term, own[1] + term * term, own[2] * (1.0 + term)]
        smooth = combine(e1, squares, product, self._pair, self._rest)
        return smooth, nugget, combine(own[0], own[1], own[2], self._pair, self._rest)[:, :, 0]

    def at_changes(self, x: FloatArray, axes: IntArray) -> Iterator[ChangedBlock]:
        """Of all configurations that differ in at most one of some axes.

        Args:
            x: Shape (S, d).
            axes: Which axes, increasing, shape (k,).

        Yields:
            Some configurations and some levels at a time, so that no array has all of both.
        """
        n_members, d = self._relevance.shape
        n = self._columns.shape[1]
        at_once = max(1, _CHANGES_AT_ONCE // (n_members * d * n))
        for start in range(0, len(x), at_once):
            chosen = slice(start, min(start + at_once, len(x)))
            yield from self._changes_of(x[chosen], axes, chosen)

    def _changes_of(self, x: FloatArray, axes: IntArray, chosen: slice) -> Iterator[ChangedBlock]:
        n_starts, d = x.shape
        rows = self.rows(np.repeat(np.arange(d), n_starts), x.T.ravel())
        # (d, M, S, n), the members first in memory.
        terms, own, factors = (
            each.reshape(len(self.members), d, n_starts, -1).swapaxes(0, 1) for each in rows
        )
        fixed, slope = linear_in_axis(*leave_one_out(terms, axes), self._pair, self._rest)
        own_fixed, own_slope = linear_in_axis(*leave_one_out(own, axes), self._pair, self._rest)
        others = self.nugget * np.prod(factors, axis=0) / factors[axes]
        most = max(1, _CHANGES_AT_ONCE // fixed[0].size)
        ends = np.cumsum(self.space.n_levels[axes])
        first = start = 0
        while first < len(axes):
            # As many axes as have few enough levels together, one at least.
            last = max(first + 1, int(np.searchsorted(ends, start + most, "right")))
            stop = int(ends[last - 1])
            shape = (len(self.members), n_starts, stop - start)
            cross = np.empty((*shape, terms.shape[3]))
            prior = np.empty(shape)
            at = 0
            for k in range(first, last):
                i = int(axes[k])
                levels = slice(int(self.space.starts[i]), int(self.space.starts[i + 1]))
                part = np.s_[:, :, at : at + levels.stop - levels.start]
                at += levels.stop - levels.start
                block = cross[part]
                np.multiply(slope[k][:, :, None], self.levels.terms[:, None, levels], out=block)
                block += fixed[k][:, :, None]
                block += others[k][:, :, None] * self.levels.factors[:, None, levels]
                prior[part] = own_fixed[k] + own_slope[k] * self.levels.own[:, None, levels]
            yield ChangedBlock(chosen, slice(start, stop), cross, prior)
            first, start = last, stop

    def around(self, x: FloatArray) -> Rows:
        """Rows of one configuration, shape (d,): R = d."""
        return self.rows(np.arange(len(x)), x)

    def along_axis(self, around: Rows, axis: int, of_points: Rows) -> tuple[FloatArray, FloatArray]:
        """Of one configuration with one axis changed.

        Args:
            around: The configuration's rows, see `around`.
            axis: Number of the axis.
            of_points: `rows` of P coordinates of it.

        Returns:
            Covariance with the observations, shape (M, P, n), and prior variance of the smooth
            part, shape (M, P).
        """
        others = np.delete(around.factors, axis, axis=1).prod(axis=1)[:, None, :]
        cross = self._vary(around.terms, axis, of_points.terms)
        cross += self.nugget * others * of_points.factors
        own = self._vary(around.own[:, :, None], axis, of_points.own[:, :, None])
        return cross, own[:, :, 0]

    def _vary(self, terms: FloatArray, axis: int, rows: FloatArray) -> FloatArray:
        """The smooth part with one axis's term replaced: (M, d, n), (M, P, n) to (M, P, n)."""
        u, v, w = (each[:, None, :] for each in without_axis(terms.swapaxes(0, 1), axis))
        fixed, slope = linear_in_axis(u, v, w, self._pair, self._rest)
        varied: FloatArray = fixed + slope * rows
        return varied


class _Summed:
    """Sums over axes without a length scale and of few values, as matrix products.

    Such an axis adds one number where two configurations have the same value and another one where
    they do not, so that a sum is a weighted product of indicators of the values.

    Args:
        space: The search space.
        observed: Observed configurations, shape (n, d).
        axes: Which axes, shape (k,); there may be none.
        relevance: Theirs, shape (M, k).
        tension: Theirs, shape (M, k).

    Attributes:
        others: The other axes.
    """

    def __init__(
        self,
        space: Space,
        observed: FloatArray,
        axes: IntArray,
        relevance: FloatArray,
        tension: FloatArray,
    ) -> None:
        self.others: list[int] = np.setdiff1d(np.arange(len(space)), axes).tolist()
        self._axes = axes
        self._block = np.repeat(np.arange(len(axes)), space.n_levels[axes])
        self._points = np.concatenate(
            [np.empty(0), *(space.axes[i].coordinates for i in axes.tolist())]
        )
        same, other = of_categories(space.n_levels[axes])
        pair = np.stack([relevance * other, relevance * same])
        # Of equal values and of others: the term, its square and the logarithm of 1 + term.
        different, equal = np.stack([pair, pair * pair, np.log1p(pair)], axis=1)
        self._equal = equal
        # A column for "both are active", (3, M, k + values), and one for each value.
        self._weights = np.concatenate([different, (equal - different)[:, :, self._block]], axis=2)
        self._tension = np.concatenate([tension, tension[:, self._block]], axis=1)
        self._total = tension.sum(axis=1)[:, None, None]
        self._is_active, self._observed = self._indicators(observed)

    def _indicators(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Whether axes are active, (q, k), and have a value, (q, values); 1 or 0."""
        columns = x[:, self._axes]
        values = columns[:, self._block] == self._points
        return (~np.isnan(columns)).astype(float), values.astype(float)

    def of(
        self, x: FloatArray, n: int | None
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """e1, squares and the product of `power_sums`, and of the nugget's factors, (M, q, n).

        Args:
            x: Configurations, shape (q, d).
            n: How many of the observations, the first ones; None for all.
        """
        active, values = self._is_active[:n], self._observed[:n]
        shape = (len(self._tension), len(x), len(values))
        if not len(self._axes):
            return np.zeros(shape), np.zeros(shape), np.ones(shape), np.ones(shape)
        own_active, own_values = self._indicators(x)
        right = np.concatenate([active, values], axis=1).T
        left = np.concatenate([own_active, own_values], axis=1)
        e1, squares, logs = (left * self._weights[:, :, None]) @ right
        # Where both are inactive an axis is not different.
        right[: len(self._axes)] = 1.0 - active.T
        left[:, : len(self._axes)] = 1.0 - own_active
        strain = self._total - (left * self._tension[:, None]) @ right
        return e1, squares, np.exp(logs), np.exp(-strain)

    def own_of(self, x: FloatArray) -> list[FloatArray]:
        """e1, squares and product of configurations with themselves, (M, q) each."""
        active = (~np.isnan(x[:, self._axes])).astype(float)
        e1, squares, logs = self._equal @ active.T
        return [e1, squares, np.exp(logs)]
