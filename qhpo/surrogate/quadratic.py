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

import numpy as np
from numpy.typing import NDArray

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
    rows = cross.level_terms(member)
    pairs = cross.members[member].pair * ((rows * weights) @ rows.T)
    return _dense(cross, rows @ weights, pairs, CONSTANT * float(weights.sum()))


def _dense(
    cross: CrossCovariance, linear: FloatArray, quadratic: FloatArray, offset: float
) -> DenseDQM:
    return DenseDQM.from_upper(cross.space.starts, linear, quadratic, offset)


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
        space, hyper = cross.space, cross.members[member]
        n = len(covariance)
        tables = cross.correlation[member]
        at_levels = []
        at_observed = []
        for i, size in enumerate(space.n_levels.tolist()):
            levels = tables[i, :size, :size]
            eigenvalues, vectors = np.linalg.eigh(levels)
            keep = eigenvalues > _LEAST_EIGENVALUE
            root = np.sqrt(eigenvalues[keep])
            scale = np.sqrt(hyper.relevance[i])
            whiten = scale * vectors[:, keep] / root
            at_levels.append(scale * vectors[:, keep] * root)
            padded = np.vstack([tables[i, :, :size] @ whiten, np.zeros(whiten.shape[1])])
            at_observed.append(padded[cross.places[:, i]])
        self._block = np.repeat(np.arange(len(space)), [f.shape[1] for f in at_levels])
        self._observed = np.hstack(at_observed)  # (n, features)
        self._levels = np.zeros((int(space.starts[-1]), self._observed.shape[1]))
        column = 0
        for start, features in zip(space.starts[:-1].tolist(), at_levels, strict=True):
            height, width = features.shape
            self._levels[start : start + height, column : column + width] = features
            column += width
        interpolated = CONSTANT + self._interpolated_covariance(at_observed)
        rest = covariance - interpolated + (hyper.noise + 1e-9) * np.eye(n)
        # Rounding may leave the difference slightly indefinite: draw with what is positive.
        values, vectors = np.linalg.eigh(rest)
        self._rest_root = vectors * np.sqrt(np.maximum(values, 0.0))

    def _interpolated_covariance(self, at_observed: list[FloatArray]) -> FloatArray:
        each = np.stack([features @ features.T for features in at_observed])
        e1 = each.sum(axis=0)
        e2 = 0.5 * (e1 * e1 - np.einsum("iab,iab->ab", each, each))
        covariance: FloatArray = e1 + self._cross.members[self._member].pair * e2
        return covariance

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
        first = rng.standard_normal(n_features)
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
        rows = self._cross.level_terms(self._member)
        linear = rows @ weights
        linear += self._levels @ first
        quadratic = pair * ((rows * weights) @ rows.T)
        quadratic += self._levels @ (upper + upper.T) @ self._levels.T
        return _dense(self._cross, linear, quadratic, CONSTANT * float(weights.sum()) + constant)
