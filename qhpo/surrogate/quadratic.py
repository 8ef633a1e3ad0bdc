"""The first two orders of a posterior as a discrete quadratic model (DQM).

Glossary
--------
D
    Levels of all axes together; case r of the DQM is level r.
B
    rows w_i k~_i(level, X_i), shape (D, n).
a
    Weights of the observations, shape (n,): (K + noise I)^-1 y for the posterior mean.

With weights a, the first two orders of sum_n k(x, X_n) a_n are c sum(a) + sum_i h[x_i] +
sum_{i<j} J[x_i, x_j] with h = B a and J = s2 (B * a) B': exactly a DQM, nothing is fitted to it.

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
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.kernel import CONSTANT

__all__ = ["PriorFeatures", "posterior_draw", "posterior_mean"]

FloatArray = NDArray[np.float64]


def posterior_mean(model: AnovaGP, member: int) -> DenseDQM:
    """First two orders of a member's posterior mean."""
    rows = model.level_rows(member)
    weights = model.alpha[member]
    return DenseDQM.from_upper(model.space.starts, *_first_two_orders(model, member, rows, weights))


def posterior_draw(model: AnovaGP, member: int, rng: np.random.Generator) -> DenseDQM:
    """First two orders of a function drawn from a member's posterior."""
    return PriorFeatures(model, member).draw(rng)


def _first_two_orders(
    model: AnovaGP, member: int, rows: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    linear = rows @ weights
    quadratic = model.members[member].pair * ((rows * weights) @ rows.T)
    return linear, quadratic, CONSTANT * float(weights.sum())


class PriorFeatures:
    """Everything that draws of one member share.

    Args:
        model: The posterior.
        member: Which member of the ensemble.
    """

    def __init__(self, model: AnovaGP, member: int) -> None:
        self._model = model
        self._member = member
        space, hyper = model.space, model.members[member]
        n = model.y.shape[1]
        tables = model.tables[member]
        indices = model.places
        at_levels = []
        at_observed = []
        for i, size in enumerate(space.n_levels.tolist()):
            levels = tables[i, :size, :size]
            eigenvalues, vectors = np.linalg.eigh(levels)
            keep = eigenvalues > 1e-9
            root = np.sqrt(eigenvalues[keep])
            scale = np.sqrt(hyper.relevance[i])
            whiten = scale * vectors[:, keep] / root
            at_levels.append(scale * vectors[:, keep] * root)
            padded = np.vstack([tables[i, :, :size] @ whiten, np.zeros(whiten.shape[1])])
            at_observed.append(padded[indices[:, i]])
        self._block = np.repeat(np.arange(len(space)), [f.shape[1] for f in at_levels])
        self._observed = np.hstack(at_observed)  # (n, features)
        self._levels = np.zeros((int(space.starts[-1]), self._observed.shape[1]))
        column = 0
        for start, features in zip(space.starts[:-1].tolist(), at_levels, strict=True):
            height, width = features.shape
            self._levels[start : start + height, column : column + width] = features
            column += width
        interpolated = CONSTANT + self._interpolated_covariance(at_observed)
        rest = model.covariance[member] - interpolated + (hyper.noise + 1e-9) * np.eye(n)
        # Rounding may leave the difference slightly indefinite: draw with what is positive.
        values, vectors = np.linalg.eigh(rest)
        self._rest_root = vectors * np.sqrt(np.maximum(values, 0.0))

    def _interpolated_covariance(self, at_observed: list[FloatArray]) -> FloatArray:
        each = np.stack([features @ features.T for features in at_observed])
        e1 = each.sum(axis=0)
        e2 = 0.5 * (e1 * e1 - np.einsum("iab,iab->ab", each, each))
        covariance: FloatArray = e1 + self._model.members[self._member].pair * e2
        return covariance

    def draw(self, rng: np.random.Generator) -> DenseDQM:
        """One draw from the posterior; its energies are the draw's first two orders."""
        model, member = self._model, self._member
        n_features = self._observed.shape[1]
        constant = np.sqrt(CONSTANT) * rng.standard_normal()
        first = rng.standard_normal(n_features)
        different = self._block[:, None] < self._block[None, :]
        upper = rng.standard_normal((n_features, n_features)) * different
        upper *= np.sqrt(model.members[member].pair)
        at_observed = (
            constant
            + self._observed @ first
            + np.einsum("nf,nf->n", self._observed @ upper, self._observed)
            + self._rest_root @ rng.standard_normal(model.y.shape[1])
        )
        weights = model.inverse[member] @ (model.y[member] - at_observed)
        linear, quadratic, offset = _first_two_orders(
            model, member, model.level_rows(member), weights
        )
        linear += self._levels @ first
        quadratic += self._levels @ (upper + upper.T) @ self._levels.T
        return DenseDQM.from_upper(model.space.starts, linear, quadratic, offset + constant)
