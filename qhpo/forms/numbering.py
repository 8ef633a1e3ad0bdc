"""How values are numbered: places on an axis, columns over all levels, cases over all values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Numbering"]

IntArray = NDArray[np.intp]


class Numbering:
    """The numbers of the values that are known on every axis.

    Args:
        n_levels: Levels of every axis, shape (d,).
        n_values: Known values of every axis, the levels first, shape (d,).

    Attributes:
        starts: First column of every axis and the total D, shape (d + 1,).
        block: Axis of every column, shape (D,).
        level: Place of every column on its axis, shape (D,).
        first: First case of every axis, shape (d,).
        n_cases: C.
        levels: Case of every column, shape (D,).
    """

    def __init__(self, n_levels: IntArray, n_values: Sequence[int]) -> None:
        d = len(n_levels)
        self.starts = np.concatenate([[0], np.cumsum(n_levels)]).astype(np.intp)
        self.block = np.repeat(np.arange(d), n_levels)
        self.level = np.arange(len(self.block)) - self.starts[self.block]
        ends = np.cumsum(np.array(n_values, dtype=np.intp) + 1)
        self.first = np.concatenate([[0], ends[:-1]]).astype(np.intp)[:d]
        self.n_values = n_values
        self.n_cases = int(ends[-1]) if d else 0
        self.levels = self.first[self.block] + self.level

    def cases(self, places: IntArray) -> IntArray:
        """Cases of places, both of shape (q, d).

        The place -1 leads to the last slot of the axis before, of the last axis if there is none:
        a slot like the axis's own, as nothing that is inactive contributes anything.
        """
        cases: IntArray = places + self.first
        return cases

    def cases_of(self, axis: int) -> slice:
        """The cases of all known values of an axis."""
        first = int(self.first[axis])
        return slice(first, first + self.n_values[axis])

    def columns_of(self, axis: int) -> slice:
        """The columns of all levels of an axis."""
        return slice(int(self.starts[axis]), int(self.starts[axis + 1]))

    def change(self, places: IntArray, rows: IntArray, columns: IntArray) -> None:
        """Makes one change in each of some configurations, in place.

        Args:
            places: Shape (q, d).
            rows: Numbers of these configurations, shape (k,).
            columns: The changes, shape (k,).
        """
        places[rows, self.block[columns]] = self.level[columns]
