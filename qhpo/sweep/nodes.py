"""What an expression is made of, and what it says of a configuration.

Glossary
--------
node
    A part of an expression. Its value depends on nothing but the values of the parameters it names.
kind
    What a value can be: a number, text, a truth value, or nothing (null).
negation
    Reaches comparisons only as their opposite (``not a < b`` is ``a >= b``), see `negated`. So a
    comparison whose arithmetic has no value (a division by zero) does not hold, nor does its
    opposite.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from qhpo.space import is_same

__all__ = [
    "All",
    "Among",
    "Arithmetic",
    "Comparison",
    "Constant",
    "Counted",
    "Different",
    "Function",
    "Kind",
    "Node",
    "Not",
    "Parameter",
    "Some",
    "negated",
]

Kind = Literal["number", "text", "truth", "nothing"]

NUMBER: frozenset[Kind] = frozenset({"number"})
TRUTH: frozenset[Kind] = frozenset({"truth"})

_MOST_BITS = 1024
"""Largest power, in bits: as many as the largest float has. It ends what would fill the memory."""

Params = Mapping[str, Any]


class Node(ABC):
    """A part of an expression; immutable."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Node, ...]:
        """The nodes that it is made of."""

    @property
    @abstractmethod
    def kinds(self) -> frozenset[Kind]:
        """What its value can be."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters that it names, each once, in their order."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.names))

    @abstractmethod
    def value(self, params: Params) -> Any:
        """Its value where all parameters that it names are active.

        Raises:
            ArithmeticError: If it is a number that there is not.
        """


@dataclass(frozen=True)
class Constant(Node):
    """A number, a text, true, false or null."""

    constant: Any

    @property
    def parts(self) -> tuple[Node, ...]:
        return ()

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset({kind_of(self.constant)})

    def value(self, params: Params) -> Any:
        return self.constant


@dataclass(frozen=True)
class Parameter(Node):
    """A parameter of the search space."""

    name: str
    can_be: frozenset[Kind]

    @property
    def parts(self) -> tuple[Node, ...]:
        return ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def kinds(self) -> frozenset[Kind]:
        return self.can_be

    def value(self, params: Params) -> Any:
        return params[self.name]


def _power(base: Any, exponent: Any) -> Any:
    if base not in (0, 1, -1) and abs(exponent * math.log2(abs(base))) > _MOST_BITS:
        raise OverflowError("the power is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ArithmeticError("a root of a negative number")
    return result


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "//": operator.floordiv,
        "%": operator.mod,
        "**": _power,
    }
)


@dataclass(frozen=True)
class Arithmetic(Node):
    """Two numbers and an operation."""

    operation: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    @property
    def kinds(self) -> frozenset[Kind]:
        return NUMBER

    def value(self, params: Params) -> Any:
        result = _OPERATIONS[self.operation](self.left.value(params), self.right.value(params))
        if isinstance(result, float) and not math.isfinite(result):
            raise OverflowError("the number is too large")
        return result


_FUNCTIONS: Mapping[str, Callable[[list[Any]], Any]] = MappingProxyType(
    {"min": min, "max": max, "sum": sum, "abs": lambda values: abs(values[0])}
)


@dataclass(frozen=True)
class Function(Node):
    """min, max, sum or abs of numbers."""

    function: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.arguments

    @property
    def kinds(self) -> frozenset[Kind]:
        return NUMBER

    def value(self, params: Params) -> Any:
        return _FUNCTIONS[self.function]([each.value(params) for each in self.arguments])


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": lambda a, b: equal(a, b),
        "!=": lambda a, b: not equal(a, b),
    }
)

_OPPOSITE: Mapping[str, str] = MappingProxyType(
    {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
)


class _Truth(Node):
    """What is true or false."""

    @property
    def kinds(self) -> frozenset[Kind]:
        return TRUTH


@dataclass(frozen=True)
class Comparison(_Truth):
    """Two values compared; numbers are equal up to rounding."""

    comparison: str
    left: Node
    right: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    def value(self, params: Params) -> Any:
        try:
            left, right = self.left.value(params), self.right.value(params)
            return _COMPARISONS[self.comparison](left, right)
        except ArithmeticError:
            return False


@dataclass(frozen=True)
class Among(_Truth):
    """Whether a value is one of several, or none of them."""

    item: Node
    choices: tuple[Node, ...]
    inverted: bool

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.item, *self.choices)

    def value(self, params: Params) -> Any:
        try:
            item = self.item.value(params)
            found = any(equal(item, choice.value(params)) for choice in self.choices)
        except ArithmeticError:
            return False
        return found is not self.inverted


@dataclass(frozen=True)
class Not(_Truth):
    """The opposite of a truth value that is no comparison."""

    part: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        return (self.part,)

    def value(self, params: Params) -> Any:
        return not self.part.value(params)


@dataclass(frozen=True)
class All(_Truth):
    """Several truth values that must all hold."""

    parts_of: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.parts_of

    def value(self, params: Params) -> Any:
        return all(part.value(params) for part in self.parts_of)


@dataclass(frozen=True)
class Some(_Truth):
    """Several truth values of which one must hold."""

    parts_of: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.parts_of

    def value(self, params: Params) -> Any:
        return any(part.value(params) for part in self.parts_of)


@dataclass(frozen=True)
class Counted(_Truth):
    """How many of several truth values hold."""

    how: Literal["exactly", "at_most", "at_least"]
    count: int
    counted: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.counted

    def value(self, params: Params) -> Any:
        """Also where parameters are inactive: what names one does not count."""
        active = (part for part in self.counted if all(name in params for name in part.names))
        n = sum(bool(part.value(params)) for part in active)
        if self.how == "exactly":
            return n == self.count
        return n <= self.count if self.how == "at_most" else n >= self.count


@dataclass(frozen=True)
class Different(_Truth):
    """Whether no two values are equal."""

    values: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.values

    def value(self, params: Params) -> Any:
        """Also where parameters are inactive: these are left out."""
        active = (part for part in self.values if all(name in params for name in part.names))
        known = [part.value(params) for part in active]
        return not any(equal(a, b) for i, a in enumerate(known) for b in known[:i])


def kind_of(value: object) -> Kind:
    """What a value is."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, (int, float)) else "text"


def equal(first: Any, second: Any) -> bool:
    """Whether two values are equal, numbers up to rounding."""
    if isinstance(second, float) and not isinstance(first, float):
        first, second = second, first
    return is_same(first, second)


def negated(node: Node) -> Node:
    """What holds where a truth value does not."""
    if isinstance(node, Comparison):
        return Comparison(_OPPOSITE[node.comparison], node.left, node.right)
    if isinstance(node, Among):
        return Among(node.item, node.choices, not node.inverted)
    if isinstance(node, All):
        return Some(tuple(map(negated, node.parts)))
    if isinstance(node, Some):
        return All(tuple(map(negated, node.parts)))
    if isinstance(node, Not):
        return node.part
    return Constant(not node.constant) if isinstance(node, Constant) else Not(node)
