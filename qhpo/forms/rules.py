"""Rules: all constraints at once, over the values that are known on every axis.

A relation of two parameters is a sum of conflicts, of which none may remain, and so are forbidden
pairs and all other sums of zeros and ones up to one: all of them together are a single form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.forms.base import CompiledForm
from qhpo.forms.builder import PenaltyBuilder
from qhpo.forms.numbering import Numbering
from qhpo.forms.sums import Nogoods, Part, SumForm
from qhpo.forms.truth_table import TruthTable
from qhpo.space import Space

__all__ = ["Rules"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

Term = tuple[str, Callable[[Any], float]]
Product = tuple[str, str, Callable[[Any, Any], float]]

_MAX_TABLE = 60_000
"""Largest truth table that is computed, in entries: to ask a function so often takes some tens of
milliseconds."""

_MAX_DENSE = 2_500
"""Most known values of the axes of a sum with products, whose matrix of pairs is dense: 50 MB."""


class Compilable(Protocol):
    """What is compiled: a `qhpo.constraints.Constraint`, which stands above the forms."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that take part; empty if all may."""
        ...

    def compile(self, rules: Rules) -> None:
        """Adds all that must hold by `add_sum`, `add_relation` and `add_black_box`."""
        ...


class BlackBox(Protocol):
    """What can only be asked about one configuration at a time."""

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether it holds for the values of the active parameters."""
        ...


class Rules:
    """Constraints over the values that are known on every axis.

    Args:
        space: The search space.
        constraints: What must hold; they fit the space.
        coordinates: Coordinates that are known on each axis, the levels first, d arrays.
        memory: Remembers what relations said, from one compilation for the space to the next.

    Attributes:
        numbering: How the values are numbered.
        forms: Everything that can be checked at once, nogoods first.
        axes: Axes of constraints that join several axes, increasing.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Compilable],
        coordinates: Sequence[FloatArray],
        memory: dict[Any, bool] | None = None,
    ) -> None:
        self._space = space
        self._memory = {} if memory is None else memory
        self._index = {axis.name: i for i, axis in enumerate(space.axes)}
        self._coordinates = [known.tolist() for known in coordinates]
        self._values: dict[int, list[Any]] = {}
        self.numbering = Numbering(space.n_levels, [len(known) for known in coordinates])
        self._black_boxes: list[BlackBox] = []
        self.forms: list[CompiledForm] = []
        self._banned = np.zeros(self.numbering.n_cases)
        self._conflicts: dict[tuple[int, int], FloatArray] = {}
        joined: set[int] = set()
        for constraint in constraints:
            constraint.compile(self)
            names = constraint.names or self._index
            if len(names) > 1:
                joined.update(self._index[name] for name in names)
        self.axes = np.array(sorted(joined), dtype=np.intp)
        if self._conflicts or self._banned.any():
            self.forms.insert(0, Nogoods(self.numbering, self._banned, self._conflicts))

    @property
    def has_black_boxes(self) -> bool:
        """Whether something can only be asked about one configuration at a time."""
        return bool(self._black_boxes)

    def _values_of(self, axis: int) -> list[Any]:
        """The known values of an axis, of which most may never be asked for."""
        if axis not in self._values:
            value = self._space.axes[axis].value
            self._values[axis] = [value(c) for c in self._coordinates[axis]]
        return self._values[axis]

    def add_black_box(self, statement: BlackBox) -> None:
        """Adds what can only be asked."""
        self._black_boxes.append(statement)

    def add_sum(
        self,
        terms: Sequence[Term],
        products: Sequence[Product],
        lower: float,
        upper: float,
        tolerance: float,
    ) -> bool:
        """Adds lower <= sum of terms and products <= upper.

        Args:
            terms: Parameter names with what their value contributes.
            products: Pairs of parameter names with what their two values contribute together.
            lower: Least allowed sum.
            upper: Largest allowed sum.
            tolerance: How far an equality may be off.

        Returns:
            Whether it could be tabulated, and was added.
        """
        joined = {self._index[name] for first, second, _ in products for name in (first, second)}
        if sum(self.numbering.n_values[i] for i in joined) > _MAX_DENSE:
            return False
        linear = np.zeros(self.numbering.n_cases)
        parts: list[Part] = []
        for name, term in terms:
            i = self._index[name]
            contributions = np.array([float(term(v)) for v in self._values_of(i)])
            linear[self.numbering.cases_of(i)] += contributions
            parts.append(((i,), np.append(contributions, 0.0)))
        pairs: dict[tuple[int, int], FloatArray] = {}
        for first, second, contribution in products:
            i, j = self._index[first], self._index[second]
            table = np.array(
                [
                    [float(contribution(u, v)) for v in self._values_of(j)]
                    for u in self._values_of(i)
                ]
            )
            parts.append(((i, j), np.pad(table, (0, 1))))
            if i > j:
                i, j, table = j, i, table.T
            pairs[i, j] = pairs.get((i, j), 0.0) + table
        if not pairs and lower == -math.inf and _counts_conflicts(linear, upper):
            self._add_conflicts(linear, upper)
        else:
            form = SumForm(self.numbering, linear, pairs, lower, upper, tolerance, parts)
            self.forms.append(form)
        return True

    def _add_conflicts(self, counted: FloatArray, upper: float) -> None:
        """At most one, or none, of the counted cases."""
        if upper < 1.0:
            self._banned += counted
            return
        cases_of = self.numbering.cases_of
        axes = [i for i in range(len(self._space)) if counted[cases_of(i)].any()]
        for p, i in enumerate(axes):
            for j in axes[p + 1 :]:
                self._forbid(i, j, np.outer(counted[cases_of(i)], counted[cases_of(j)]))

    def _forbid(self, i: int, j: int, forbidden: FloatArray) -> None:
        """Pairs of values of two axes that must not stand together, shape (U_i, U_j)."""
        if i > j:
            i, j, forbidden = j, i, forbidden.T
        self._conflicts[i, j] = self._conflicts.get((i, j), 0.0) + forbidden

    def add_relation(self, names: Sequence[str], accepts: Callable[..., object]) -> bool:
        """Adds a predicate of some parameters.

        Args:
            names: The parameters, in the order of the predicate's arguments.
            accepts: The predicate.

        Returns:
            Whether it could be tabulated, and was added.
        """
        axes = [self._index[name] for name in names]
        sizes = [self.numbering.n_values[i] for i in axes]
        # Values between levels come and go: asking about all their tuples would not pay.
        fixed = all(self._space.axes[i].is_exhaustive for i in axes)
        if math.prod(sizes) > (_MAX_TABLE if fixed or len(axes) < 3 else 0):
            return False
        known = (zip(self._coordinates[i], self._values_of(i), strict=True) for i in axes)
        forbidden = np.reshape(
            [
                not self._ask(names, accepts, *zip(*chosen, strict=True))
                for chosen in product(*known)
            ],
            sizes,
        ).astype(float)
        if len(axes) == 1:
            self._banned[self.numbering.cases_of(axes[0])] += forbidden
        elif len(axes) == 2:
            self._forbid(axes[0], axes[1], forbidden)
        else:
            padded = np.pad(forbidden, [(0, 1)] * len(axes))
            self.forms.append(TruthTable(axes, padded, self.numbering))
        return True

    def _ask(
        self,
        names: Sequence[str],
        accepts: Callable[..., object],
        coordinates: tuple[float, ...],
        values: tuple[Any, ...],
    ) -> bool:
        # By coordinates: values may be any objects, and 1 and True are equal.
        key = (id(accepts), tuple(names), coordinates)
        if key not in self._memory:
            self._memory[key] = bool(accepts(*values))
        return self._memory[key]

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
        params = self._space.decode(coordinates)
        return all(one.holds(params) for one in self._black_boxes)

    def exact_penalty(self) -> PenaltyBuilder:
        """The exact penalty of all constraints, over nothing but levels.

        Raises:
            QhpoError: If something has no exact quadratic form: a black box, a truth table with too
                many tuples, or a sum whose contributions are not multiples of one number.
        """
        if self._black_boxes:
            raise QhpoError(
                "an exact quadratic form needs constraints that can be tabulated; got "
                f"{self._black_boxes[0]}; such constraints are checked on every candidate instead"
            )
        builder = PenaltyBuilder(self.numbering.starts)
        for form in self.forms:
            form.add_penalty(builder, 1.0)
        return builder


def _counts_conflicts(linear: FloatArray, upper: float) -> bool:
    """Whether a sum up to a bound counts to one at most, so that two that count are a conflict."""
    return 0.0 <= upper < 2.0 and bool(np.isin(linear, (0.0, 1.0)).all())
