"""A pairwise ANOVA Gaussian process: predictions, and its first two orders as a DQM.

Glossary
--------
d, n, M, D
    Axes, observed configurations, ensemble members, levels of all axes together.
a
    (K + noise I)^-1 y, shape (n,).
row
    One value of one axis, a level or a point between levels. Row r of a `RowBank` holds
    w_i k~_i(value, X_i) against all observations. A candidate is d row numbers, one per axis.

Energies and values are minimized.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.kernel import Support, combine

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
        coordinates: Observed configurations, shape (n, d).
        places: Places of the observed coordinates in the support, shape (n, d).
        covariance: Prior covariance of the observations, without the nugget, shape (M, n, n).
        inverse: (covariance + noise I)^-1, shape (M, n, n).
        alpha: a, shape (M, n).
        observed_mean: Posterior mean at the observations, shape (M, n).
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
        self.coordinates = coordinates
        self.y = np.broadcast_to(y, (len(members), len(coordinates)))
        known = coordinates if others is None else np.concatenate([coordinates, others])
        self.support = Support(space, known)
        self.places = self.support.place(coordinates)
        self.pair = np.array([m.pair for m in members])[:, None, None]
        self.rest = np.array([m.rest for m in members])[:, None, None]
        self.noise = np.array([m.noise for m in members])
        self.relevance = np.stack([m.relevance for m in members])
        self._tables = [self.support.tables(m.lengthscale) for m in members]
        self.tables = np.stack([tables.correlation for tables in self._tables])
        self.bank = RowBank(self)
        self.covariance, _ = self.bank.cross(self.bank.rows_at(self.places))
        noise = self.noise[:, None, None] * np.eye(len(coordinates))
        self.inverse = np.stack([_inverse(matrix) for matrix in self.covariance + noise])
        self.alpha = np.einsum("mij,mj->mi", self.inverse, self.y)
        self.observed_mean = np.einsum("mij,mj->mi", self.covariance, self.alpha)

    def level_rows(self, member: int) -> FloatArray:
        """w_i k~_i of every level with all observations, shape (D, n)."""
        rows: FloatArray = self.bank.rows[member, self.bank.level_rows]
        return rows

    def axis_terms(self, axis: int, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """w_i k~_i of any coordinates of one axis with all observations, and with themselves.

        Args:
            axis: Number of the axis.
            points: Coordinates, shape (P,); levels only, if the axis has no length scale.

        Returns:
            Arrays of shape (M, P, n) and (M, P).
        """
        places = self.places[:, axis]
        if not self.support.has_lengthscale[axis]:
            rows = np.searchsorted(self.space.axes[axis].coordinates, points)
            rows = rows + self.bank.axis_start[axis]
            return self.bank.rows[:, rows], self.bank.diagonal[:, rows]
        terms, own_terms = [], []
        for tables, member in zip(self._tables, self.members, strict=True):
            lengthscale = float(member.lengthscale[axis])
            table, own = self.support.between(axis, points, lengthscale, tables)
            relevance = member.relevance[axis]
            terms.append(relevance * np.where(places < 0, 0.0, table[:, places]))
            own_terms.append(relevance * own)
        return np.stack(terms), np.stack(own_terms)

    def terms(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The terms w_i k~_i of one configuration with all observations, and with itself.

        Args:
            coordinates: Shape (d,), NaN where inactive.

        Returns:
            Arrays of shape (d, M, n) and (d, M); zero where inactive.
        """
        n_members, d = self.relevance.shape
        terms = np.zeros((d, n_members, self.y.shape[1]))
        own_terms = np.zeros((d, n_members))
        for i in np.flatnonzero(~np.isnan(coordinates)).tolist():
            rows, own = self.axis_terms(i, coordinates[[i]])
            terms[i], own_terms[i] = rows[:, 0], own[:, 0]
        return terms, own_terms

    def predict(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance, without the nugget, at candidates.

        Args:
            rows: Row numbers per axis, shape (q, d).

        Returns:
            Two arrays of shape (M, q).
        """
        return self.condition(*self.bank.cross(rows))

    def condition(self, cross: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Posterior mean and variance from prior covariances.

        Args:
            cross: Covariance with the observations, shape (M, q, n).
            prior: Prior variance, shape (M, q).
        """
        mean = np.einsum("mqn,mn->mq", cross, self.alpha)
        explained = np.einsum("mqn,mqn->mq", cross @ self.inverse, cross)
        return mean, np.maximum(prior - explained, 1e-12)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a positive definite matrix, symmetric to the last bit."""
    factor, info = dpotrf(matrix, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the covariance of the observations is not positive definite")
    inverse, _ = dpotri(factor, lower=1)
    lower = np.tril(inverse)
    symmetric: FloatArray = lower + np.tril(lower, -1).T
    return symmetric


class RowBank:
    """Weighted correlations of single axis values with all observations.

    Attributes:
        rows: w_i k~_i(value, X_i), shape (M, R + 1, n). The last row is zero: an inactive axis.
        diagonal: w_i k~_i(value, value), shape (M, R + 1).
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
        diagonal = np.einsum("miuu->miu", weighted).reshape(n_members, d * width)
        self.diagonal = np.concatenate([diagonal, np.zeros((n_members, 1))], axis=1)
        self.axis_start = np.arange(d) * width
        axis = np.repeat(np.arange(d), space.n_levels)
        self.level_rows = self.axis_start[axis] + np.arange(len(axis)) - space.starts[axis]

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

    def cross(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Prior covariance of candidates with the observations, and their prior variance.

        Args:
            rows: Row numbers, shape (q, d).

        Returns:
            Arrays of shape (M, q, n) and (M, q).
        """
        cross = self._sum_orders(self.rows, rows)
        prior = self._sum_orders(self.diagonal[:, :, None], rows)[:, :, 0]
        return cross, prior

    def _sum_orders(self, table: FloatArray, rows: IntArray) -> FloatArray:
        first = table[:, rows[:, 0]]
        e1, squares, product = first.copy(), first * first, 1.0 + first
        for i in range(1, rows.shape[1]):
            a = table[:, rows[:, i]]
            e1 += a
            product *= 1.0 + a
            a *= a
            squares += a
        return combine(e1, squares, product, self._model.pair, self._model.rest)
