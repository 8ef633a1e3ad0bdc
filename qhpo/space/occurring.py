"""The values that occur in some configurations, numbered axis by axis.

A place is the number of a value on its axis: the levels first, then what else occurs, increasing;
-1 where the axis is inactive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.space.space import Space

__all__ = ["OccurringValues"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class OccurringValues:
    """Places of the values that occur.

    Args:
        space: The search space.
        x: Configurations whose values occur, shape (q, d), NaN where inactive.

    Attributes:
        of_axis: Coordinates of every axis in the order of their places, d arrays.
    """

    def __init__(self, space: Space, x: FloatArray) -> None:
        self.of_axis: list[FloatArray] = []
        for axis, column in zip(space.axes, x.T, strict=True):
            between = np.setdiff1d(column[~np.isnan(column)], axis.coordinates)
            self.of_axis.append(np.concatenate([axis.coordinates, between]))
        self._sorted = [(np.argsort(v, kind="stable"), np.sort(v)) for v in self.of_axis]

    def find(self, x: FloatArray) -> tuple[IntArray, NDArray[np.bool_]]:
        """Places of configurations.

        Args:
            x: Shape (q, d), NaN where inactive.

        Returns:
            Places, shape (q, d), and which configurations have nothing but values that occur,
            shape (q,); places of the others mean nothing.
        """
        places = np.empty(x.shape, dtype=np.intp)
        known = np.ones(len(x), dtype=bool)
        for i, (order, values) in enumerate(self._sorted):
            column = x[:, i]
            found = np.minimum(np.searchsorted(values, column), len(values) - 1)
            inactive = np.isnan(column)
            places[:, i] = np.where(inactive, -1, order[found])
            known &= inactive | (values[found] == column)
        return places, known

    def places(self, x: FloatArray) -> IntArray:
        """Places of configurations all of whose values occur, (q, d) to (q, d)."""
        return self.find(x)[0]

    def coordinates(self, places: IntArray) -> FloatArray:
        """Configurations at places, (q, d) to (q, d)."""
        columns = [
            np.append(values, np.nan)[column]
            for values, column in zip(self.of_axis, places.T, strict=True)
        ]
        return np.stack(columns, axis=1)
