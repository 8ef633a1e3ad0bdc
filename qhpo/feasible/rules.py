"""All constraints of a search at once, over the values that occur on every axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.forms.base import CompiledForm
from qhpo.forms.compiler import Compiler
from qhpo.space import Space

__all__ = ["Rules"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Rules:
    """Constraints over the values that occur on every axis. See `qhpo.forms` for their numbers.

    Args:
        space: The search space.
        constraints: What must hold; they fit the space.
        coordinates: Coordinates that occur on each axis, the levels first, d arrays.
        memory: Remembers what relations said, from one compilation for the space to the next.

    Attributes:
        numbering: How the values are numbered.
        forms: Everything that is checked at once.
        axes: Axes of constraints that join several axes, increasing.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint],
        coordinates: Sequence[FloatArray],
        memory: dict[Any, bool] | None = None,
    ) -> None:
        self.space = space
        compiler = Compiler(space, coordinates, memory)
        joined: set[str] = set()
        for constraint in constraints:
            constraint.compile(compiler)
            names = constraint.names or space.search_space.keys()
            if len(names) > 1:
                joined.update(names)
        self.numbering = compiler.numbering
        self.forms = compiler.forms()
        self._black_boxes = compiler.black_boxes
        self.axes = np.array(
            [i for i, axis in enumerate(space.axes) if axis.name in joined], dtype=np.intp
        )

    @property
    def has_black_boxes(self) -> bool:
        """Whether something can only be asked about one configuration at a time."""
        return bool(self._black_boxes)

    def violation(self, places: IntArray) -> FloatArray:
        """Sum of the violations of all forms but black boxes, (q, d) to (q,)."""
        return self._total(lambda form: form.violation(places), (len(places),))

    def after_change(self, places: IntArray) -> FloatArray:
        """`violation` after every change of one axis to one of its levels, (S, d) to (S, D)."""
        shape = (len(places), len(self.numbering.block))
        return self._total(lambda form: form.after_change(places), shape)

    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        """`violation` after every two of some changes, see `CompiledForm.after_pair`."""
        shape = (*columns.shape, columns.shape[1])
        return self._total(lambda form: form.after_pair(places, columns), shape)

    def _total(
        self, of: Callable[[CompiledForm], FloatArray], shape: tuple[int, ...]
    ) -> FloatArray:
        total = np.zeros(shape)
        for form in self.forms:
            total += of(form)
        return total

    def accepts(self, coordinates: FloatArray) -> bool:
        """Whether the black boxes hold, for one configuration of shape (d,)."""
        if not self._black_boxes:
            return True
        params = self.space.decode(coordinates)
        return all(one.holds(params) for one in self._black_boxes)
