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
from qhpo.surrogate.base import Part
from qhpo.surrogate.covariance import CrossCovariance
from qhpo.surrogate.kernel import CONSTANT

__all__ = ["ChosenAxes", "PriorFeatures"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_LEAST_EIGENVALUE = 1e-9
"""Of a correlation of diagonal 1: below it, rounding decides the eigenvector."""


class ChosenAxes:
    """The axes that a quadratic model is about, the others fixed in a configuration.

    With x_j fixed for some j, what is left of the first two orders is again main effects and pairs:
    those of a fixed axis with a free one add to the latter's main effect, so that the factor of
    B is 1 + s2 sum_j w_j k~_j(x_j, X_n) in h. The model is that of the free axes, but for a
    constant.

    Args:
        cross: Covariances with the observations.
        member: Which member of the ensemble.
        axes: The free axes, increasing, shape (k,).
        gain: The factor by observation, shape (n,).
        own_gain: The same of the fixed values with themselves.
    """

    def __init__(
        self,
        cross: CrossCovariance,
        member: int,
        axes: IntArray,
        gain: FloatArray,
        own_gain: float,
    ) -> None:
        self.cross = cross
        self.member = member
        self.axes = axes
        self.gain = gain
        self.own_gain = own_gain
        sizes = cross.space.n_levels[axes]
        self.starts = np.append(0, np.cumsum(sizes)).astype(np.intp)
        terms = cross.levels.terms[member]
        is_whole = len(axes) == len(cross.space)
        self.rows = terms if is_whole else terms[cross.space.levels_of(axes)]  # B, (D, n)

    @classmethod
    def of(cls, cross: CrossCovariance, member: int, part: Part | None) -> ChosenAxes:
        """The axes of a part, or all."""
        every = np.arange(len(cross.space))
        if part is None:
            return cls(cross, member, every, np.ones(cross.levels.terms.shape[2]), 1.0)
        fixed = np.setdiff1d(every, part.axes)
        rows = cross.rows(fixed, part.x[fixed])
        pair = cross.members[member].pair
        gain: FloatArray = 1.0 + pair * rows.terms[member].sum(axis=0)
        return cls(cross, member, part.axes, gain, 1.0 + pair * float(rows.own[member].sum()))

    @property
    def pair(self) -> float:
        """s2."""
        return self.cross.members[self.member].pair

    def first_two_orders(self, weights: FloatArray) -> DenseDQM:
        """Main effects and pairs of sum_n k(x, X_n) a_n, with a of shape (n,)."""
        linear = self.rows @ (weights * self.gain)
        pairs = self.pair * ((self.rows * weights) @ self.rows.T)
        return self.dense(linear, pairs, CONSTANT * float(weights.sum()))

    def dense(self, linear: FloatArray, quadratic: FloatArray, offset: float) -> DenseDQM:
        """The model of biases over the levels of the free axes."""
        return DenseDQM.from_upper(self.starts, linear, quadratic, offset)


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
        chosen: The axes that it is about.
        covariance: Prior covariance of the observations, without the noise, shape (n, n).
    """

    def __init__(self, chosen: ChosenAxes, covariance: FloatArray) -> None:
        self._chosen = chosen
        hyper = chosen.cross.members[chosen.member]
        n = len(covariance)
        self._axes = [_AxisFeatures(chosen.cross, chosen.member, i) for i in chosen.axes.tolist()]
        # The prior main effects of free axes have own_gain times the variance; this is what is left
        # of them at the observations.
        self._gain = chosen.gain / np.sqrt(chosen.own_gain)
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
        pairs = 0.5 * self._chosen.pair * (e1 * e1 - squares)
        covariance: FloatArray = CONSTANT + e1 * np.outer(self._gain, self._gain) + pairs
        return covariance

    def _on_levels(self, of_features: FloatArray) -> FloatArray:
        """Psi of all axes, (features, k) to (D, k)."""
        ends = pairwise(self._starts.tolist())
        return np.concatenate(
            [
                axis.on_levels(of_features[first:last])
                for axis, (first, last) in zip(self._axes, ends, strict=True)
            ]
        )

    def draw(self, inverse: FloatArray, y: FloatArray, rng: np.random.Generator) -> DenseDQM:
        """First two orders of one draw from the posterior.

        Args:
            inverse: (K + noise I)^-1, shape (n, n).
            y: Values of the observations, shape (n,).
            rng: Draws the function.
        """
        pair = self._chosen.pair
        n_features = self._observed.shape[1]
        constant = np.sqrt(CONSTANT) * rng.standard_normal()
        first = rng.standard_normal((n_features, 1))
        different = self._block[:, None] < self._block[None, :]
        upper = rng.standard_normal((n_features, n_features)) * different
        upper *= np.sqrt(pair)
        at_observed = (
            constant
            + self._gain * (self._observed @ first).ravel()
            + np.einsum("nf,nf->n", self._observed @ upper, self._observed)
            + self._rest_root @ rng.standard_normal(len(y))
        )
        correction = self._chosen.first_two_orders(inverse @ (y - at_observed))
        scale = np.sqrt(self._chosen.own_gain)
        linear = scale * self._on_levels(first).ravel()
        quadratic = self._on_levels(self._on_levels(upper + upper.T).T)
        return self._chosen.dense(
            linear + correction.linear,
            quadratic + correction.quadratic,
            constant + correction.offset,
        )


def _root(covariance: FloatArray) -> FloatArray:
    """R with R R' = covariance, or with its positive part: rounding may leave it indefinite."""
    factor, info = dpotrf(covariance, lower=1, clean=1)
    if info == 0:
        lower: FloatArray = factor
        return lower
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
