"""Several objectives as one: every trial looks at them with weights of its own.

Symbols:
    f_j   value of objective j, shape (n,), smaller is better
    z_j   ideal: the lowest f_j of all trials
    N_j   nadir: the highest f_j of the trials that no other one dominates
    w_j   weight, at least 0, summing to 1

The scalar is the augmented weighted Chebyshev distance of the normalized values from the ideal,

    max_j w_j (f_j - z_j) / (N_j - z_j)  +  RHO sum_j w_j (f_j - z_j) / (N_j - z_j),

of which every Pareto-optimal configuration is the minimum under some weights, in a dent of the
front too. With weights drawn anew for each trial the search spreads over the front (ParEGO: Knowles
2006, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
optimization problems").
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.history import dominators

__all__ = ["equal_weights", "random_weights", "scalarized"]

FloatArray = NDArray[np.float64]

_RHO = 0.05
"""The sum tells apart what the maximum cannot: configurations that are only weakly optimal."""


def equal_weights(n_objectives: int) -> FloatArray | None:
    """Weights of several objectives, all the same, shape (m,); one objective has none."""
    return None if n_objectives == 1 else np.full(n_objectives, 1.0 / n_objectives)


def random_weights(n_objectives: int, rng: np.random.Generator) -> FloatArray:
    """Weights drawn evenly from all that are at least 0 and sum to 1, shape (m,)."""
    return rng.dirichlet(np.ones(n_objectives))


def scalarized(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The augmented weighted Chebyshev distance of every trial from the ideal.

    Args:
        values: One row a trial, shape (n, m), smaller is better, not NaN; infinite ones count as
            the nearest finite of their objective.
        weights: Shape (m,), at least 0, summing to 1.

    Returns:
        Shape (n,), at least 0, smaller is better. An objective in which all trials are equal is
        left out.
    """
    if not len(values):
        return np.empty(0)
    clipped = np.column_stack([_finite(column) for column in values.T])
    ideal = clipped.min(axis=0)
    nadir = clipped[dominators(clipped) == 0].max(axis=0)
    # One trial may be the best in everything: what else there is then gives the scale.
    width = np.where(nadir > ideal, nadir, clipped.max(axis=0)) - ideal
    weighted = weights * ((clipped - ideal) / np.where(width > 0.0, width, 1.0))
    distance: FloatArray = weighted.max(axis=1) + _RHO * weighted.sum(axis=1)
    return distance


def _finite(column: FloatArray) -> FloatArray:
    """Within -1 and 1, infinite values as the nearest finite ones; all zero if none is finite."""
    finite = column[np.isfinite(column)]
    if not len(finite):
        return np.zeros(len(column))
    # The distance between large values of either sign is beyond floats.
    size = max(np.abs(finite).max(), np.finfo(float).tiny)
    scaled: FloatArray = np.clip(column, finite.min(), finite.max()) / size
    return scaled
