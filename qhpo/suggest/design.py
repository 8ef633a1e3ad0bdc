"""First trials: a balanced design, every value of every axis as often as every other.

Each axis has its own column of the design, made from the seed and the axis's name alone. So a
parameter that is suggested on its own, because the search space is not known yet, and one that is
suggested together with others come from the same Latin hypercube (McKay, Beckman, Conover 1979).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Axis, Space

__all__ = ["design_coordinate", "design_row"]

FloatArray = NDArray[np.float64]


def design_coordinate(axis: Axis, row: int, n_rows: int, seed: int) -> float:
    """One entry of the design.

    Args:
        axis: The column.
        row: Number of the row, >= 0; every ``n_rows`` rows a new block of the design begins.
        n_rows: Rows in a block.
        seed: Seed of the design.
    """
    block, place = divmod(row, n_rows)
    rng = np.random.default_rng([seed, zlib.crc32(axis.name.encode()), block])
    strata = (rng.permutation(n_rows) + rng.random(n_rows)) / n_rows
    if not axis.is_exhaustive:
        return axis.at(float(strata[place]))
    if axis.n_levels > n_rows:
        # One offset for all rows keeps them a level apart.
        spaced = (rng.permutation(n_rows)[place] + rng.random()) / n_rows
        return float(axis.coordinates[int(spaced * axis.n_levels)])
    rounds = -(-n_rows // axis.n_levels)
    levels = np.concatenate([rng.permutation(axis.n_levels) for _ in range(rounds)])[:n_rows]
    return float(axis.coordinates[rng.permutation(levels)[place]])


def design_row(space: Space, row: int, n_rows: int, seed: int) -> FloatArray:
    """Coordinates of one row of the design, shape (d,). See `design_coordinate`."""
    return np.array([design_coordinate(axis, row, n_rows, seed) for axis in space.axes])
