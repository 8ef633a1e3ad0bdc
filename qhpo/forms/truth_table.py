"""A relation of three or more axes, by its truth table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.forms.base import CompiledForm
from qhpo.forms.builder import PenaltyBuilder
from qhpo.forms.numbering import Numbering
from qhpo.forms.program import Program

__all__ = ["TruthTable"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_TUPLES = 512
"""Most allowed tuples in an exact penalty. Each is a case of one variable, which is coupled to all
levels of the relation's parameters: beyond, solvers can do little with the model."""

_MAX_LIGHT_TUPLES = 64
"""Most of them where a model is annealed for a single suggestion: as many cases as the levels of a
few parameters."""


class TruthTable(CompiledForm):
    """A relation of three or more axes by its truth table.

    Args:
        axes: The axes.
        forbidden: 1.0 where the relation does not hold, shape (U_1 + 1, ..., U_k + 1); the last
            place of every axis is that of an inactive one.
        numbering: Of all axes.
    """

    def __init__(self, axes: Sequence[int], forbidden: FloatArray, numbering: Numbering) -> None:
        self._axes, self._forbidden = tuple(axes), forbidden
        self._numbering = numbering

    def violation(self, places: IntArray) -> FloatArray:
        result: FloatArray = self._forbidden[tuple(places[:, i] for i in self._axes)]
        return result

    def after_change(self, places: IntArray) -> FloatArray:
        numbering = self._numbering
        after = np.repeat(self.violation(places)[:, None], len(numbering.block), axis=1)
        for axis in self._axes:
            columns = numbering.columns_of(axis)
            index: list[Any] = [places[:, i, None] for i in self._axes]
            index[self._axes.index(axis)] = numbering.level[None, columns]
            after[:, columns] = self._forbidden[tuple(index)]
        return after

    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        block = self._numbering.block[columns[0]]
        level = self._numbering.level[columns]
        inside = np.isin(block, self._axes)
        single = np.take_along_axis(self.after_change(places), columns, axis=1)
        # A change outside of the table leaves it to the other change.
        after = np.where(inside[:, None], single[:, :, None], single[:, None, :])
        for p, q in product(range(len(self._axes)), repeat=2):
            if p == q:
                continue
            rows = np.flatnonzero(block == self._axes[p])
            others = np.flatnonzero(block == self._axes[q])
            index: list[Any] = [places[:, i, None, None] for i in self._axes]
            index[p] = level[:, rows, None]
            index[q] = level[:, None, others]
            after[np.ix_(np.arange(len(places)), rows, others)] = self._forbidden[tuple(index)]
        return after

    @cached_property
    def _allowed(self) -> IntArray:
        """Tuples of levels that the relation allows, shape (T, k)."""
        n_levels = np.diff(self._numbering.starts).tolist()
        levels = tuple(slice(0, n_levels[i]) for i in self._axes)
        return np.stack(np.nonzero(self._forbidden[levels] == 0.0), axis=1)

    def is_light(self, builder: PenaltyBuilder) -> bool:
        return len(self._allowed) <= _MAX_LIGHT_TUPLES

    def add_penalty(self, builder: PenaltyBuilder, weight: float) -> None:
        allowed = self._allowed
        if len(allowed) > _MAX_TUPLES:
            raise QhpoError(
                f"an exact quadratic form of a relation needs at most {_MAX_TUPLES} allowed tuples "
                f"of values; got {len(allowed)}; the relation is checked on every candidate instead"
            )
        if len(allowed):
            builder.add_tuples([builder.axes[i] for i in self._axes], allowed, weight)
        else:
            builder.offset += weight

    def add_multiple(self, builder: PenaltyBuilder, multiplier: float) -> None:
        pass  # there is no sum

    def linear_rows(self, places: IntArray) -> list[tuple[float, FloatArray, float]]:
        return []

    def excess(self, places: IntArray) -> float:
        return 0.0

    def add_rows(self, program: Program) -> None:
        known = tuple(slice(0, -1) for _ in self._axes)
        forbidden = np.argwhere(self._forbidden[known] > 0.0)
        if not program.has_room(len(forbidden)):
            return
        for places in forbidden.tolist():
            columns = [program.column(i, u) for i, u in zip(self._axes, places, strict=True)]
            program.add([(column, 1.0) for column in columns], -np.inf, len(columns) - 1.0)
