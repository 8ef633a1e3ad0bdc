"""Which evaluated configurations are best in truth, where values are noisy.

The luckiest trial owes much of its value to luck. The posterior mean shares what all trials say, so
it shrinks luck towards what like configurations have shown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.history import History, dominators
from qhpo.space import Space
from qhpo.surrogate.base import Moments, SurrogateFitter
from qhpo.surrogate.transform import in_units

__all__ = ["Expected", "best_expected", "front_expected"]

FloatArray = NDArray[np.float64]

_BLOCK = 256
"""Configurations predicted at once: their covariances fit in some megabytes."""


class Expected(NamedTuple):
    """What surrogates expect of one of some configurations.

    Attributes:
        chosen: Which one it is, counted from 0.
        values: Its expected value without noise in each objective, smaller is better.
        deviations: Standard deviation of what the surrogate believes of each of them.
    """

    chosen: int
    values: tuple[float, ...]
    deviations: tuple[float, ...]


def best_expected(
    space: Space, history: History, candidates: FloatArray, fitter: SurrogateFitter
) -> Expected:
    """The configuration of least posterior mean.

    Args:
        space: The search space.
        history: At least one configuration with a value, of one objective.
        candidates: Configurations to choose from, shape (q, d) with q >= 1, NaN where inactive.
        fitter: Makes the surrogate.
    """
    predicted = _Predicted(space, history, history.values, None, candidates, fitter)
    chosen = int(predicted.moments.mean.mean(axis=0).argmin())
    value, deviation = predicted.in_units(chosen)
    return Expected(chosen, (value,), (deviation,))


def front_expected(
    space: Space, history: History, candidates: FloatArray, fitter: SurrogateFitter
) -> list[Expected]:
    """The configurations that no other one dominates by posterior means in their own units.

    Each configuration is there once, the least mean of the first objective first.

    Args:
        space: The search space.
        history: At least one configuration with a value, of several objectives.
        candidates: Configurations to choose from, shape (q, d) with q >= 1, NaN where inactive.
        fitter: Makes the surrogate of each objective.
    """
    if history.objectives is None:
        raise AssertionError("one objective has no front")
    first = {space.key(x): i for i, x in reversed(list(enumerate(candidates)))}
    numbers = sorted(first.values())
    # What the front is made of is what surrogates must keep where there are too many trials.
    worth = dominators(history.objectives).astype(np.float64)
    predicted = [
        _Predicted(space, history, column, worth, candidates[numbers], fitter)
        for column in history.objectives.T
    ]
    each = [[one.in_units(i) for one in predicted] for i in range(len(numbers))]
    expected = [
        Expected(number, tuple(v for v, _ in of_one), tuple(d for _, d in of_one))
        for number, of_one in zip(numbers, each, strict=True)
    ]
    is_beaten = dominators(np.array([one.values for one in expected])) > 0
    front = [one for one, beaten in zip(expected, is_beaten, strict=True) if not beaten]
    return sorted(front, key=lambda one: (one.values, one.chosen))


class _Predicted:
    """What one objective's surrogate believes of candidates.

    Args:
        space: The search space.
        history: What is known.
        values: The objective's values, shape (n,), smaller is better.
        worth: See `SurrogateFitter.fit`.
        candidates: Shape (q, d).
        fitter: Makes the surrogate.

    Attributes:
        moments: In the surrogate's own transform, shape (M, q) each.
    """

    def __init__(
        self,
        space: Space,
        history: History,
        values: FloatArray,
        worth: FloatArray | None,
        candidates: FloatArray,
        fitter: SurrogateFitter,
    ) -> None:
        surrogate = fitter.fit(space, history.coordinates, values, worth)
        blocks = [
            surrogate.predict(candidates[start : start + _BLOCK])
            for start in range(0, len(candidates), _BLOCK)
        ]
        self.moments = Moments(
            *(np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
        )
        self._values = values
        self._transformed = fitter.transformed(space, history.coordinates, values)

    def in_units(self, candidate: int) -> tuple[float, float]:
        """Mean and standard deviation of a candidate's value, in the objective's unit."""
        moments = Moments(*(part[:, candidate] for part in self.moments))
        return in_units(self._transformed, self._values, moments)
