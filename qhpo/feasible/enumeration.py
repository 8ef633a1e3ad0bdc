"""Configurations of a space without constraints, one after the other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space

__all__ = ["free_configurations", "is_countable"]

FloatArray = NDArray[np.float64]

_RANDOM_TRIES = 1000
"""Random configurations to begin with: in a space that is not nearly used up one of the first is
new, and they are drawn in some tens of milliseconds."""

_MAX_ENUMERATED = 100_000
"""Most configurations that are gone through: a few seconds, once the random ones are used up."""


def is_countable(space: Space, fixed: FloatArray) -> bool:
    """Whether few enough configurations agree with what is fixed to go through all of them."""
    sizes = [
        axis.n_values if is_free else 1
        for axis, is_free in zip(space.axes, np.isnan(fixed), strict=True)
    ]
    return math.prod(sizes) <= _MAX_ENUMERATED


def free_configurations(
    space: Space, fixed: FloatArray, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Configurations to fall back on: random ones, then, where they can be counted, all.

    Args:
        space: The search space.
        fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
        rng: Draws the random ones.

    Yields:
        Coordinates, shape (d,).
    """
    free = np.isnan(fixed)
    for _ in range(_RANDOM_TRIES):
        drawn = np.array([axis.draw(rng) for axis in space.axes])
        yield np.where(free, drawn, fixed)
    if is_countable(space, fixed):
        columns = [
            axis.every_coordinate().tolist() if is_free else [own]
            for axis, is_free, own in zip(space.axes, free, fixed.tolist(), strict=True)
        ]
        yield from map(np.array, itertools.product(*columns))
