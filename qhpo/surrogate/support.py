"""The values that occur on every axis, and their correlations: computed once, looked up often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.space import OccurringValues, Space
from qhpo.surrogate.kernel import centre, matern52, mismatch, reach

__all__ = ["AxisTables", "Support"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class AxisTables(NamedTuple):
    """Centred correlations of all values that occur on an axis.

    Attributes:
        correlation: k~_i, shape (d, U, U).
        gradient: Its derivative by the log length scale, shape (d, U, U); 0 for categories.
        means: Mean of K_i over the levels at every value, shape (d, U); 0 without length scale.
        grand: Mean of ``means`` over the levels, shape (d,).
        scale: Mean diagonal of H K_i H over the levels, shape (d,); 1 without length scale.
    """

    correlation: FloatArray
    gradient: FloatArray
    means: FloatArray
    grand: FloatArray
    scale: FloatArray


class Support:
    """The values that occur on every axis: its levels first, then visited values between them.

    Kernels are computed once per pair of such values and looked up for pairs of configurations.

    Args:
        space: The search space.
        coordinates: Configurations whose values occur, shape (n, d), NaN where inactive.

    Attributes:
        occurring: Their places.
        values: Coordinates per axis, padded with 0, shape (d, U).
        has_lengthscale: Which axes have a length scale, shape (d,), bool.
        is_off_grid: Which axes have values between their levels, shape (d,), bool. They have a
            length scale.
        mismatch: m_i of all pairs of values, shape (d, U, U).
    """

    def __init__(self, space: Space, coordinates: FloatArray) -> None:
        self.space = space
        self.occurring = OccurringValues(space, coordinates)
        columns = self.occurring.of_axis
        self._sizes = np.array([len(values) for values in columns], dtype=np.intp)
        width = int(self._sizes.max(initial=0))
        self.values = np.zeros((len(columns), width))
        for row, values in zip(self.values, columns, strict=True):
            row[: len(values)] = values
        is_category = np.array([axis.is_category for axis in space.axes], dtype=bool)
        self.has_lengthscale = ~is_category & (space.n_levels >= 3)
        self._is_level = np.arange(width) < space.n_levels[:, None]
        self._level_weight = self._is_level / np.maximum(space.n_levels, 1)[:, None]
        self._distance = np.abs(self.values[:, :, None] - self.values[:, None, :])
        self._constant = self._constant_tables()
        self._reach = np.array([reach(axis) for axis in space.axes])
        self.is_off_grid = self._reach > 0.0
        self.mismatch = np.stack(
            [self.mismatch_of(i, values) for i, values in enumerate(self.values)]
        )

    def _constant_tables(self) -> FloatArray:
        """k~_i of the axes without a length scale; zero rows for the others, shape (d, U, U)."""
        n_levels = self.space.n_levels[:, None, None]
        table = (n_levels * (self._distance == 0.0) - 1.0) / np.maximum(n_levels - 1, 1)
        keep = (n_levels >= 2) & ~self.has_lengthscale[:, None, None]
        return np.where(keep, table, 0.0)

    def mismatch_of(self, axis: int, points: FloatArray) -> FloatArray:
        """m_i of coordinates of one axis with all its values, (P,) to (P, U)."""
        return mismatch(points[:, None] - self.values[axis], float(self._reach[axis]))

    def tables(self, lengthscale: FloatArray, off_grid: bool = True) -> AxisTables:
        """Tables for length scales of shape (d,), in units of an axis's whole range.

        Args:
            lengthscale: Length scale per axis, shape (d,).
            off_grid: Whether to fill the tables of axes with values between their levels.
        """
        result = AxisTables(
            self._constant.copy(),
            np.zeros_like(self._constant),
            np.zeros_like(self.values),
            np.zeros(len(self.values)),
            np.ones(len(self.values)),
        )
        # Axes with values between their levels have far larger tables than the others.
        for group, wanted in (
            (self.is_off_grid, off_grid),
            (self.has_lengthscale & ~self.is_off_grid, True),
        ):
            if wanted and group.any():
                self._fill(result, np.flatnonzero(group), lengthscale)
        return result

    def _fill(self, result: AxisTables, axes: IntArray, lengthscale: FloatArray) -> None:
        """Tables of some axes with a length scale, no wider than these axes need."""
        width = int(self._sizes[axes].max())
        inner = np.ix_(axes, np.arange(width), np.arange(width))
        base, slope = matern52(self._distance[inner], lengthscale[axes, None, None])
        weight = self._level_weight[axes, :width]
        centred, means, grand = centre(base, weight)
        centred_slope, _, _ = centre(slope, weight)
        scale = np.einsum("iu,iuu->i", weight, centred)
        scale_slope = np.einsum("iu,iuu->i", weight, centred_slope)[:, None, None]
        correlation = centred / scale[:, None, None]
        result.correlation[inner] = correlation
        result.gradient[inner] = (centred_slope - correlation * scale_slope) / scale[:, None, None]
        result.means[axes, :width] = means
        result.grand[axes] = grand
        result.scale[axes] = scale

    def pair_terms(
        self,
        axis: int,
        points: FloatArray,
        pairs: tuple[IntArray, IntArray],
        distance: FloatArray,
        lengthscale: float,
    ) -> tuple[FloatArray, FloatArray]:
        """k~_i of pairs of points, for an axis whose table would be larger than the pairs are many.

        Args:
            axis: Number of an axis with a length scale.
            points: Coordinates, shape (n,), NaN where inactive.
            pairs: Numbers of the points of every pair, two arrays of shape (P,).
            distance: Distances of the pairs, shape (P,).
            lengthscale: The axis's length scale.

        Returns:
            k~_i and its derivative by the log length scale, shape (P,); 0 for pairs with an
            inactive point.
        """
        scale = np.array(lengthscale)
        levels = self.space.axes[axis].coordinates
        of_pairs = matern52(distance, scale)
        to_levels = matern52(np.abs(points[:, None] - levels), scale)
        among_levels = matern52(np.abs(levels[:, None] - levels), scale)
        centred = []
        norms = []
        for table, cross, grid in zip(of_pairs, to_levels, among_levels, strict=True):
            # Half of the grand mean goes to either point of a pair.
            shift = cross.mean(axis=1) - 0.5 * grid.mean()
            centred.append(table - (shift[pairs[0]] + shift[pairs[1]]))
            norms.append(float(grid.diagonal().mean() - grid.mean()))
        correlation = centred[0] / norms[0]
        gradient = (centred[1] - correlation * norms[1]) / norms[0]
        if np.isnan(points).any():
            inactive = np.isnan(distance)
            correlation[inactive] = gradient[inactive] = 0.0
        return correlation, gradient

    def between(
        self, axis: int, points: FloatArray, lengthscale: float, tables: AxisTables
    ) -> tuple[FloatArray, FloatArray]:
        """k~_i of points between the levels with all values of the axis, and with themselves.

        Args:
            axis: Number of an axis with a length scale.
            points: Coordinates, shape (P,).
            lengthscale: The axis's length scale, the one ``tables`` was made with.
            tables: This support's tables.

        Returns:
            Arrays of shape (P, U) and (P,).
        """
        distance = np.abs(points[:, None] - self.values[axis])
        base, _ = matern52(distance, np.array(lengthscale))
        means = base @ self._level_weight[axis]
        centred = base - means[:, None] - tables.means[axis] + tables.grand[axis]
        own = 1.0 - 2.0 * means + tables.grand[axis]
        return centred / tables.scale[axis], own / tables.scale[axis]
