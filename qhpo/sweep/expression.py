"""Expressions of a sweep file, parsed and checked; none is ever run as Python.

Python's parser reads the text, and only what stands in the tables below is taken over: names,
numbers, texts, arithmetic, comparisons, and, or, not, in, and a few functions. Every part is
checked for what its values can be, so that asking about a configuration cannot fail.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn, cast

from optuna.distributions import BaseDistribution, CategoricalDistribution

from qhpo.constraints.structures import Permutation, Subset
from qhpo.errors import QhpoError
from qhpo.space import can_take
from qhpo.sweep.keys import nearest, shown, text
from qhpo.sweep.nodes import (
    NUMBER,
    TRUTH,
    All,
    Among,
    Arithmetic,
    Comparison,
    Constant,
    Counted,
    Different,
    Function,
    Kind,
    Node,
    Not,
    Parameter,
    Some,
    kind_of,
    negated,
)

__all__ = ["Vocabulary", "parse"]

_MOST_CHARACTERS = 1_000
"""Longest expression: a rule that a person can read is shorter."""

_MOST_NODES = 300
"""Most parts of an expression. It is asked about every candidate of a search."""

_DEEPEST = 80
"""Most parts inside one another, as the terms of a sum are; Python's own recursion allows some
hundred."""

_LARGEST = 2**53
"""Largest whole number that is written out, as far as floats count in ones."""

_ARITHMETIC: Mapping[type[ast.operator], str] = MappingProxyType(
    {
        ast.Add: "+",
        ast.Sub: "-",
        ast.Mult: "*",
        ast.Div: "/",
        ast.FloorDiv: "//",
        ast.Mod: "%",
        ast.Pow: "**",
    }
)

_COMPARED: Mapping[type[ast.cmpop], str] = MappingProxyType(
    {
        ast.Lt: "<",
        ast.LtE: "<=",
        ast.Gt: ">",
        ast.GtE: ">=",
        ast.Eq: "==",
        ast.NotEq: "!=",
    }
)

_WORDS: Mapping[str, Any] = MappingProxyType({"true": True, "false": False, "null": None})
"""As YAML and JSON write them; a parameter of that name comes first."""

_COUNTING = ("exactly", "at_most", "at_least")
_OF_NUMBERS = ("min", "max", "sum", "abs")
_CALLS = (*_OF_NUMBERS, *_COUNTING, "all_different")

_NUMERIC: frozenset[Kind] = NUMBER | TRUTH


@dataclass(frozen=True)
class Vocabulary:
    """What expressions may name.

    Attributes:
        search_space: Distributions by parameter name.
        constants: Values of the constant parameters by name.
        structures: Subsets and permutations by name.
    """

    search_space: Mapping[str, BaseDistribution]
    constants: Mapping[str, Any]
    structures: Mapping[str, Subset | Permutation]

    def find(self, written: str) -> str | None:
        """The name of a parameter that an expression writes so.

        What cannot stand in an expression is written with underscores: ``batch_size`` for
        ``batch-size``, ``lambda_`` for ``lambda``.
        """
        names = (*self.search_space, *self.constants, *self.structures)
        if written in names:
            return written
        same = [name for name in names if _as_written(name) == written]
        return same[0] if len(same) == 1 else None

    @property
    def written(self) -> list[str]:
        """What an expression may write for a name."""
        return [_as_written(name) for name in (*self.search_space, *self.constants)]

    def kinds(self, name: str) -> frozenset[Kind]:
        """What the values of a searched parameter can be."""
        distribution = self.search_space[name]
        if isinstance(distribution, CategoricalDistribution):
            return frozenset(map(kind_of, distribution.choices))
        return NUMBER


def _as_written(name: str) -> str:
    """A name as an expression can write it; items of structures keep their brackets."""
    head, bracket, rest = name.partition("[")
    parts = []
    for part in head.split("."):
        plain = re.sub(r"\W", "_", part)
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        parts.append(f"{plain}_" if keyword.iskeyword(plain) else plain)
    return ".".join(parts) + bracket + rest


def parse(written: object, where: str, vocabulary: Vocabulary) -> Node:
    """The truth value that an expression stands for.

    Args:
        written: The text.
        where: Its key.
        vocabulary: What it may name.

    Raises:
        QhpoError: If it is no expression of the language, names what there is not, or compares
            what cannot be compared; says the column.
    """
    if isinstance(written, bool) or not isinstance(written, str):
        raise QhpoError(
            f"{where} must be an expression; got {shown(written)}; write it as text, such as "
            '"width_2 <= width_1"'
        )
    source = text(written, where)
    if len(source) > _MOST_CHARACTERS:
        raise QhpoError(
            f"{where} must have at most {_MOST_CHARACTERS:,} characters; got {len(source):,}; "
            "split it into several"
        )
    return _Parser(source, where, vocabulary).parsed()


class _Parser:
    def __init__(self, source: str, where: str, vocabulary: Vocabulary) -> None:
        # A text of several lines is one expression.
        self._source = re.sub(r"\s", " ", source)
        self._start = len(self._source) - len(self._source.lstrip())
        self._where = where
        self._known = vocabulary
        self._count = 0

    def parsed(self) -> Node:
        code = self._source.strip()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as "1if": what is wrong is an error below
                tree = ast.parse(code, mode="eval")
        except SyntaxError as error:
            # Python counts from 1, and says 0 where the text ends too early.
            column = self._start + (error.offset or len(code) + 1)
            reserved = [w for w in re.findall(r"[^\W\d]\w*", code) if self._is_reserved(w)]
            fix = f"write {reserved[0]}_ for the parameter" if reserved else "correct it there"
            raise QhpoError(
                f"{self._where} must be an expression; got {shown(code)}, wrong at column "
                f"{column}: {error.msg}; {fix}"
            ) from error
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise QhpoError(
                f"{self._where} must be an expression of few parts; got {shown(code)}; shorten it"
            ) from error
        return self._truth(tree.body, 0)

    def _is_reserved(self, word: str) -> bool:
        return keyword.iskeyword(word) and word in self._known.search_space

    def _fail(self, at: ast.expr, rule: str, fix: str) -> NoReturn:
        segment = ast.get_source_segment(self._source.strip(), at) or self._source
        before = self._source.strip().encode()[: at.col_offset].decode(errors="ignore")
        raise QhpoError(
            f"{self._where}, column {self._start + len(before) + 1}: {rule}; got {shown(segment)}; "
            f"{fix}"
        )

    def _truth(self, at: ast.expr, depth: int) -> Node:
        node = self._node(at, depth)
        if node.kinds == TRUTH:
            return node
        fix = "compare it, as in x > 0 or x == 'a'"
        return self._fail(at, "a comparison, or a parameter that is true or false, is needed", fix)

    def _number(self, at: ast.expr, depth: int) -> Node:
        node = self._node(at, depth)
        if node.kinds <= _NUMERIC:
            return node
        fix = "compare other values by == and in"
        return self._fail(at, "a number is needed", fix)

    def _node(self, at: ast.expr, depth: int) -> Node:
        self._count += 1
        if self._count > _MOST_NODES or depth > _DEEPEST:
            self._fail(
                at,
                f"an expression has at most {_MOST_NODES} parts, {_DEEPEST} inside one another",
                "split it, or write sum(a, b, ...) for a + b + ...",
            )
        deeper = depth + 1
        match at:
            case ast.Constant():
                return self._constant(at)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._named(at)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                operation = _ARITHMETIC[type(op)]
                return Arithmetic(
                    operation, self._number(left, deeper), self._number(right, deeper)
                )
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                node = self._number(operand, deeper)
                if isinstance(node, Constant):
                    return Constant(-node.constant)
                return Arithmetic("*", Constant(-1), node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand, deeper)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return negated(self._truth(operand, deeper))
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self._truth(value, deeper) for value in values)
                return All(parts) if isinstance(op, ast.And) else Some(parts)
            case ast.Compare():
                return self._compared(at, deeper)
            case ast.Call():
                return self._called(at, deeper)
        return self._fail(
            at,
            "an expression is made of names, numbers, texts, + - * / // % **, comparisons, and, or,"
            f" not, in and {', '.join(_CALLS)}",
            "use one of these",
        )

    def _constant(self, at: ast.Constant) -> Node:
        value = at.value
        if isinstance(value, (int, float)):
            is_whole = isinstance(value, int)
            if abs(value) > _LARGEST if is_whole else not math.isfinite(value):
                self._fail(at, f"numbers must be finite, whole ones up to {_LARGEST}", "shorten it")
        elif value is not None and not isinstance(value, str):
            self._fail(at, "a value is a number, a text, true, false or null", "use one of these")
        return Constant(value)

    def _written(self, at: ast.expr) -> str:
        """A name with dots and an item in brackets, as text."""
        match at:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=value, attr=attr):
                return f"{self._written(value)}.{attr}"
            case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as item)):
                return self._item(self._written(value), str(item))
            case ast.Subscript(value=value, slice=(ast.Name() | ast.Attribute()) as item):
                return self._item(self._written(value), self._written(item))
        return self._fail(at, "a name is letters, digits, dots and one item in brackets", "name it")

    def _item(self, written: str, item: str) -> str:
        name = self._known.find(written)
        structure = self._known.structures.get(name or "")
        if isinstance(structure, Permutation) and item.isdecimal():
            item = item.zfill(len(str(len(structure.items) - 1)))
        return f"{name or written}[{item}]"

    def _named(self, at: ast.expr) -> Node:
        written = self._written(at)
        name = self._known.find(written)
        if name in self._known.structures:
            self._fail(
                at,
                "a subset or a permutation is asked about its items",
                f"write 'item' in {written}, or {written}[0] for a place of a permutation",
            )
        if name is not None and name in self._known.constants:
            value = self._known.constants[name]
            if isinstance(value, (list, dict)):
                self._fail(at, "a constant of a rule is a number or a text", "leave it out")
            return Constant(value)
        if name is None:
            if written in _WORDS:
                return Constant(_WORDS[written])
            fix = nearest(written, self._known.written)
            self._fail(at, "every name must be a parameter of the file", fix)
        return Parameter(name, self._known.kinds(name))

    def _compared(self, at: ast.Compare, depth: int) -> Node:
        result: list[Node] = []
        left = at.left
        for op, right in zip(at.ops, at.comparators, strict=True):
            result.append(self._pair(at, left, op, right, depth))
            left = right
        return result[0] if len(result) == 1 else All(tuple(result))

    def _pair(
        self, at: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int
    ) -> Node:
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._among(left, right, isinstance(op, ast.NotIn), depth)
        if type(op) not in _COMPARED:
            self._fail(at, "values are compared by < <= > >= == != and in", "use == for is")
        comparison = _COMPARED[type(op)]
        if comparison in ("==", "!="):
            first, second = self._node(left, depth), self._node(right, depth)
            self._check_comparable(left, first, right, second)
            return Comparison(comparison, first, second)
        return Comparison(comparison, self._number(left, depth), self._number(right, depth))

    def _among(self, left: ast.expr, right: ast.expr, inverted: bool, depth: int) -> Node:
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            return self._in_subset(left, right, inverted, depth)
        if not right.elts:
            self._fail(right, "in needs one or more values", "write in ('a', 'b')")
        item = self._node(left, depth)
        choices = []
        for each in right.elts:
            choice = self._node(each, depth)
            self._check_comparable(left, item, each, choice)
            choices.append(choice)
        return Among(item, tuple(choices), inverted)

    def _in_subset(self, left: ast.expr, right: ast.expr, inverted: bool, depth: int) -> Node:
        is_name = isinstance(right, (ast.Name, ast.Attribute))
        name = self._known.find(self._written(right)) if is_name else None
        structure = self._known.structures.get(name or "")
        if not isinstance(structure, Subset):
            self._fail(
                right,
                "in needs values in brackets, or a subset",
                "write x in ('a', 'b'), or x == y",
            )
        item = self._node(left, depth)
        if (
            not isinstance(item, Constant)
            or f"{name}[{item.constant}]" not in structure.search_space
        ):
            items = list(map(str, structure.items))
            asked = item.constant if isinstance(item, Constant) else ""
            self._fail(left, "an item of the subset is needed", nearest(asked, items))
        chosen = Parameter(f"{name}[{item.constant}]", TRUTH)
        return Not(chosen) if inverted else chosen

    def _check_comparable(self, left: ast.expr, first: Node, right: ast.expr, second: Node) -> None:
        for at, node, other in ((right, second, first), (left, first, second)):
            if isinstance(node, Constant) and isinstance(other, Parameter):
                distribution = self._known.search_space[other.name]
                if not can_take(distribution, node.constant):
                    self._fail(
                        at,
                        f"{other.name} must be able to take the value",
                        _values(distribution, node.constant),
                    )
                return
        kinds = (set(first.kinds), set(second.kinds))
        for each in kinds:
            # True is 1 to Python and to Optuna.
            if each & _NUMERIC:
                each |= _NUMERIC
        if not kinds[0] & kinds[1]:
            fix = f"{'/'.join(sorted(first.kinds))} is never {'/'.join(sorted(second.kinds))}"
            self._fail(right, "two values must be able to be equal", fix)

    def _called(self, at: ast.Call, depth: int) -> Node:
        name = at.func.id if isinstance(at.func, ast.Name) else ""
        if name not in _CALLS:
            asked = ast.get_source_segment(self._source.strip(), at.func) or ""
            self._fail(at.func, "only a few functions can be called", nearest(asked, _CALLS))
        if at.keywords:
            self._fail(at, f"{name} takes values without names", "leave the names out")
        arguments = list(at.args)
        count = 0
        if name in _COUNTING:
            count = self._count_of(at, name, arguments[:1])
            arguments = arguments[1:]
        if len(arguments) == 1 and isinstance(arguments[0], (ast.List, ast.Tuple)):
            arguments = arguments[0].elts
        least = 2 if name == "all_different" else 1
        if len(arguments) < least or (name == "abs" and len(arguments) != 1):
            how_many = "one value" if name == "abs" else f"{least} or more values"
            self._fail(at, f"{name} takes {how_many}", f"write them in {name}(...)")
        if name in _OF_NUMBERS:
            return Function(name, tuple(self._number(each, depth) for each in arguments))
        if name == "all_different":
            return Different(tuple(self._node(each, depth) for each in arguments))
        parts = tuple(self._truth(each, depth) for each in arguments)
        if not 0 <= count <= len(parts):
            self._fail(at, f"{name} counts from 0 to its {len(parts)} values", "change the number")
        return Counted(cast(Any, name), count, parts)

    def _count_of(self, at: ast.Call, name: str, first: list[ast.expr]) -> int:
        match first:
            case [ast.Constant(value=int() as count)] if not isinstance(count, bool):
                return count
        return self._fail(
            first[0] if first else at,
            f"{name} begins with how many",
            f"write {name}(2, a, b, c)",
        )


def _values(distribution: BaseDistribution, value: Any) -> str:
    """What to write for a value that a parameter cannot take."""
    if isinstance(distribution, CategoricalDistribution):
        if isinstance(value, str):
            return nearest(value, list(map(str, distribution.choices)))
        return f"it has {shown(list(distribution.choices))}"
    low, high = getattr(distribution, "low", None), getattr(distribution, "high", None)
    step = getattr(distribution, "step", None)
    return f"it has {low} to {high}" + (f" in steps of {step}" if step else "")
