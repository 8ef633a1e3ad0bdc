"""Conditions of a sweep file: when a parameter exists.

``conditions: {momentum: optimizer == "sgd"}`` becomes ``{"momentum": {"optimizer": ["sgd"]}}``, the
form that `qhpo.QUBOSampler` takes: the child exists where every parent has one of its enabling
values. So a condition is a conjunction of tests, each of one parameter. Of one that has few values
those that enable the child are listed; of other numbers a test compares with a number, and
``conditions: {momentum: 0.01 < lr <= 0.1}`` becomes limits, `qhpo.Between`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from qhpo.errors import QhpoError
from qhpo.space import Between, declared_conditions
from qhpo.sweep.expression import Vocabulary, parse
from qhpo.sweep.keys import below, mapping, nearest, shown
from qhpo.sweep.nodes import All, Comparison, Node
from qhpo.sweep.parameters import Parameters
from qhpo.sweep.polynomial import bounded
from qhpo.sweep.rules import values_of

__all__ = ["read_conditions"]

_Enabling = dict[str, "list[Any] | Between"]
Conditions = dict[str, _Enabling]


def read_conditions(value: object, parameters: Parameters, vocabulary: Vocabulary) -> Conditions:
    """Enabling values by parent, by child.

    Args:
        value: What stands under ``conditions``; None for nothing.
        parameters: The parameters of the file.
        vocabulary: What expressions may name.

    Raises:
        QhpoError: If a name is no parameter, a condition is no conjunction of tests of single
            parameters, a test of a number of many values does not compare it with a number, it
            never holds, or a parameter depends on itself.
    """
    if value is None:
        return {}
    result: Conditions = {}
    for child, written in mapping(value, "conditions").items():
        where = below("conditions", child)
        condition = parse(written, where, vocabulary)
        children = _children(child, where, parameters)
        for name in condition.names:
            if name in children:
                raise QhpoError(
                    f"{where} must depend on other parameters; got {shown(written)}, which names "
                    f"{name} itself; leave it out"
                )
        result.update(dict.fromkeys(children, _enabling(condition, where, vocabulary)))
    try:
        declared_conditions(result, parameters.search_space)
    except QhpoError as error:
        raise QhpoError(f"conditions: {error}") from error
    return result


def _children(child: str, where: str, parameters: Parameters) -> tuple[str, ...]:
    """The searched parameters that a name stands for: itself, or all of a group."""
    if child in parameters.search_space:
        name, bracket, _ = child.partition("[")
        if not bracket or name not in parameters.structures:
            return (child,)
        child = name
    if child in parameters.structures:
        raise QhpoError(
            f"{where} must be a parameter that a program can do without; got a subset or a "
            "permutation, whose items would be counted all the same; use size: {min: 0} and a "
            "constraint"
        )
    inside = parameters.below(child)
    if inside and not any(name.startswith(f"{child}.") for name in parameters.structures):
        return inside
    if child in parameters.constants:
        raise QhpoError(
            f"{where} must be a parameter that is searched; got a constant; give it two values"
        )
    raise QhpoError(
        f"{where} must be a parameter of the file, or a group of them without subsets and "
        f"permutations; got {shown(child)}; {nearest(child, list(parameters.search_space))}"
    )


def _enabling(node: Node, where: str, vocabulary: Vocabulary) -> _Enabling:
    result: _Enabling = {}
    for part in _joined(node):
        names = part.names
        if len(names) != 1:
            spoken = ", ".join(names) or "none"
            raise QhpoError(
                f"{where} must be tests of one parameter each, joined by and; got one of {spoken}; "
                "split it, or say the rest as a constraint"
            )
        (parent,) = names
        distribution = vocabulary.search_space[parent]
        values = values_of(distribution)
        before = result.get(parent)
        if values is None:
            limits = _limits(part, before if isinstance(before, Between) else Between())
            if limits is None:
                raise QhpoError(
                    f"{where} must compare {parent} with a number, by <, <=, > or >=, as in 0.1 < "
                    f"{parent} <= 0.5: it has more values than are listed, {distribution}; got "
                    "another test of it; rewrite it, or give it values"
                )
            low, high = limits
            is_kept, has = low <= high, str(distribution)
            enabling: list[Any] | Between = Between(low, high) if is_kept else []
        else:
            known = before if isinstance(before, list) else values
            enabling = [v for v in known if part.value({parent: v})]
            is_kept, has = bool(enabling), shown(values)
        if not is_kept:
            raise QhpoError(
                f"{where} must hold for some value of {parent}; got a condition that never does; "
                f"it has {has}"
            )
        result[parent] = enabling
    return result


def _limits(node: Node, within: Between) -> tuple[float, float] | None:
    """Ends of the numbers that a comparison of one number leaves; None if it is no such one."""
    found = bounded(node) if isinstance(node, Comparison) else None
    if found is None or not found.is_linear or found.comparison in ("==", "!="):
        return None
    ((_, coefficient),) = found.terms
    end = found.bound / coefficient
    if not math.isfinite(end):
        return None
    is_upper = (found.comparison in ("<", "<=")) is (coefficient > 0)
    if found.comparison in ("<", ">"):
        # The float before an end, or after it, is the last one that is not the end itself.
        end = math.nextafter(end, -math.inf if is_upper else math.inf)
    return (within.low, min(end, within.high)) if is_upper else (max(end, within.low), within.high)


def _joined(node: Node) -> Iterator[Node]:
    if isinstance(node, All):
        for part in node.parts:
            yield from _joined(part)
    else:
        yield node
