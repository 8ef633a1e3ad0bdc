"""Which evaluated configuration is best in truth, where values are noisy.

The luckiest trial owes much of its value to luck. The posterior mean shares what all trials say, so
it shrinks luck towards what like configurations have shown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.history import History
from qhpo.space import Space
from qhpo.surrogate.base import Moments, SurrogateFitter
from qhpo.surrogate.transform import in_units

__all__ = ["Expected", "best_expected"]

FloatArray = NDArray[np.float64]

_BLOCK = 256
"""Configurations predicted at once: their covariances fit in some megabytes."""


class Expected(NamedTuple):
    """What a surrogate expects of the best of some configurations.

    Attributes:
        chosen: Which one it is, counted from 0.
        value: Its expected value without noise, smaller is better.
        deviation: Standard deviation of what the surrogate believes of that value.
    """

    chosen: int
    value: float
    deviation: float


def best_expected(
    space: Space, history: History, candidates: FloatArray, fitter: SurrogateFitter
) -> Expected:
    """The configuration of least posterior mean.

    Args:
        space: The search space.
        history: At least one configuration with a value.
        candidates: Configurations to choose from, shape (q, d) with q >= 1, NaN where inactive.
        fitter: Makes the surrogate.
    """
    surrogate = fitter.fit(space, history.coordinates, history.values)
    blocks = [
        surrogate.predict(candidates[start : start + _BLOCK])
        for start in range(0, len(candidates), _BLOCK)
    ]
    mean, variance = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    chosen = int(mean.mean(axis=0).argmin())
    transformed = fitter.transformed(space, history.coordinates, history.values)
    of_chosen = Moments(mean[:, chosen], variance[:, chosen])
    return Expected(chosen, *in_units(transformed, history.values, of_chosen))
