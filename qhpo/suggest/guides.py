"""What the starts of a search come from, where that is more than one surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import Acquisition
from qhpo.encoding import DenseDQM
from qhpo.suggest.search import Guide
from qhpo.surrogate.base import Part, QuadraticKind, Surrogate

__all__ = ["Penalized", "Weighted"]

FloatArray = NDArray[np.float64]

_RHO = 0.05
"""The sum tells apart what the maximum cannot, as in `qhpo.study.scalarization`."""

_PRICES = (0.5, 8.0)
"""Deviations of the objective that a violation of typical size costs in what is annealed, from and
to. Which price makes the boundary the best is not known: every model draws its own, and the score
decides afterwards."""


class Weighted:
    """Surrogates of several objectives as one; see `qhpo.suggest.search.Guide`.

    What is annealed is a sum of draws of all objectives with weights of its own each time, which is
    exactly quadratic: together the sums lead along the front, but for its dents, which the score
    finds. The best observed configurations are those of least augmented weighted Chebyshev distance
    of means from the ideal.

    Args:
        objectives: Two or more, of as many members and observations each.
        weights: Of the distance, shape (m,), at least 0.
    """

    def __init__(self, objectives: Sequence[Surrogate], weights: FloatArray) -> None:
        self._objectives = tuple(objectives)
        first = objectives[0]
        self.space = first.space
        self.n_members = first.n_members
        self.observed = first.observed
        means = np.stack([s.observed_mean for s in objectives], axis=2)  # (M, n, m)
        width = np.ptp(means, axis=1, keepdims=True)
        above = (means - means.min(axis=1, keepdims=True)) / np.where(width > 0.0, width, 1.0)
        weighted = weights * above
        self.observed_mean: FloatArray = weighted.max(axis=2) + _RHO * weighted.sum(axis=2)

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        models = [s.quadratic(kind, member, rng, part) for s in self._objectives]
        weights = rng.dirichlet(np.ones(len(models)))
        return DenseDQM(
            models[0].starts,
            np.tensordot(weights, [model.linear for model in models], axes=1),
            np.tensordot(weights, [model.quadratic for model in models], axes=1),
            float(weights @ [model.offset for model in models]),
        )


class Penalized:
    """A surrogate, with what it costs to break conditions; see `qhpo.suggest.search.Guide`.

    Args:
        objective: What the objectives say, or None for the conditions alone.
        kept: The probability to keep the conditions.
        observed: Configurations that starts may come from, shape (n, d).
    """

    def __init__(self, objective: Guide | None, kept: Acquisition, observed: FloatArray) -> None:
        self._objective = objective
        self._conditions: Sequence[Surrogate] = kept.surrogates
        first = self._conditions[0] if objective is None else objective
        self.space = first.space
        self.n_members = first.n_members
        self.observed = observed
        self.observed_mean = -kept.score(observed)[None, :]
        if objective is not None:
            self.observed_mean = self.observed_mean + objective.observed_mean

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        conditions = [c.quadratic(kind, member % c.n_members, rng, part) for c in self._conditions]
        first = conditions[0]
        linear = np.sum([model.linear for model in conditions], axis=0)
        quadratic = np.sum([model.quadratic for model in conditions], axis=0)
        offset = sum(model.offset for model in conditions)
        if self._objective is None:
            return DenseDQM(first.starts, linear, quadratic, offset)
        price = float(np.exp(rng.uniform(*np.log(_PRICES))))
        model = self._objective.quadratic(kind, member, rng, part)
        return DenseDQM(
            model.starts,
            model.linear + price * linear,
            model.quadratic + price * quadratic,
            model.offset + price * offset,
        )
