"""A trust region around the incumbent, measured in the number of axes that differ.

With many axes a global model is wrong in most places; searching near the best configuration and
adapting how near to success and failure follows Eriksson, Pearce, Gardner, Turner, Poloczek 2019,
"Scalable Global Optimization via Local Bayesian Optimization" (algorithm 1), with the Hamming
distance of Wan, Nguyen, Ha, Ru, Lu, Osborne 2021, "Think Global and Act Local".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["trust_radius"]

FloatArray = NDArray[np.float64]

_SUCCESSES = 2
"""Improvements in a row that let the region grow: one alone may be luck."""

_GROWTH = 1.5
"""Doubling, as in the continuous case, would pass the few sizes that a radius in axes can have."""

_MIN_RADIUS = 2
"""Changes of a pair of axes, which interactions need, stay possible; below it the region starts
anew, with all axes."""


def trust_radius(values: FloatArray, n_axes: int, n_startup: int) -> int:
    """The radius after a history of trials, derived from nothing but their values.

    Args:
        values: Finished trials' values in order of completion, shape (n,), smaller is better.
        n_axes: Number of axes, d.
        n_startup: Trials of the first design, which neither grow nor shrink the region.

    Returns:
        A whole number from 2 to d.
    """
    patience = max(4, n_axes // 4)
    radius = float(n_axes)
    successes = failures = 0
    # The first value of all is neither a success nor a failure, whatever it is.
    first = max(n_startup, 1)
    best = values[:first].min(initial=np.inf)
    for value in values[first:].tolist():
        if value < best:
            best, successes, failures = value, successes + 1, 0
        else:
            successes, failures = 0, failures + 1
        if successes == _SUCCESSES:
            radius, successes = min(radius * _GROWTH, float(n_axes)), 0
        elif failures == patience:
            radius, failures = radius / _GROWTH, 0
            if radius < _MIN_RADIUS:
                radius = float(n_axes)
    return max(_MIN_RADIUS, round(radius))
