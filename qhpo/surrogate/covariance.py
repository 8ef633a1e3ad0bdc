"""Prior covariances of configurations with the observations, looked up value by value.

Glossary
--------
d, n, M, U
    Axes, observed configurations, ensemble members, values that occur on an axis at most.
S, D
    Configurations side by side; levels of all axes together.
place
    Number of a value on its axis, the levels first, see `Support`; -1, the last entry of every
    table here, where the axis is inactive.
term, strain
    w_i k~_i and -log of an axis's factor of the correlated nugget, see `qhpo.surrogate.kernel`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import (
    Support,
    combine,
    leave_one_out,
    linear_in_axis,
    power_sums,
    strain,
    without_axis,
)

__all__ = ["AxisTerms", "CrossCovariance"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

AxisTerms = tuple[FloatArray, FloatArray, FloatArray]
"""Terms with the observations, terms with themselves, strains with the observations."""

_BLOCK = 64
"""Rows of a covariance that are computed at once: their terms fit in a cache."""

_LONG, _FEW_LEVELS = 16, 4
"""A space is long from so many axes on, if none has more values than this. There a sum over axes is
computed as one matrix product, with a matrix of zeros and ones that says which values a candidate
has: it multiplies more numbers than needed, and is faster all the same."""

_LEAST_TERM = -0.99
"""A long product of 1 + term is computed as a sum of logarithms, if all terms are above this."""


class CrossCovariance:
    """What single values of an axis have in common with all observations, and how it adds up.

    Args:
        space: The search space.
        coordinates: Observed configurations, shape (n, d), NaN where inactive.
        members: Hyperparameters of every member, M of them.
        others: Further configurations whose values are looked up, shape (q, d).

    Attributes:
        support: The values that occur.
        places: Places of the observations, shape (n, d).
        correlation: k~_i among the values that occur, shape (M, d, U, U).
        terms: w_i k~_i(value, X_i), shape (M, d, U + 1, n); 0 at the last place.
        own_terms: w_i k~_i(value, value), shape (M, d, U + 1).
        strains: Strain of m_i(value, X_i), shape (M, d, U + 1, n).
        pair, rest, nugget: s2, s3 and v of the members, shape (M, 1, 1).
    """

    def __init__(
        self,
        space: Space,
        coordinates: FloatArray,
        members: list[Hyperparameters],
        others: FloatArray,
    ) -> None:
        self.space = space
        self.members = members
        self.support = support = Support(space, np.concatenate([coordinates, others]))
        self.places = support.occurring.places(coordinates)
        self.pair = np.array([m.pair for m in members])[:, None, None]
        self.rest = np.array([m.rest for m in members])[:, None, None]
        self.nugget = np.array([m.nugget for m in members])[:, None, None]
        self._tension = np.stack([m.tension for m in members])
        self._tables = [support.tables(m.lengthscale) for m in members]
        self.correlation = np.stack([tables.correlation for tables in self._tables])
        relevance = np.stack([m.relevance for m in members])
        weighted = relevance[:, :, None, None] * self.correlation
        padded = np.pad(weighted, ((0, 0), (0, 0), (0, 1), (0, 1)))
        each = np.arange(len(space))
        self.terms = padded.swapaxes(2, 3)[:, each[:, None], self.places.T].swapaxes(2, 3)
        self.terms = np.ascontiguousarray(self.terms)
        self.own_terms = np.ascontiguousarray(np.einsum("miuu->miu", padded))
        missing = (self.places < 0).T[:, None, :]
        mismatch = np.stack([support.mismatch[i][:, self.places[:, i]] for i in each])
        mismatch = np.where(missing, 1.0, mismatch)
        # An inactive axis is told apart from the observations where it is active.
        mismatch = np.concatenate([mismatch, 1.0 - missing], axis=1)
        self.strains = strain(mismatch, self._tension[:, :, None, None])
        width = support.values.shape[1]
        self._is_long = len(space) >= _LONG and width <= _FEW_LEVELS
        self._block = np.repeat(each, space.n_levels)
        self._level = np.arange(len(self._block)) - space.starts[self._block]

    def level_terms(self, member: int) -> FloatArray:
        """w_i k~_i of every level with all observations, shape (D, n)."""
        rows: FloatArray = self.terms[member, self._block, self._level]
        return rows

    def among_observations(self) -> tuple[FloatArray, FloatArray]:
        """Prior covariances of the smooth part and of the nugget, shape (M, n, n) each."""
        n = len(self.places)
        smooth, nugget = np.empty((2, len(self.terms), n, n))
        for start in range(0, n, _BLOCK):
            # Of a symmetric matrix, the part left of the diagonal.
            stop = min(start + _BLOCK, n)
            block = np.s_[:, start:stop, :stop]
            smooth[block] = self._smooth(self.terms[..., :stop], self.places[start:stop])
            nugget[block] = self._nugget(self.places[start:stop], stop)
            for matrix in (smooth, nugget):
                matrix[:, :start, start:stop] = matrix[:, start:stop, :start].transpose(0, 2, 1)
        return smooth, nugget

    def at(self, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Of candidates.

        Args:
            places: Shape (q, d).

        Returns:
            Covariance with the observations, shape (M, q, n), and prior variance of the smooth
            part, shape (M, q).
        """
        cross = self._smooth(self.terms, places) + self._nugget(places)
        return cross, self._smooth(self.own_terms[..., None], places)[:, :, 0]

    def _smooth(self, table: FloatArray, places: IntArray) -> FloatArray:
        """Smooth part from ``terms`` or ``own_terms`` of shape (M, d, U + 1, n), (M, q, n)."""
        if self._is_long and table.min() > _LEAST_TERM:
            # The term of an inactive axis is 0: its place need not be multiplied.
            chosen = self._indicator(places)[..., :-1].reshape(len(places), -1)
            flat = _flat(table[:, :, :-1])
            e1, squares, logs = (chosen @ t for t in (flat, flat * flat, np.log1p(flat)))
            return combine(e1, squares, np.exp(logs), self.pair, self.rest)
        first = table[:, 0, places[:, 0]]
        e1, squares, product = first.copy(), first * first, 1.0 + first
        for i in range(1, places.shape[1]):
            a = table[:, i, places[:, i]]
            e1 += a
            product *= 1.0 + a
            a *= a
            squares += a
        return combine(e1, squares, product, self.pair, self.rest)

    def _nugget(self, places: IntArray, n: int | None = None) -> FloatArray:
        """Covariance of the nugget with the first n observations, or all, (M, q, n)."""
        strains = self.strains[..., :n]
        if self._is_long:
            chosen = self._indicator(places).reshape(len(places), -1)
            total = chosen @ strains.reshape(len(strains), chosen.shape[1], -1)
        else:
            total = np.zeros((len(strains), len(places), strains.shape[3]))
            for i, column in enumerate(places.T):
                total += strains[:, i, column]
        covariance = np.exp(np.negative(total, out=total), out=total)
        covariance *= self.nugget
        return covariance

    def _indicator(self, places: IntArray) -> FloatArray:
        """1 where a candidate has a value, else 0: (q, d) places to (q, d, U + 1)."""
        width = self.terms.shape[2]
        chosen = np.zeros((len(places), places.shape[1], width))
        np.put_along_axis(chosen, places[:, :, None] % width, 1.0, axis=2)
        return chosen

    def at_changes(self, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Of all configurations that differ in at most one axis from some.

        Args:
            places: Shape (S, d).

        Returns:
            Covariance with the observations, shape (M, S, D, n), and prior variance of the smooth
            part, shape (M, S, D). Column r sets the axis of level r to that level.
        """
        cross = self._smooth_changes(self.terms, places)
        cross += self._nugget_changes(places)
        return cross, self._smooth_changes(self.own_terms[..., None], places)[..., 0]

    def _smooth_changes(self, table: FloatArray, places: IntArray) -> FloatArray:
        starts = self.space.starts
        # (d, M, S, n), the members first in memory.
        terms = table[:, np.arange(places.shape[1])[:, None], places.T].swapaxes(0, 1)
        fixed, slope = linear_in_axis(*leave_one_out(terms), self.pair, self.rest)
        out = np.empty((len(table), len(places), int(starts[-1]), table.shape[3]))
        for i, n_levels in enumerate(self.space.n_levels.tolist()):
            block = out[:, :, starts[i] : starts[i + 1]]
            levels = table[:, i, None, :n_levels]
            np.multiply(slope[i, :, :, None, :], levels, out=block)
            block += fixed[i, :, :, None, :]
        return out

    def _nugget_changes(self, places: IntArray) -> FloatArray:
        starts = self.space.starts
        own = [self.strains[:, i, column] for i, column in enumerate(places.T)]  # (M, S, n) each
        total = np.sum(own, axis=0)
        out = np.empty((*total.shape[:2], int(starts[-1]), total.shape[2]))
        for i, n_levels in enumerate(self.space.n_levels.tolist()):
            block = out[:, :, starts[i] : starts[i + 1]]
            levels = self.strains[:, i, None, :n_levels]
            np.add((total - own[i])[:, :, None, :], levels, out=block)
        np.exp(np.negative(out, out=out), out=out)
        out *= self.nugget[..., None]
        return out

    def axis_terms(self, axis: int, points: FloatArray) -> AxisTerms:
        """Terms of any coordinates of one axis.

        Args:
            axis: Number of the axis.
            points: Coordinates, shape (P,); levels only, if the axis has no length scale.

        Returns:
            Terms with all observations, shape (M, P, n), and with themselves, shape (M, P); strains
            with all observations, shape (M, P, n).
        """
        places = self.places[:, axis]
        missing = places < 0
        mismatch = np.where(missing, 1.0, self.support.mismatch_of(axis, points)[:, places])
        strains = strain(mismatch, self._tension[:, axis, None, None])
        if not self.support.has_lengthscale[axis]:
            levels = np.searchsorted(self.space.axes[axis].coordinates, points)
            return self.terms[:, axis, levels], self.own_terms[:, axis, levels], strains
        terms, own_terms = [], []
        for tables, member in zip(self._tables, self.members, strict=True):
            lengthscale = float(member.lengthscale[axis])
            table, own = self.support.between(axis, points, lengthscale, tables)
            relevance = member.relevance[axis]
            terms.append(relevance * np.where(missing, 0.0, table[:, places]))
            own_terms.append(relevance * own)
        return np.stack(terms), np.stack(own_terms), strains

    def terms_of(self, coordinates: FloatArray) -> AxisTerms:
        """Terms of one configuration of any values, see `axis_terms`.

        Args:
            coordinates: Shape (d,), NaN where inactive.

        Returns:
            Arrays of shape (d, M, n), (d, M) and (d, M, n); the first two are zero where inactive.
        """
        d, n_members, n = len(coordinates), len(self.members), len(self.places)
        terms, strains = np.zeros((2, d, n_members, n))
        own_terms = np.zeros((d, n_members))
        for i, coordinate in enumerate(coordinates.tolist()):
            if math.isnan(coordinate):
                strains[i] = self._tension[:, i, None] * (self.places[:, i] >= 0)
            else:
                rows, own, point_strains = self.axis_terms(i, np.array([coordinate]))
                terms[i], own_terms[i], strains[i] = rows[:, 0], own[:, 0], point_strains[:, 0]
        return terms, own_terms, strains

    def of_terms(self, of: AxisTerms) -> tuple[FloatArray, FloatArray]:
        """Of one configuration, from its `terms_of`: shapes (M, 1, n) and (M, 1)."""
        terms, own_terms, strains = of
        pair, rest = self.pair[:, 0], self.rest[:, 0]
        cross = combine(*power_sums(terms), pair, rest)
        cross += self.nugget[:, 0] * np.exp(-strains.sum(axis=0))
        return cross[:, None, :], combine(*power_sums(own_terms[:, :, None]), pair, rest)

    def along_axis(
        self, around: AxisTerms, axis: int, of_points: AxisTerms
    ) -> tuple[FloatArray, FloatArray]:
        """Of one configuration with one axis changed.

        Args:
            around: The configuration's `terms_of`.
            axis: Number of the axis.
            of_points: `axis_terms` of P coordinates.

        Returns:
            Covariance with the observations, shape (M, P, n), and prior variance of the smooth
            part, shape (M, P).
        """
        terms, own_terms, strains = around
        rows, own, point_strains = of_points
        others = np.delete(strains, axis, axis=0).sum(axis=0)[:, None, :]
        cross = self._vary(terms, axis, rows)
        cross += self.nugget * np.exp(-(others + point_strains))
        return cross, self._vary(own_terms[:, :, None], axis, own[:, :, None])[:, :, 0]

    def _vary(self, terms: FloatArray, axis: int, rows: FloatArray) -> FloatArray:
        """The smooth part with one axis's term replaced: (d, M, n), (M, P, n) to (M, P, n)."""
        u, v, w = (each[:, None, :] for each in without_axis(terms, axis))
        fixed, slope = linear_in_axis(u, v, w, self.pair, self.rest)
        varied: FloatArray = fixed + slope * rows
        return varied


def _flat(table: FloatArray) -> FloatArray:
    """The values of all axes one behind the other, (M, d, U, n) to (M, d U, n)."""
    by_observation = table.transpose(0, 3, 1, 2)
    return by_observation.reshape(*by_observation.shape[:2], -1).swapaxes(1, 2)
