"""A pairwise ANOVA Gaussian process: predictions, and its first two orders as a DQM.

Glossary
--------
d, n, M, D
    Axes, observed configurations, ensemble members, levels of all axes together.
a
    (K + noise I)^-1 y, shape (n,).
row
    One value of one axis, a level or a point between levels. Row r of a `RowBank` holds
    w_i k~_i(value, X_i) and the strain of m_i(value, X_i) against all observations. A candidate is
    d row numbers, one per axis.

Energies and values are minimized.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import Support, combine, strain

__all__ = ["AnovaGP", "RowBank"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class AnovaGP:
    """An ensemble of posteriors given the same observations.

    Args:
        space: The search space.
        coordinates: Observed configurations, shape (n, d), NaN where inactive.
        y: Transformed values, shape (n,), or one row of them per member, shape (M, n).
        members: Hyperparameters of every member, M of them.
        others: Further configurations that will be looked up by row number, shape (q, d).

    Attributes:
        places: Places of the observed coordinates in the support, shape (n, d).
        covariance: Prior covariance of the observations, without the noise, shape (M, n, n).
        inverse: (covariance + noise I)^-1, shape (M, n, n).
        alpha: a, shape (M, n).
        observed_mean: Posterior mean of the smooth part at the observations, shape (M, n).
    """

    def __init__(
        self,
        space: Space,
        coordinates: FloatArray,
        y: FloatArray,
        members: list[Hyperparameters],
        others: FloatArray | None = None,
    ) -> None:
        self.space = space
        self.members = members
        self.y = np.broadcast_to(y, (len(members), len(coordinates)))
        known = coordinates if others is None else np.concatenate([coordinates, others])
        self.support = Support(space, known)
        self.places = self.support.place(coordinates)
        self.pair = np.array([m.pair for m in members])[:, None, None]
        self.rest = np.array([m.rest for m in members])[:, None, None]
        self.local = np.array([m.local for m in members])[:, None, None]
        self.noise = np.array([m.noise for m in members])
        self.relevance = np.stack([m.relevance for m in members])
        self.tension = np.stack([m.tension for m in members])
        self._tables = [self.support.tables(m.lengthscale) for m in members]
        self.tables = np.stack([tables.correlation for tables in self._tables])
        self.bank = RowBank(self)
        rows = self.bank.rows_at(self.places)
        smooth, local = self.bank.among_observations(rows)
        self.covariance = smooth + local
        noise = self.noise[:, None, None] * np.eye(len(coordinates))
        self.inverse = np.stack([_inverse(matrix) for matrix in self.covariance + noise])
        self.alpha = np.einsum("mij,mj->mi", self.inverse, self.y)
        self.observed_mean = np.einsum("mij,mj->mi", smooth, self.alpha)

    def level_rows(self, member: int) -> FloatArray:
        """w_i k~_i of every level with all observations, shape (D, n)."""
        rows: FloatArray = self.bank.rows[member, self.bank.level_rows]
        return rows

    def axis_terms(
        self, axis: int, points: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Terms of any coordinates of one axis.

        Args:
            axis: Number of the axis.
            points: Coordinates, shape (P,); levels only, if the axis has no length scale.

        Returns:
            w_i k~_i with all observations, shape (M, P, n), and with themselves, shape (M, P); the
            strain with all observations, shape (M, P, n).
        """
        places = self.places[:, axis]
        missing = places < 0
        mismatch = np.where(missing, 1.0, self.support.mismatch_of(axis, points)[:, places])
        strains = strain(mismatch, self.tension[:, axis, None, None])
        if not self.support.has_lengthscale[axis]:
            rows = np.searchsorted(self.space.axes[axis].coordinates, points)
            rows = rows + self.bank.axis_start[axis]
            return self.bank.rows[:, rows], self.bank.diagonal[:, rows], strains
        terms, own_terms = [], []
        for tables, member in zip(self._tables, self.members, strict=True):
            lengthscale = float(member.lengthscale[axis])
            table, own = self.support.between(axis, points, lengthscale, tables)
            relevance = member.relevance[axis]
            terms.append(relevance * np.where(missing, 0.0, table[:, places]))
            own_terms.append(relevance * own)
        return np.stack(terms), np.stack(own_terms), strains

    def terms(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Terms of one configuration, see `axis_terms`.

        Args:
            coordinates: Shape (d,), NaN where inactive.

        Returns:
            Arrays of shape (d, M, n), (d, M) and (d, M, n); the first two are zero where inactive.
        """
        n_members, d = self.relevance.shape
        n = len(self.places)
        terms, strains = np.zeros((2, d, n_members, n))
        own_terms = np.zeros((d, n_members))
        for i, coordinate in enumerate(coordinates.tolist()):
            if math.isnan(coordinate):
                strains[i] = self.tension[:, i, None] * (self.places[:, i] >= 0)
            else:
                rows, own, point_strains = self.axis_terms(i, np.array([coordinate]))
                terms[i], own_terms[i], strains[i] = rows[:, 0], own[:, 0], point_strains[:, 0]
        return terms, own_terms, strains

    def predict(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance, without the noise, at candidates.

        Args:
            rows: Row numbers per axis, shape (q, d).

        Returns:
            Two arrays of shape (M, q).
        """
        bank = self.bank
        cross = bank.smooth(bank.rows, rows) + bank.local(rows)
        prior = bank.smooth(bank.diagonal[:, :, None], rows)[:, :, 0]
        return self.condition(cross, prior)

    def condition(self, cross: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Posterior mean and variance, without the noise, from prior covariances.

        Args:
            cross: Covariance with the observations, both parts of it, shape (M, q, n).
            prior: Prior variance of the smooth part, shape (M, q).
        """
        mean = np.einsum("mqn,mn->mq", cross, self.alpha)
        explained = np.einsum("mqn,mqn->mq", cross @ self.inverse, cross)
        return mean, np.maximum(prior + self.local[:, 0] - explained, 1e-12)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a positive definite matrix, symmetric to the last bit."""
    factor, info = dpotrf(matrix, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the covariance of the observations is not positive definite")
    inverse, _ = dpotri(factor, lower=1)
    lower = np.tril(inverse)
    symmetric: FloatArray = lower + np.tril(lower, -1).T
    return symmetric


_BLOCK = 64

_LONG, _FEW_LEVELS = 16, 4
"""From so many axes with at most so many values, sums over axes are products with a matrix that
says which values a candidate has: more is multiplied, but in the cache."""

_LEAST_TERM = -0.99
"""Products of factors 1 + term are sums of logarithms where all terms are above this."""


class RowBank:
    """Weighted correlations of single axis values with all observations.

    Attributes:
        rows: w_i k~_i(value, X_i), shape (M, R + 1, n). The last row is zero: an inactive axis.
        diagonal: w_i k~_i(value, value), shape (M, R + 1).
        strain: Strain of m_i(value, X_i), shape (M, d, U + 1, n), by axis and place on it; the last
            place is that of an inactive axis.
        level_rows: Row number of every level, shape (D,).
        axis_start: Row number of every axis's first level, shape (d,).
    """

    def __init__(self, model: AnovaGP) -> None:
        self._model = model
        support, space, places = model.support, model.space, model.places
        n_members, d = model.relevance.shape
        n, width = len(places), support.values.shape[1]
        weighted = model.relevance[:, :, None, None] * model.tables  # (M, d, U, U)
        # Column -1 answers for inactive observations.
        padded = np.concatenate([weighted, np.zeros((n_members, d, width, 1))], axis=3)
        per_axis = [padded[:, i][:, :, places[:, i]] for i in range(d)]  # (M, U, n)
        self.rows = np.concatenate([*per_axis, np.zeros((n_members, 1, n))], axis=1)
        missing = (places < 0).T[:, None, :]
        mismatch = np.stack([support.mismatch[i][:, places[:, i]] for i in range(d)])  # (d, U, n)
        mismatch = np.where(missing, 1.0, mismatch)
        # An inactive axis is told apart from the observations where it is active: one row per axis.
        mismatch = np.concatenate([mismatch, 1.0 - missing], axis=1)
        self.strain = strain(mismatch, model.tension[:, :, None, None])  # (M, d, U + 1, n)
        diagonal = np.einsum("miuu->miu", weighted).reshape(n_members, d * width)
        self.diagonal = np.concatenate([diagonal, np.zeros((n_members, 1))], axis=1)
        self.axis_start = np.arange(d) * width
        axis = np.repeat(np.arange(d), space.n_levels)
        self.level_rows = self.axis_start[axis] + np.arange(len(axis)) - space.starts[axis]
        self._is_long = d >= _LONG and width <= _FEW_LEVELS

    def rows_at(self, places: IntArray) -> IntArray:
        """Row numbers of places in the support, both of shape (q, d); -1 where inactive."""
        inactive = self.rows.shape[1] - 1
        return np.where(places < 0, inactive, places + self.axis_start)

    def rows_of(self, coordinates: FloatArray) -> IntArray:
        """Row numbers of known coordinates, both of shape (q, d)."""
        return self.rows_at(self._model.support.place(coordinates))

    def coordinates_of(self, rows: IntArray) -> FloatArray:
        """Coordinates of row numbers, both of shape (q, d)."""
        values = np.append(self._model.support.values.ravel(), np.nan)
        coordinates: FloatArray = values[rows]
        return coordinates

    def among_observations(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Prior covariances of both parts among the observations, shape (M, n, n) each.

        Args:
            rows: Row numbers of the observations, shape (n, d).
        """
        n = len(rows)
        smooth, local = np.empty((2, len(self.rows), n, n))
        for start in range(0, n, _BLOCK):
            # Of a symmetric matrix, the part left of the diagonal, in blocks that fit in a cache.
            stop = min(start + _BLOCK, n)
            block = np.s_[:, start:stop, :stop]
            smooth[block] = self.smooth(self.rows[:, :, :stop], rows[start:stop])
            local[block] = self.local(rows[start:stop], stop)
            for matrix in (smooth, local):
                matrix[:, :start, start:stop] = matrix[:, start:stop, :start].transpose(0, 2, 1)
        return smooth, local

    def local(self, rows: IntArray, n: int | None = None) -> FloatArray:
        """Prior covariance of the local variation with the first n observations, or all.

        Args:
            rows: Row numbers, shape (q, d).
            n: How many observations.

        Returns:
            Shape (M, q, n).
        """
        strain = self.strain[..., :n]
        if self._is_long:
            n_members, d, n_places = strain.shape[:3]
            places = np.stack([self.strain_places(i, r) for i, r in enumerate(rows.T)], axis=1)
            chosen = _indicator(places + np.arange(d) * n_places, d * n_places)
            total = chosen @ strain.reshape(n_members, d * n_places, -1)
        else:
            total = np.zeros((len(strain), len(rows), strain.shape[3]))
            for i, column in enumerate(rows.T):
                total += strain[:, i, self.strain_places(i, column)]
        covariance = np.exp(np.negative(total, out=total), out=total)
        covariance *= self._model.local
        return covariance

    def strain_places(self, axis: int, rows: IntArray) -> IntArray:
        """Places in ``strain`` of row numbers of one axis, any shape."""
        inactive = rows == self.rows.shape[1] - 1
        places: IntArray = np.where(
            inactive, self.strain.shape[2] - 1, rows - self.axis_start[axis]
        )
        return places

    def smooth(self, table: FloatArray, rows: IntArray) -> FloatArray:
        """Prior covariance of the smooth part, from ``rows`` or ``diagonal``.

        Args:
            table: Terms by row number, shape (M, R + 1, n).
            rows: Row numbers, shape (q, d).

        Returns:
            Shape (M, q, n).
        """
        if self._is_long and table.min() > _LEAST_TERM:
            chosen = _indicator(rows, table.shape[1])
            e1, squares, logs = (chosen @ t for t in (table, table * table, np.log1p(table)))
            return combine(e1, squares, np.exp(logs), self._model.pair, self._model.rest)
        first = table[:, rows[:, 0]]
        e1, squares, product = first.copy(), first * first, 1.0 + first
        for i in range(1, rows.shape[1]):
            a = table[:, rows[:, i]]
            e1 += a
            product *= 1.0 + a
            a *= a
            squares += a
        return combine(e1, squares, product, self._model.pair, self._model.rest)


def _indicator(rows: IntArray, n_rows: int) -> FloatArray:
    """1 where a candidate has a row, else 0: (q, d) row numbers to (q, n_rows)."""
    chosen = np.zeros((len(rows), n_rows))
    np.put_along_axis(chosen, rows, 1.0, axis=1)
    return chosen
