"""Rules that tell of some parameters' values what they leave of another's.

Glossary
--------
link
    A relation of two parameters, or a linear constraint on two. Where links join many of them, in a
    chain, a star or a grid, hardly any random configuration keeps all, and a change that mends one
    link breaks another. Values that are forbidden together are none: most others stay allowed.
total
    A sum of what the values of single axes contribute, between two bounds.
pair
    A relation of two axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qhpo.constraints.base import Constraint, Relation, Sum
from qhpo.space import Space

__all__ = ["Links", "Pair", "Total"]

_MANY_LINKED = 8
"""Joined parameters from which on values are left one by one. Of a falling chain of eight one
random configuration in 40,320 keeps all; in shorter ones repairs find some in a moment."""


@dataclass(frozen=True, eq=False)
class Total:
    """lower <= sum of contributions <= upper.

    Attributes:
        terms: Axes with what their value contributes.
        coefficients: By axis, if all contributions are multiples of numbers; else None.
        lower: Least allowed sum, less its tolerance.
        upper: Largest allowed sum, and its tolerance.
    """

    terms: dict[int, Callable[[Any], float]]
    coefficients: dict[int, float] | None
    lower: float
    upper: float

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that take part."""
        return tuple(self.terms)


@dataclass(frozen=True, eq=False)
class Pair:
    """A relation of two axes.

    Attributes:
        axes: Both, in the order of the predicate's arguments.
        accepts: Whether two values may stand together.
    """

    axes: tuple[int, int]
    accepts: Callable[..., object]

    def allows(self, side: int, own: Any, other: Any) -> bool:
        """Whether two values may stand together, the first of which is of the axis on a side."""
        return bool(self.accepts(other, own) if side else self.accepts(own, other))


class Links:
    """The rules of a set that leave values of one parameter beside those of others.

    Args:
        space: The search space.
        constraints: Any constraints. Products, predicates and relations of three are left out.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        self._space = space
        self._constraints = tuple(constraints)
        self._index = {axis.name: i for i, axis in enumerate(space.axes)}

    @cached_property
    def are_many(self) -> bool:
        """Whether links join many parameters."""
        group = list(range(len(self._space)))

        def first_of(i: int) -> int:
            while group[i] != i:
                group[i] = group[group[i]]
                i = group[i]
            return i

        for constraint in self._constraints:
            if _is_link(constraint):
                i, j = (self._index[name] for name in constraint.names)
                group[first_of(i)] = first_of(j)
        sizes = [0] * len(group)
        for i in range(len(group)):
            sizes[first_of(i)] += 1
        return max(sizes, default=0) >= _MANY_LINKED

    @cached_property
    def rules(self) -> list[Total | Pair]:
        """All totals and pairs."""
        rules: list[Total | Pair] = []
        for constraint in self._constraints:
            for statement in constraint.statements:
                if isinstance(statement, Sum) and not statement.products:
                    rules.append(self._total(constraint, statement))
                elif isinstance(statement, Relation) and len(statement.names) == 2:
                    i, j = (self._index[name] for name in statement.names)
                    rules.append(Pair((i, j), statement.accepts))
        return rules

    @cached_property
    def are_all(self) -> bool:
        """Whether there are no rules but totals and pairs."""
        return all(
            not statement.products
            if isinstance(statement, Sum)
            else isinstance(statement, Relation) and len(statement.names) == 2
            for constraint in self._constraints
            for statement in constraint.statements
        )

    def _total(self, constraint: Constraint, statement: Sum) -> Total:
        terms = {self._index[name]: term for name, term in statement.terms}
        row, coefficients = constraint.linear_row, None
        if row is not None and not any(self._space.axes[i].is_category for i in terms):
            coefficients = {self._index[name]: a for name, a in row.coefficients}
        lower, upper = statement.lower - statement.tolerance, statement.upper + statement.tolerance
        return Total(terms, coefficients, lower, upper)


def _is_link(constraint: Constraint) -> bool:
    if len(constraint.names) != 2:
        return False
    statements = constraint.statements
    return constraint.linear_row is not None or any(isinstance(s, Relation) for s in statements)
