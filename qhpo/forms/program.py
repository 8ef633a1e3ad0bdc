"""Rows of a mixed-integer linear program under construction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array

__all__ = ["Program"]

_MAX_ROWS = 30_000
"""Most rows of a program: HiGHS solves its first node in some ten seconds. A form that would bring
more is checked, and cut off where it is broken."""


class Program:
    """Rows over columns, of which the first stand for the values of the axes.

    Args:
        sizes: Values of every axis: so many columns each, 1 where the value is taken.
        n_more: Columns behind these.

    Attributes:
        starts: First column of every axis and the total of these.
        n_columns: Number of all columns.
    """

    def __init__(self, sizes: Sequence[int], n_more: int) -> None:
        self.starts = [0]
        for size in sizes:
            self.starts.append(self.starts[-1] + size)
        self.n_columns = self.starts[-1] + n_more
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._entries: list[float] = []
        self._lower: list[float] = []
        self._upper: list[float] = []

    @property
    def n_entries(self) -> int:
        """Number of coefficients in all rows."""
        return len(self._entries)

    def has_room(self, n_rows: int) -> bool:
        """Whether so many more rows are not too many."""
        return len(self._lower) + n_rows <= _MAX_ROWS

    def copy(self) -> Program:
        """The same program, to add rows to."""
        other = Program([], self.n_columns)
        other.starts = self.starts
        for name in ("_rows", "_columns", "_entries", "_lower", "_upper"):
            setattr(other, name, list(getattr(self, name)))
        return other

    def column(self, axis: int, place: int) -> int:
        """The column of a value of an axis."""
        return self.starts[axis] + place

    def add_column(self) -> int:
        """A new column from 0 to 1; returns its number."""
        self.n_columns += 1
        return self.n_columns - 1

    def add(self, terms: Iterable[tuple[int, float]], lower: float, upper: float) -> None:
        """Lower <= sum of coefficient x column <= upper."""
        for column, entry in terms:
            self._rows.append(len(self._lower))
            self._columns.append(column)
            self._entries.append(entry)
        self._lower.append(lower)
        self._upper.append(upper)

    def rows(self) -> LinearConstraint:
        """All rows as one constraint."""
        shape = (len(self._lower), self.n_columns)
        matrix = coo_array((self._entries, (self._rows, self._columns)), shape=shape).tocsr()
        return LinearConstraint(matrix, self._lower, self._upper)
