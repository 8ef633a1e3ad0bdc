"""Constraints that count: exactly, at_most, at_least, all_different."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

from qhpo.constraints.base import Constraint, Relation, Statement, Sum
from qhpo.constraints.logic import (
    Alternatives,
    alternatives,
    are_different_names,
    is_one_of,
    written,
)
from qhpo.errors import QhpoError
from qhpo.space import is_same

__all__ = ["AllDifferent", "Cardinality", "all_different", "at_least", "at_most", "exactly"]


@dataclass(frozen=True, repr=False)
class Cardinality(Constraint):
    """How many of some parameters take one of the counted values.

    Attributes:
        kind: ``"exactly"``, ``"at_most"`` or ``"at_least"``.
        count: k.
        counted: The parameters with the values that count.
    """

    kind: str
    count: int
    counted: Alternatives

    def __repr__(self) -> str:
        return f"{self.kind}({self.count}, {written(self.counted)})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.counted)

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        return tuple((name, value) for name, values in self.counted for value in values)

    @property
    def statements(self) -> tuple[Statement, ...]:
        terms = tuple((name, partial(is_one_of, values)) for name, values in self.counted)
        lower = -math.inf if self.kind == "at_most" else float(self.count)
        upper = math.inf if self.kind == "at_least" else float(self.count)
        return (Sum(terms, (), lower, upper),)


def exactly(count: int, values: Mapping[str, Any]) -> Cardinality:
    """Exactly so many of the parameters take the value given for them.

    Args:
        count: k, from 0 to the number of parameters.
        values: Value, or a collection of alternative values, by parameter name.

    Example:
        >>> exactly(1, {"dropout": True, "batch_norm": True})
        exactly(1, {'dropout': True, 'batch_norm': True})
    """
    return _cardinality("exactly", count, values)


def at_most(count: int, values: Mapping[str, Any]) -> Cardinality:
    """At most so many of the parameters take the value given for them. See `exactly`."""
    return _cardinality("at_most", count, values)


def at_least(count: int, values: Mapping[str, Any]) -> Cardinality:
    """At least so many of the parameters take the value given for them. See `exactly`."""
    return _cardinality("at_least", count, values)


def _cardinality(kind: str, count: object, values: Mapping[str, Any]) -> Cardinality:
    counted = alternatives(values, kind)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= len(counted):
        raise QhpoError(
            f"{kind} counts from 0 to the number of its parameters, {len(counted)}; got {count!r}"
        )
    return Cardinality(kind, count, counted)


def _differ(first: Any, second: Any) -> bool:
    return not is_same(first, second)


@dataclass(frozen=True, repr=False)
class AllDifferent(Constraint):
    """No two of the parameters have the same value. See `all_different`."""

    different: tuple[str, ...]

    def __repr__(self) -> str:
        return f"all_different({', '.join(map(repr, self.different))})"

    @property
    def names(self) -> tuple[str, ...]:
        return self.different

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(Relation(pair, _differ) for pair in combinations(self.different, 2))


def all_different(*names: str) -> AllDifferent:
    """No two of the parameters have the same value.

    Args:
        *names: Two or more parameters.

    Example:
        >>> all_different("first", "second", "third")
        all_different('first', 'second', 'third')
    """
    if len(names) < 2 or not are_different_names(names):
        raise QhpoError(f"all_different takes two or more different names; got {names!r}")
    return AllDifferent(names)
