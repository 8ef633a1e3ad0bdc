"""The first two orders of a posterior, exactly, as a discrete quadratic model.

Glossary
--------
D
    Levels of all axes together; case r of the model is level r.
B
    rows w_i k~_i(level, X_i), shape (D, n).
a
    Weights of the observations, shape (n,): (K + noise I)^-1 y for the posterior mean.

With weights a, the first two orders of sum_n k(x, X_n) a_n are c sum(a) + sum_i h[x_i] +
sum_{i<j} J[x_i, x_j] with h = B a and J = s2 (B * a) B': exactly a quadratic model of discrete
variables, nothing is fitted to it.

A Thompson draw follows from Matheron's rule (Wilson, Borovitskiy, Terenin, Mostowsky, Deisenroth
2020, "Efficiently sampling functions from Gaussian process posteriors", eq. 10): draw the prior
jointly on the levels and at the observations, then correct it by the weights
a = (K + noise I)^-1 (y - prior draw at X). The prior's first two orders are finite sums over
features of the levels, Psi with Psi Psi' = k~_i on the levels, so the draw on the levels is one
matrix product; at the observations it is interpolated with the same features, and what
interpolation, higher orders and noise leave is drawn from its own covariance. Levels and
observations therefore have exactly the joint covariance of the model.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf

from qhpo.encoding import DenseDQM
from qhpo.surrogate.covariance import CrossCovariance
from qhpo.surrogate.kernel import CONSTANT

__all__ = ["PriorFeatures", "first_two_orders"]

FloatArray = NDArray[np.float64]

_LEAST_EIGENVALUE = 1e-9
"""Of a correlation of diagonal 1: below it, rounding decides the eigenvector."""


def first_two_orders(cross: CrossCovariance, member: int, weights: FloatArray) -> DenseDQM:
    """Main effects and pairs of sum_n k(x, X_n) a_n.

    Args:
        cross: Covariances with the observations.
        member: Which member of the ensemble.
        weights: a, shape (n,).
    """
    rows = cross.levels.terms[member]
    pairs = cross.members[member].pair * ((rows * weights) @ rows.T)
    return _dense(cross, rows @ weights, pairs, CONSTANT * float(weights.sum()))


def _dense(
    cross: CrossCovariance, linear: FloatArray, quadratic: FloatArray, offset: float
) -> DenseDQM:
    return DenseDQM.from_upper(cross.space.starts, linear, quadratic, offset)


class _AxisFeatures:
    """Psi of one axis on its levels: Psi Psi' is w_i k~_i there.

    Args:
        cross: Covariances with the observations.
        member: Which member of the ensemble.
        axis: Number of the axis.

    Attributes:
        n_features: Columns of Psi.
        observed: Psi interpolated at the observations, shape (n, features); 0 where inactive.
    """

    def __init__(self, cross: CrossCovariance, member: int, axis: int) -> None:
        space, hyper = cross.space, cross.members[member]
        first, last = int(space.starts[axis]), int(space.starts[axis + 1])
        relevance = float(hyper.relevance[axis])
        self.levels = slice(first, last)
        rows = cross.levels.terms[member, first:last]  # (L, n)
        self._dense: FloatArray | None = None
        size = last - first
        if cross.kernel_levels.has_lengthscale[axis]:
            table = cross.kernel_levels.table(axis, float(hyper.lengthscale[axis]))[0]
            eigenvalues, vectors = np.linalg.eigh(table)
            keep = eigenvalues > _LEAST_EIGENVALUE
            root = np.sqrt(relevance * eigenvalues[keep])
            self._dense = vectors[:, keep] * root
            self.observed: FloatArray = rows.T @ (vectors[:, keep] / root)
        else:
            # The table of categories is a multiple of the projection I - 11'/L: its own root.
            self._scale = np.sqrt(relevance * size / (size - 1.0)) if size > 1 else 0.0
            # Only equal values have a correlation above 0.
            self.observed = self.on_levels((rows > 0.0).astype(float)).T
        self.n_features = self.observed.shape[1]

    def on_levels(self, of_features: FloatArray) -> FloatArray:
        """Psi times what there is for every feature, (features, k) to (L, k)."""
        if self._dense is not None:
            product: FloatArray = self._dense @ of_features
            return product
        centred: FloatArray = self._scale * (of_features - of_features.mean(axis=0))
        return centred


class PriorFeatures:
    """What a draw from a member's prior is made of.

    Args:
        cross: Covariances with the observations.
        member: Which member of the ensemble.
        covariance: Prior covariance of the observations, without the noise, shape (n, n).
    """

    def __init__(self, cross: CrossCovariance, member: int, covariance: FloatArray) -> None:
        self._cross = cross
        self._member = member
        hyper = cross.members[member]
        n = len(covariance)
        self._axes = [_AxisFeatures(cross, member, i) for i in range(len(cross.space))]
        sizes = [axis.n_features for axis in self._axes]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._block = np.repeat(np.arange(len(sizes)), sizes)
        self._observed = np.hstack([axis.observed for axis in self._axes])  # (n, features)
        rest = covariance - self._interpolated_covariance()
        rest.flat[:: n + 1] += hyper.noise + 1e-9
        self._rest_root = _root(rest)

    def _interpolated_covariance(self) -> FloatArray:
        e1 = self._observed @ self._observed.T
        squares = np.zeros_like(e1)
        for axis in self._axes:
            term = axis.observed @ axis.observed.T
            term *= term
            squares += term
        pair = self._cross.members[self._member].pair
        covariance: FloatArray = CONSTANT + e1 + 0.5 * pair * (e1 * e1 - squares)
        return covariance

    def _on_levels(self, of_features: FloatArray) -> FloatArray:
        """Psi of all axes, (features, k) to (D, k)."""
        result = np.empty((int(self._cross.space.starts[-1]), of_features.shape[1]))
        for axis, (first, last) in zip(self._axes, pairwise(self._starts.tolist()), strict=True):
            result[axis.levels] = axis.on_levels(of_features[first:last])
        return result

    def draw(self, inverse: FloatArray, y: FloatArray, rng: np.random.Generator) -> DenseDQM:
        """First two orders of one draw from the posterior.

        Args:
            inverse: (K + noise I)^-1, shape (n, n).
            y: Values of the observations, shape (n,).
            rng: Draws the function.
        """
        pair = self._cross.members[self._member].pair
        n_features = self._observed.shape[1]
        constant = np.sqrt(CONSTANT) * rng.standard_normal()
        first: FloatArray = rng.standard_normal(n_features)
        different = self._block[:, None] < self._block[None, :]
        upper = rng.standard_normal((n_features, n_features)) * different
        upper *= np.sqrt(pair)
        at_observed = (
            constant
            + self._observed @ first
            + np.einsum("nf,nf->n", self._observed @ upper, self._observed)
            + self._rest_root @ rng.standard_normal(len(y))
        )
        weights = inverse @ (y - at_observed)
        rows = self._cross.levels.terms[self._member]
        linear = rows @ weights
        linear += self._on_levels(first[:, None]).ravel()
        quadratic = pair * ((rows * weights) @ rows.T)
        quadratic += self._on_levels(self._on_levels(upper + upper.T).T)
        return _dense(self._cross, linear, quadratic, CONSTANT * float(weights.sum()) + constant)


def _root(covariance: FloatArray) -> FloatArray:
    """R with R R' = covariance, or with its positive part: rounding may leave it indefinite."""
    factor, info = dpotrf(covariance, lower=1, clean=1)
    if info == 0:
        lower: FloatArray = factor
        return lower
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
