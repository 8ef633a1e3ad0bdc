"""Configurations one after another, for where nothing else is left to try."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Axis, Space

FloatArray = NDArray[np.float64]
_RANDOM_TRIES = 1000
_MAX_ENUMERATED = 100_000


def random_coordinate(axis: Axis, rng: np.random.Generator) -> float:
    """A coordinate drawn uniformly from the levels, or from the whole range where there is more."""
    if axis.is_exhaustive:
        return float(rng.choice(axis.coordinates))
    return float(axis.snap(rng.random(1))[0])


def is_countable(space: Space, frozen: FloatArray) -> bool:
    """Whether few enough configurations agree with what is fixed to go through all of them."""
    sizes = [
        axis.n_values if is_free else 1
        for axis, is_free in zip(space.axes, np.isnan(frozen), strict=True)
    ]
    return math.prod(sizes) <= _MAX_ENUMERATED


def free_configurations(
    space: Space, frozen: FloatArray, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Configurations to fall back on: random ones, then, where they can be counted, all.

    Args:
        space: The search space.
        frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
        rng: Draws the random ones.

    Yields:
        Coordinates, shape (d,).
    """
    free = np.isnan(frozen)
    for _ in range(_RANDOM_TRIES):
        drawn = np.array([random_coordinate(axis, rng) for axis in space.axes])
        yield np.where(free, drawn, frozen)
    if is_countable(space, frozen):
        columns = [
            axis.every_coordinate().tolist() if is_free else [fixed]
            for axis, is_free, fixed in zip(space.axes, free, frozen.tolist(), strict=True)
        ]
        yield from map(np.array, itertools.product(*columns))
