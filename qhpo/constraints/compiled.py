"""Constraints over the values that occur on every axis: vectorized checks of many changes at once.

Glossary
--------
d, D, C
    Axes; levels of all axes together; cases, that is all values that occur, levels and others.
place
    Number of a value on its axis, the levels first; -1 where the axis is inactive.
case
    Number of a value over all axes; C stands for inactive, which contributes nothing.
a, Q
    Contributions of a sum: of single cases, shape (C + 1,), and of pairs of them, symmetric.
violation
    By how much a configuration misses the bounds of a form, in units of the form's own
    contributions; 0 if and only if it holds, as Python computes it: what sums in another order
    leave in doubt is summed again in Python's.

A relation of two parameters is a sum of conflicts, of which none may remain, and so are forbidden
pairs and all other sums of zeros and ones up to one: all of them together are a single sum.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints.base import Constraint, Form, Relation, Sum
from qhpo.space import Space

__all__ = ["CompiledForm", "Conflicts", "Rules", "SumForm", "TableForm"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_TABLE = 60_000
"""Largest truth table that is computed, in entries."""

_MAX_DENSE = 2_500
"""Most cases of the axes of a sum with products, whose matrix is dense."""


_LEAST_VIOLATION = 1e-5
"""A miss by a rounding error counts as this much, which a search can tell from 0."""

Part = tuple[tuple[int, ...], FloatArray]
"""Axes of a term or product and its contributions, each dimension with a last 0 for inactive."""


class CompiledForm(ABC):
    """One condition on places, vectorized."""

    @abstractmethod
    def violation(self, places: IntArray) -> FloatArray:
        """Of configurations, (q, d) to (q,)."""

    @abstractmethod
    def after_change(self, places: IntArray) -> FloatArray:
        """After every change of one axis to one of its levels, (S, d) to (S, D)."""

    @abstractmethod
    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        """After every two of some changes of every configuration.

        Args:
            places: Shape (S, d), S >= 1.
            columns: Numbers of B of the D levels for each configuration, shape (S, B); of the same
                axis in all of a column.

        Returns:
            Shape (S, B, B). Entries for two levels of the same axis mean nothing.
        """


class SumForm(CompiledForm):
    """lower <= a[x] + x'Qx/2 <= upper.

    Args:
        starts: First case of every axis and the total C, shape (d + 1,).
        levels: Case of every level, shape (D,).
        linear: a, shape (C + 1,).
        pairs: Contributions by pair of axes, each of shape (U_i, U_j).
        lower: Least allowed sum.
        upper: Largest allowed sum.
        tolerance: How far an equality may be off.
        parts: Terms and products in the order in which Python sums them.
    """

    def __init__(
        self,
        starts: IntArray,
        levels: IntArray,
        linear: FloatArray,
        pairs: dict[tuple[int, int], FloatArray],
        lower: float,
        upper: float,
        tolerance: float = 0.0,
        parts: Sequence[Part] = (),
    ) -> None:
        self.starts, self.levels = starts, levels
        self.linear, self.pairs = linear, pairs
        self.lower, self.upper = lower, upper
        self.block = np.searchsorted(starts, levels, side="right") - 1
        sizes = [float(np.abs(table).max(initial=0.0)) for table in (linear, *pairs.values())]
        self.scale = max(sizes) or 1.0
        self.tolerance = tolerance
        self._parts = parts
        self._doubt = 0.0
        if not all(map(_is_coarse, (linear, *pairs.values()))):
            bounds = [abs(b) for b in (lower, upper) if math.isfinite(b)]
            self._doubt = 1e-12 * max(1.0, len(starts) * self.scale, *bounds)
        self._number, self._quadratic = self._dense()

    def _dense(self) -> tuple[IntArray, FloatArray]:
        """Number of every case among those of axes with pairs, and Q over these, both padded."""
        d = len(self.starts) - 1
        axes = sorted({i for pair in self.pairs for i in pair})
        sizes = np.diff(self.starts)
        total = int(sizes[axes].sum()) if axes else 0
        number = np.full(int(self.starts[-1]) + 1, total, dtype=np.intp)
        place, first = 0, np.zeros(d, dtype=np.intp)
        for i in axes:
            number[self.starts[i] : self.starts[i + 1]] = place + np.arange(sizes[i])
            first[i] = place
            place += int(sizes[i])
        dense = np.zeros((total + 1, total + 1))
        for (i, j), table in self.pairs.items():
            rows = slice(first[i], first[i] + sizes[i])
            columns = slice(first[j], first[j] + sizes[j])
            dense[rows, columns] += table
            dense[columns, rows] += table.T
        return number, dense

    def _cases(self, places: IntArray) -> IntArray:
        cases: IntArray = np.where(places < 0, self.starts[-1], places + self.starts[:-1])
        return cases

    def _missed(self, totals: FloatArray) -> FloatArray:
        """What the sums miss their bounds by; negative within them."""
        missed: FloatArray = np.maximum(
            (self.lower - self.tolerance) - totals, totals - (self.upper + self.tolerance)
        )
        return missed

    def _violation(self, totals: FloatArray, places_of: Callable[..., IntArray]) -> FloatArray:
        """Violations of sums, of the same shape.

        Args:
            totals: The sums, up to rounding.
            places_of: From the indices of some of them, an array per dimension, to their places.
        """
        missed = self._missed(totals)
        if self._doubt > 0.0:
            doubtful = np.nonzero(np.abs(missed) <= self._doubt)
            if len(doubtful[0]):
                missed[doubtful] = self._missed(self._in_order(places_of(*doubtful)))
        violation: FloatArray = np.where(
            missed > 0.0, np.maximum(missed / self.scale, _LEAST_VIOLATION), 0.0
        )
        return violation

    def _in_order(self, places: IntArray) -> FloatArray:
        """The sums to the last bit as Python computes them, (q, d) to (q,)."""
        total = np.zeros(len(places))
        for axes, contributions in self._parts:
            total += contributions[tuple(places[:, i] for i in axes)]
        return total

    def _changed(self, places: IntArray, columns: IntArray) -> IntArray:
        """Configurations of shape (q, d) after a change each, by numbers of levels, shape (q,)."""
        axes = self.block[columns]
        changed = places.copy()
        changed[np.arange(len(places)), axes] = self.levels[columns] - self.starts[axes]
        return changed

    def totals(self, places: IntArray) -> FloatArray:
        """The sums, (q, d) to (q,)."""
        cases = self._cases(places)
        total: FloatArray = self.linear[cases].sum(axis=1)
        if self.pairs:
            number = self._number[cases]
            pairs = self._quadratic[number[:, :, None], number[:, None, :]]
            total = total + 0.5 * pairs.sum(axis=(1, 2))
        return total

    def violation(self, places: IntArray) -> FloatArray:
        return self._violation(self.totals(places), lambda rows: places[rows])

    def differences(self, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """The sums, shape (S,), and what every single change adds to them, shape (S, D)."""
        cases = self._cases(places)
        own = self.linear[cases]
        totals = own.sum(axis=1)
        fields = np.broadcast_to(self.linear[self.levels], (len(cases), len(self.levels)))
        if self.pairs:
            number = self._number[cases]
            among = self._quadratic[number[:, :, None], number[:, None, :]].sum(axis=2)
            totals = totals + 0.5 * among.sum(axis=1)
            own = own + among
            by_level = self._quadratic[self._number[self.levels]]
            fields = fields + by_level[:, number].sum(axis=2).T
        return totals, fields - own[:, self.block]

    def after_change(self, places: IntArray) -> FloatArray:
        totals, differences = self.differences(places)
        return self._violation(
            totals[:, None] + differences,
            lambda rows, columns: self._changed(places[rows], columns),
        )

    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        totals, differences = self.differences(places)
        changes = np.take_along_axis(differences, columns, axis=1)
        after = totals[:, None, None] + changes[:, :, None] + changes[:, None, :]
        if self.pairs:
            level = self._number[self.levels[columns]]
            current = np.take_along_axis(
                self._number[self._cases(places)], self.block[columns], axis=1
            )
            mixed = self._quadratic[level[:, :, None], current[:, None, :]]
            after += self._quadratic[level[:, :, None], level[:, None, :]]
            after -= mixed
            after -= mixed.transpose(0, 2, 1)
            after += self._quadratic[current[:, :, None], current[:, None, :]]
        return self._violation(
            after,
            lambda rows, first, second: self._changed(
                self._changed(places[rows], columns[rows, first]), columns[rows, second]
            ),
        )


def _is_coarse(numbers: FloatArray) -> bool:
    """Whether sums of such numbers are exact in any order: few binary digits each."""
    scaled = numbers * 2.0**16
    return bool((np.abs(scaled) < 2.0**40).all() and (scaled == np.round(scaled)).all())


class Conflicts(SumForm):
    """No conflict may remain: the sum counts them.

    Args:
        starts: First case of every axis and the total C, shape (d + 1,).
        levels: Case of every level, shape (D,).
        linear: 1 or more where a case is itself a conflict, shape (C + 1,).
        pairs: 1 or more where two cases are in conflict, each of shape (U_i, U_j).
    """

    def __init__(
        self,
        starts: IntArray,
        levels: IntArray,
        linear: FloatArray,
        pairs: dict[tuple[int, int], FloatArray],
    ) -> None:
        super().__init__(starts, levels, linear, pairs, -math.inf, 0.0)


class TableForm(CompiledForm):
    """A relation of three or more axes by its truth table.

    Args:
        axes: The axes.
        forbidden: 1.0 where the relation does not hold, shape (U_1 + 1, ..., U_k + 1); the last
            place of every axis is that of an inactive one.
        starts: First level of every axis and the total D, shape (d + 1,).
    """

    def __init__(self, axes: Sequence[int], forbidden: FloatArray, starts: IntArray) -> None:
        self.axes, self.forbidden = tuple(axes), forbidden
        self._starts = starts
        self._block = np.repeat(np.arange(len(starts) - 1), np.diff(starts))

    def violation(self, places: IntArray) -> FloatArray:
        result: FloatArray = self.forbidden[tuple(places[:, i] for i in self.axes)]
        return result

    def after_change(self, places: IntArray) -> FloatArray:
        after = np.repeat(self.violation(places)[:, None], self._starts[-1], axis=1)
        for axis in self.axes:
            levels = np.arange(self._starts[axis], self._starts[axis + 1])
            index: list[Any] = [places[:, i, None] for i in self.axes]
            index[self.axes.index(axis)] = (levels - self._starts[axis])[None, :]
            after[:, levels] = self.forbidden[tuple(index)]
        return after

    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        block = self._block[columns[0]]
        level = columns - self._starts[block]
        inside = np.isin(block, self.axes)
        single = np.take_along_axis(self.after_change(places), columns, axis=1)
        # A change outside of the table leaves it to the other change.
        after = np.where(inside[:, None], single[:, :, None], single[:, None, :])
        for p, q in product(range(len(self.axes)), repeat=2):
            if p == q:
                continue
            rows = np.flatnonzero(block == self.axes[p])
            others = np.flatnonzero(block == self.axes[q])
            index: list[Any] = [places[:, i, None, None] for i in self.axes]
            index[p] = level[:, rows, None]
            index[q] = level[:, None, others]
            after[np.ix_(np.arange(len(places)), rows, others)] = self.forbidden[tuple(index)]
        return after


class Rules:
    """Constraints over the values that occur on every axis.

    Args:
        space: The search space.
        constraints: What must hold; they fit the space.
        coordinates: Coordinates that occur on each axis, the levels first, d arrays.
        memory: Remembers what relations said, from one compilation for the space to the next.

    Attributes:
        forms: Everything that is checked at once.
        opaque: Forms that can only be asked about one configuration at a time.
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
        self._memory = {} if memory is None else memory
        self._index = {axis.name: i for i, axis in enumerate(space.axes)}
        self._coordinates = [known.tolist() for known in coordinates]
        self._values = [
            [axis.value(c) for c in known]
            for axis, known in zip(space.axes, self._coordinates, strict=True)
        ]
        sizes = [len(values) for values in self._values]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        self.levels = np.concatenate(
            [
                start + np.arange(n)
                for start, n in zip(self.starts[:-1].tolist(), space.n_levels.tolist(), strict=True)
            ]
            or [np.empty(0)]
        ).astype(np.intp)
        self._conflicts: dict[tuple[int, int], FloatArray] = {}
        self._banned = np.zeros(int(self.starts[-1]) + 1)
        self.forms: list[CompiledForm] = []
        self.opaque: list[Form] = []
        joined: set[int] = set()
        for constraint in constraints:
            for form in constraint.forms:
                self._compile(form)
            names = constraint.names or self._index
            if len(names) > 1:
                joined.update(self._index[name] for name in names)
        self.axes = np.array(sorted(joined), dtype=np.intp)
        if self._conflicts or self._banned.any():
            conflicts = Conflicts(self.starts, self.levels, self._banned, self._conflicts)
            self.forms.insert(0, conflicts)

    def _compile(self, form: Form) -> None:
        if isinstance(form, Sum):
            self._compile_sum(form)
        elif isinstance(form, Relation):
            self._compile_relation(form)
        else:
            self.opaque.append(form)

    def _compile_sum(self, form: Sum) -> None:
        linear = np.zeros(int(self.starts[-1]) + 1)
        parts: list[Part] = []
        for name, term in form.terms:
            i = self._index[name]
            contributions = np.array([float(term(v)) for v in self._values[i]])
            linear[self._cases_of(i)] += contributions
            parts.append(((i,), np.append(contributions, 0.0)))
        pairs: dict[tuple[int, int], FloatArray] = {}
        for first, second, contribution in form.products:
            i, j = self._index[first], self._index[second]
            table = np.array(
                [[float(contribution(u, v)) for v in self._values[j]] for u in self._values[i]]
            )
            parts.append(((i, j), np.pad(table, (0, 1))))
            if i > j:
                i, j, table = j, i, table.T
            pairs[i, j] = pairs.get((i, j), 0.0) + table
        if sum(len(self._values[i]) for i in {i for pair in pairs for i in pair}) > _MAX_DENSE:
            self.opaque.append(form)
        elif not pairs and form.lower == -math.inf and self._is_conflict(linear, form.upper):
            self._add_conflicts(linear, form.upper)
        else:
            self.forms.append(
                SumForm(
                    self.starts,
                    self.levels,
                    linear,
                    pairs,
                    form.lower,
                    form.upper,
                    form.tolerance,
                    parts,
                )
            )

    @staticmethod
    def _is_conflict(linear: FloatArray, upper: float) -> bool:
        return 0.0 <= upper < 2.0 and bool(np.isin(linear, (0.0, 1.0)).all())

    def _add_conflicts(self, counted: FloatArray, upper: float) -> None:
        """At most one, or none, of the counted cases."""
        if upper < 1.0:
            self._banned += counted
            return
        axes = [i for i in range(len(self.space)) if counted[self._cases_of(i)].any()]
        for p, i in enumerate(axes):
            for j in axes[p + 1 :]:
                both = np.outer(counted[self._cases_of(i)], counted[self._cases_of(j)])
                self._conflicts[i, j] = self._conflicts.get((i, j), 0.0) + both

    def _cases_of(self, axis: int) -> slice:
        return slice(int(self.starts[axis]), int(self.starts[axis + 1]))

    def _compile_relation(self, form: Relation) -> None:
        axes = [self._index[name] for name in form.names]
        sizes = [len(self._values[i]) for i in axes]
        # Values between levels come and go: asking about all their tuples would not pay.
        fixed = all(self.space.axes[i].is_exhaustive for i in axes)
        if math.prod(sizes) > (_MAX_TABLE if fixed or len(axes) < 3 else 0):
            self.opaque.append(form)
            return
        cases = (zip(self._coordinates[i], self._values[i], strict=True) for i in axes)
        forbidden = np.reshape(
            [not self._accepts(form, *zip(*chosen, strict=True)) for chosen in product(*cases)],
            sizes,
        ).astype(float)
        if len(axes) == 1:
            self._banned[self._cases_of(axes[0])] += forbidden
        elif len(axes) == 2:
            i, j = axes
            if i > j:
                i, j, forbidden = j, i, forbidden.T
            self._conflicts[i, j] = self._conflicts.get((i, j), 0.0) + forbidden
        else:
            padded = np.pad(forbidden, [(0, 1)] * len(axes))
            self.forms.append(TableForm(axes, padded, self.space.starts))

    def _accepts(
        self, form: Relation, coordinates: tuple[float, ...], values: tuple[Any, ...]
    ) -> bool:
        # By coordinates: values may be any objects, and 1 and True are equal.
        key = (id(form.accepts), form.names, coordinates)
        if key not in self._memory:
            self._memory[key] = bool(form.accepts(*values))
        return self._memory[key]

    def violation(self, places: IntArray) -> FloatArray:
        """Sum of the violations of all forms but the opaque ones, (q, d) to (q,)."""
        return self._total(lambda form: form.violation(places), (len(places),))

    def after_change(self, places: IntArray) -> FloatArray:
        """`violation` after every change of one axis to one of its levels, (S, d) to (S, D)."""
        shape = (len(places), len(self.levels))
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
        """Whether the opaque forms hold, for one configuration of shape (d,)."""
        if not self.opaque:
            return True
        params = self.space.decode(coordinates)
        return all(form.holds(params) for form in self.opaque)
