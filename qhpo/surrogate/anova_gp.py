"""A pairwise ANOVA Gaussian process: an ensemble of posteriors given the same observations.

Glossary
--------
d, n, M, D
    Axes, observed configurations, ensemble members, levels of all axes together.
K
    Prior covariance of the observations without the noise, shape (n, n).
a
    (K + noise I)^-1 y, shape (n,).

Energies and values are minimized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from qhpo.encoding import DenseDQM
from qhpo.space import Space
from qhpo.surrogate.base import Moments, Part, QuadraticKind
from qhpo.surrogate.covariance import CrossCovariance, Rows
from qhpo.surrogate.effects import Effects, effects, nugget_orders
from qhpo.surrogate.hyperparameters import Hyperparameters
from qhpo.surrogate.quadratic import ChosenAxes, PriorFeatures

__all__ = ["AnovaGP"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_LEAST_VARIANCE = 1e-12
"""What is left where rounding makes a variance vanish, so that it has a logarithm."""


class AnovaGP:
    """See `qhpo.surrogate.base.Surrogate`.

    Args:
        space: The search space.
        observed: Observed configurations, shape (n, d), NaN where inactive.
        y: Transformed values, shape (n,), or one row of them per member, shape (M, n).
        members: Hyperparameters of every member, M of them.
    """

    def __init__(
        self,
        space: Space,
        observed: FloatArray,
        y: FloatArray,
        members: Sequence[Hyperparameters],
    ) -> None:
        self.space = space
        self.n_members = len(members)
        self.observed = observed
        self.noise = np.array([member.noise for member in members])
        self._members = list(members)
        self._y = np.broadcast_to(y, (len(members), len(observed)))
        self._cross = CrossCovariance(space, observed, self._members)
        smooth, nugget = self._cross.among_observations()
        self._covariance = smooth + nugget
        noise = np.array([m.noise for m in members])[:, None, None] * np.eye(len(observed))
        self._inverse = np.stack([_inverse(matrix) for matrix in self._covariance + noise])
        self._alpha = np.einsum("mij,mj->mi", self._inverse, self._y)
        self.observed_mean: FloatArray = np.einsum("mij,mj->mi", self._covariance, self._alpha)
        # What `predict_axis` was asked last: a search along the axes asks nearly the same next. The
        # configuration with its rows; the axis, the points and their rows.
        self._around: tuple[FloatArray, Rows] | None = None
        self._along: tuple[int, FloatArray, Rows] | None = None

    def predict(self, x: FloatArray) -> Moments:
        """See `Surrogate.predict`."""
        return self._condition(*self._cross.at(x))

    def predict_changes(self, x: FloatArray, axes: IntArray) -> Moments:
        """See `Surrogate.predict_changes`."""
        shape = (self.n_members, len(x), int(self.space.n_levels[axes].sum()))
        mean, variance = np.empty(shape), np.empty(shape)
        for block in self._cross.at_changes(x, axes):
            part = np.s_[:, block.starts, block.levels]
            size = block.prior.shape
            moments = self._condition(
                block.cross.reshape(size[0], -1, len(self.observed)),
                block.prior.reshape(size[0], -1),
            )
            mean[part], variance[part] = (each.reshape(size) for each in moments)
        return Moments(mean, variance)

    def predict_axis(self, x: FloatArray, axis: int, points: FloatArray) -> Moments:
        """See `Surrogate.predict_axis`."""
        around = self._rows_around(x)
        of_points = self._cross.rows(np.full(len(points), axis), points)
        self._along = axis, points.copy(), of_points
        return self._condition(*self._cross.along_axis(around, axis, of_points))

    def _rows_around(self, x: FloatArray) -> Rows:
        """Rows of a configuration: a search along the axes in turn changes one each time."""
        if self._around is not None and self._along is not None:
            known, rows = self._around
            axis, points, of_points = self._along
            differs = np.flatnonzero(~((known == x) | (np.isnan(known) & np.isnan(x))))
            at = np.flatnonzero(points == x[axis])
            if len(at) and not np.any(differs != axis):
                for whole, part in zip(rows, of_points, strict=True):
                    whole[:, axis] = part[:, at[0]]
                self._around = x.copy(), rows
                return rows
        rows = self._cross.around(x)
        self._around = x.copy(), rows
        return rows

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        chosen = ChosenAxes.of(self._cross, member, part)
        if kind == "mean":
            return chosen.first_two_orders(self._alpha[member])
        features = PriorFeatures(chosen, self._covariance[member])
        return features.draw(self._inverse[member], self._y[member], rng)

    def believing(self, x: FloatArray) -> AnovaGP:
        """See `Surrogate.believing`."""
        if not len(x):
            return self
        believed = self.predict(x).mean
        return AnovaGP(
            self.space,
            np.concatenate([self.observed, x]),
            np.concatenate([self._y, believed], axis=1),
            self._members,
        )

    def left_out(self) -> FloatArray:
        """Each observation as predicted from all others, shape (M, n).

        y_i - a_i / (K + noise I)^-1_ii (Rasmussen and Williams 2006, eq. 5.12).
        """
        predicted: FloatArray = self._y - self._alpha / np.einsum("mii->mi", self._inverse)
        return predicted

    def explained(self, scale: Callable[[FloatArray], FloatArray] = np.asarray) -> float:
        """Share of the variance of the observations that the others predict, at most 1.

        Below 0 where their mean predicts them better.

        Args:
            scale: What is made of a value and of its prediction before they are compared.
        """
        y, predicted = scale(self._y), scale(self.left_out())
        error = float(((y - predicted) ** 2).sum())
        spread = float(((y - y.mean(axis=1, keepdims=True)) ** 2).sum())
        return 1.0 - error / spread if spread > 0.0 else 0.0

    def effects(self) -> list[Effects]:
        """What every member expects axes and pairs of axes to do, M of them."""
        return [
            effects(self._cross, m, self._alpha[m], self._inverse[m]) for m in range(self.n_members)
        ]

    def nugget_orders(self, member: int) -> DenseDQM:
        """What the correlated nugget adds to main effects and pairs of a member's mean.

        `quadratic` leaves it out: there it would be searched as if it were smooth.
        """
        return nugget_orders(self._cross, member, self._alpha[member])

    def _condition(self, cross: FloatArray, prior: FloatArray) -> Moments:
        """Posterior moments from prior covariances.

        Args:
            cross: Covariance with the observations, shape (M, q, n).
            prior: Prior variance of the smooth part, shape (M, q).
        """
        mean = np.einsum("mqn,mn->mq", cross, self._alpha)
        explained = np.einsum("mqn,mqn->mq", cross @ self._inverse, cross)
        variance = prior + self._cross.nugget[:, 0] - explained
        return Moments(mean, np.maximum(variance, _LEAST_VARIANCE))


def _inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a positive definite matrix, symmetric to the last bit."""
    factor, info = dpotrf(matrix, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError("the covariance of the observations is not positive definite")
    inverse, _ = dpotri(factor, lower=1)
    lower = np.tril(inverse)
    symmetric: FloatArray = lower + np.tril(lower, -1).T
    return symmetric
