"""The ensemble around a prior mean that comes from what was known before.

Glossary
--------
S, n
    Sources; observations.
T
    What the sources expect at the observations, shape (n, S), each of deviation 1 over the space.
b
    Weights of the sources, shape (S,), at least 0.
y
    Transformed values, shape (n,).

The prior mean is c + T b, and the Gaussian process models what is left. A weight is normal around
1 / S before the first value, so that all sources together count as one; the values then decide:

    b = argmin |y - c - T b|^2 + (S / tau^2) |b - 1 / S|^2,  b >= 0,

with c so that the differences have mean 0. Values are normal scores of their ranks, or in units of
their deviation, so that b says how far ranks agree: it falls to 0 for a source that misleads (a
non-negative form of the weights of Feurer et al. 2018, "Practical transfer learning for Bayesian
optimization").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from qhpo.encoding import DenseDQM
from qhpo.space import Space
from qhpo.surrogate.base import Surrogate
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.hyperparameters import Prior
from qhpo.surrogate.prior_mean import Informed, PriorMean
from qhpo.surrogate.sources import Sources
from qhpo.surrogate.transform import Transform

__all__ = ["InformedFitter"]

FloatArray = NDArray[np.float64]

_TAU = 0.35
"""Deviation of the weight of a source that is alone, before the first value. With 0.7 as with this
the first 25 trials of five tables came to the same."""

_TRUSTED = 0.5
"""Sum of the weights from which the sources lead all trials of the first design."""

_UNTRIED = 4
"""Number of the first trial that may be led out of turn: before, too few say how far to trust."""


class _Weighted(NamedTuple):
    """Weights b of the sources, the constant c, and the prior means of the observations."""

    weights: FloatArray
    constant: float
    at_observations: FloatArray


class InformedFitter:
    """See `SurrogateFitter`: an `EnsembleFitter` of what a prior mean leaves.

    Args:
        priors: One prior per member.
        transforms: Candidates; the first is used until another predicts much better.
        sources: What was known before.
        objective: Number of the objective whose values are fitted.
    """

    def __init__(
        self,
        priors: tuple[Prior, ...],
        transforms: tuple[Transform, ...],
        sources: Sources,
        objective: int = 0,
    ) -> None:
        self._sources = sources
        self._objective = objective
        self._ensemble = EnsembleFitter(priors, transforms, self._expected)

    def fit(
        self,
        space: Space,
        x: FloatArray,
        values: FloatArray,
        worth: FloatArray | None = None,
    ) -> Surrogate:
        """See `SurrogateFitter.fit`."""
        residual = self._ensemble.fit(space, x, values, worth)
        return Informed(residual, self._mean(space, x, self.transformed(space, x, values)))

    def transformed(self, space: Space, x: FloatArray, values: FloatArray) -> FloatArray:
        """See `SurrogateFitter.transformed`."""
        return self._ensemble.transformed(space, x, values)

    def leads(self, space: Space, x: FloatArray, values: FloatArray, number: int) -> bool:
        """Whether the sources, rather than the first design, say what a trial is to be.

        Every second one, for that is what tells soonest whether they are right; and all, once they
        have been.

        Args:
            space: The search space.
            x: Observed configurations in order of completion, shape (n, d).
            values: Their values, shape (n,), smaller is better.
            number: Number of the trial.
        """
        if not self._sources.tables(space, self._objective):
            return False
        if number % 2 == 0:
            return True
        if number < _UNTRIED or not len(values):
            return False
        found = self._weighted(space, x, self.transformed(space, x, values))
        return float(found.weights.sum()) > _TRUSTED

    def _expected(self, space: Space, x: FloatArray, y: FloatArray) -> FloatArray:
        """Prior means of observations, given their transformed values, shape (n,)."""
        return self._weighted(space, x, y).at_observations

    def _mean(self, space: Space, x: FloatArray, y: FloatArray) -> PriorMean:
        """The prior mean, given transformed values."""
        tables = self._sources.tables(space, self._objective)
        size = int(space.starts[-1])
        linear, quadratic = np.zeros(size), np.zeros((size, size))
        weights, offset, _ = self._weighted(space, x, y)
        for weight, each in zip(weights.tolist(), tables, strict=True):
            if weight > 0.0:
                linear += weight * each.linear
                quadratic += weight * each.quadratic
                offset += weight * each.offset
        return PriorMean(space, DenseDQM(space.starts, linear, quadratic, offset))

    def _weighted(self, space: Space, x: FloatArray, y: FloatArray) -> _Weighted:
        """What the values make of the sources, given transformed values."""
        tables = self._sources.tables(space, self._objective)
        n_sources = len(tables)
        if not n_sources:
            return _Weighted(np.empty(0), float(y.mean()), np.full(len(y), y.mean()))
        expected = np.stack([PriorMean(space, each).at(x) for each in tables], axis=1)
        centred = expected - expected.mean(axis=0)
        before = np.full(n_sources, 1.0 / n_sources)
        strength = np.sqrt(n_sources) / _TAU
        found: FloatArray = nnls(
            np.concatenate([centred, strength * np.eye(n_sources)]),
            np.concatenate([y - y.mean(), strength * before]),
        )[0]
        constant = float(y.mean() - expected.mean(axis=0) @ found)
        return _Weighted(found, constant, constant + expected @ found)
