"""Rules that tell of some parameters' values what they leave of another's.

Glossary
--------
link
    A relation of two parameters, or a linear constraint on two. Where links join many of them, in a
    chain, a star or a grid, hardly any random configuration keeps all, and a change that mends one
    link breaks another. Values that are forbidden together are none: most others stay allowed.
total
    A sum of what the values of single axes contribute, or of numbers and products of two of them,
    between two bounds.
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
        products: Two axes of numbers, which may be the same, and the coefficient of their product.
        lower: Least allowed sum, less its tolerance.
        upper: Largest allowed sum, and its tolerance.
    """

    terms: dict[int, Callable[[Any], float]]
    coefficients: dict[int, float] | None
    products: tuple[tuple[int, int, float], ...]
    lower: float
    upper: float

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that take part."""
        return tuple({*self.terms, *(i for product in self.products for i in product[:2])})

    def sum_of(self, values: Sequence[Any], axes: Sequence[int]) -> float:
        """The sum for a value on every axis, of which those that count are given."""
        if self.coefficients is None:
            return sum(float(term(values[i])) for i, term in self.terms.items() if i in axes)
        total = sum(a * values[i] for i, a in self.coefficients.items() if i in axes)
        for i, j, a in self.products:
            if i in axes and j in axes:
                total += a * values[i] * values[j]
        return float(total)


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
        constraints: Any constraints. Predicates and relations of three are left out, and
            products of choices.
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
                if isinstance(statement, Sum) and self._is_total(constraint, statement):
                    rules.append(self._total(constraint, statement))
                elif isinstance(statement, Relation) and len(statement.names) == 2:
                    i, j = (self._index[name] for name in statement.names)
                    rules.append(Pair((i, j), statement.accepts))
        return rules

    @cached_property
    def are_all(self) -> bool:
        """Whether there are no rules but totals and pairs."""
        return all(
            self._is_total(constraint, statement)
            if isinstance(statement, Sum)
            else isinstance(statement, Relation) and len(statement.names) == 2
            for constraint in self._constraints
            for statement in constraint.statements
        )

    def _are_numbers(self, constraint: Constraint) -> bool:
        return not any(self._space.axes[self._index[n]].is_category for n in constraint.names)

    def _is_total(self, constraint: Constraint, statement: Sum) -> bool:
        has_row = constraint.quadratic_row is not None and self._are_numbers(constraint)
        return not statement.products or has_row

    def _total(self, constraint: Constraint, statement: Sum) -> Total:
        terms = {self._index[name]: term for name, term in statement.terms}
        lower, upper = statement.lower - statement.tolerance, statement.upper + statement.tolerance
        row = constraint.quadratic_row
        if row is None or not self._are_numbers(constraint):
            return Total(terms, None, (), lower, upper)
        coefficients = {self._index[name]: a for name, a in row.coefficients}
        products = tuple((self._index[i], self._index[j], a) for i, j, a in row.products)
        return Total(terms, coefficients, products, lower, upper)


def _is_link(constraint: Constraint) -> bool:
    if len(constraint.names) != 2:
        return False
    statements = constraint.statements
    return constraint.linear_row is not None or any(isinstance(s, Relation) for s in statements)
