"""Conditions of a sweep file: when a parameter exists.

``conditions: {momentum: optimizer == "sgd"}`` becomes ``{"momentum": {"optimizer": ["sgd"]}}``, the
form that `qhpo.QUBOSampler` takes: the child exists where every parent has one of its enabling
values. So a condition is a conjunction of tests, each of one parameter that has few values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qhpo.errors import QhpoError
from qhpo.space import declared_conditions
from qhpo.sweep.expression import Vocabulary, parse
from qhpo.sweep.keys import below, mapping, nearest, shown
from qhpo.sweep.nodes import All, Node
from qhpo.sweep.parameters import Parameters
from qhpo.sweep.rules import values_of

__all__ = ["read_conditions"]

Conditions = dict[str, dict[str, list[Any]]]


def read_conditions(value: object, parameters: Parameters, vocabulary: Vocabulary) -> Conditions:
    """Enabling values by parent, by child.

    Args:
        value: What stands under ``conditions``; None for nothing.
        parameters: The parameters of the file.
        vocabulary: What expressions may name.

    Raises:
        QhpoError: If a name is no parameter, a condition is no conjunction of tests of single
            parameters of few values, it never holds, or a parameter depends on itself.
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


def _enabling(node: Node, where: str, vocabulary: Vocabulary) -> dict[str, list[Any]]:
    result: dict[str, list[Any]] = {}
    for part in _joined(node):
        names = part.names
        if len(names) != 1:
            spoken = ", ".join(names) or "none"
            raise QhpoError(
                f"{where} must be tests of one parameter each, joined by and; got one of {spoken}; "
                "split it, or say the rest as a constraint"
            )
        (parent,) = names
        values = values_of(vocabulary.search_space[parent])
        if values is None:
            raise QhpoError(
                f"{where} must depend on parameters of few values, which are written out; got "
                f"{parent} with {vocabulary.search_space[parent]}; give it values, or a step by "
                "q_uniform"
            )
        enabling = [v for v in result.get(parent, values) if part.value({parent: v})]
        if not enabling:
            raise QhpoError(
                f"{where} must hold for some value of {parent}; got a condition that never does; "
                f"it has {shown(values)}"
            )
        result[parent] = enabling
    return result


def _joined(node: Node) -> Iterator[Node]:
    if isinstance(node, All):
        for part in node.parts:
            yield from _joined(part)
    else:
        yield node
