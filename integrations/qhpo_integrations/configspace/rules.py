"""Conditions and forbidden clauses of ConfigSpace, as conditions and constraints.

ConfigSpace judges vectors: a number for each hyperparameter, NaN where it is inactive. What cannot
be written with the constraints of qhpo is judged by ConfigSpace's own functions, on such vectors.

Glossary
--------
box
    Enabling values by parent; the child is active where every parent has one of its own.
literal
    A clause or relation that has no clauses within.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from ConfigSpace import (
    AndConjunction,
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenGreaterThanClause,
    ForbiddenGreaterThanRelation,
    ForbiddenInClause,
    ForbiddenLessThanClause,
    ForbiddenLessThanRelation,
    InCondition,
    NotEqualsCondition,
    OrConjunction,
)
from ConfigSpace.conditions import Condition
from ConfigSpace.forbidden import ForbiddenConjunction, ForbiddenRelation

from qhpo import constraints as c
from qhpo.constraints import Constraint
from qhpo_integrations.configspace.parameters import Parameter

__all__ = ["enabling_values", "forbidden"]

_Box = dict[str, list[Any]]


def enabling_values(
    space: ConfigurationSpace, child: str, parameters: Mapping[str, Parameter]
) -> _Box | None:
    """The condition of a child as `QUBOSampler` takes it; None if it cannot be declared.

    Args:
        space: The space.
        child: Name of the child.
        parameters: All parameters by name.
    """
    conditions = space.parent_conditions_of[child]
    return _all_of([_box(condition, space, parameters) for condition in conditions])


def _box(
    condition: Any, space: ConfigurationSpace, parameters: Mapping[str, Parameter]
) -> _Box | None:
    if isinstance(condition, AndConjunction):
        return _all_of([_box(each, space, parameters) for each in condition.components])
    if isinstance(condition, OrConjunction):
        return _any_of([_box(each, space, parameters) for each in condition.components])
    name = condition.parent.name
    # Of an inactive parent ConfigSpace says that it is not equal: the child is active then.
    if isinstance(condition, NotEqualsCondition) and space.parent_conditions_of[name]:
        return None
    parent = parameters[name]
    values = parent.values()
    if values is None:
        if not isinstance(condition, (EqualsCondition, InCondition)):
            return None
        named = condition.values if isinstance(condition, InCondition) else [condition.value]
        values = [parent.read(value) for value in named]
    return _some({name: [v for v in values if _holds(condition, parent.vector(v))]})


def _holds(condition: Condition, number: float) -> bool:
    """Whether a condition holds for a number of its parent."""
    assert condition.parent_vector_id is not None  # the condition is of a space
    vector = np.full(int(condition.parent_vector_id) + 1, number)
    return bool(condition.satisfied_by_vector(vector))


def _some(box: _Box) -> _Box | None:
    """The box, or None if the child is never active, which cannot be declared."""
    return box if all(box.values()) else None


def _all_of(boxes: Sequence[_Box | None]) -> _Box | None:
    result: _Box = {}
    for box in boxes:
        if box is None:
            return None
        for parent, values in box.items():
            result[parent] = [v for v in result.get(parent, values) if v in values]
    return _some(result)


def _any_of(boxes: Sequence[_Box | None]) -> _Box | None:
    known = [box for box in boxes if box is not None]
    parents = {tuple(box) for box in known}
    if len(known) < len(boxes) or len(parents) != 1 or len(known[0]) != 1:
        return None
    (parent,) = known[0]
    return {parent: list(dict.fromkeys(value for box in known for value in box[parent]))}


def forbidden(
    clause: Any, space: ConfigurationSpace, parameters: Mapping[str, Parameter]
) -> list[Constraint]:
    """The constraints that forbid what a clause forbids.

    Args:
        clause: Any forbidden clause.
        space: The space.
        parameters: All parameters by name.
    """
    return [_rule(literals, space, parameters) for literals in _alternatives(clause)]


def _alternatives(clause: Any) -> list[tuple[Any, ...]]:
    """The clause as alternatives, each of literals that must all hold (disjunctive form)."""
    if not isinstance(clause, ForbiddenConjunction):
        return [(clause,)]
    within = [_alternatives(component) for component in clause.components]
    if isinstance(clause, ForbiddenAndConjunction):
        return [tuple(each for part in parts for each in part) for parts in product(*within)]
    return [alternative for alternatives in within for alternative in alternatives]


def _rule(
    literals: tuple[Any, ...], space: ConfigurationSpace, parameters: Mapping[str, Parameter]
) -> Constraint:
    """The constraint that not all of the literals hold."""
    names = list(dict.fromkeys(name for literal in literals for name in _names(literal)))
    kinds = {type(literal) for literal in literals}
    if kinds <= {ForbiddenEqualsClause, ForbiddenInClause} and len(names) == len(literals):
        return c.forbid(
            {n: _values(each, parameters[n]) for n, each in zip(names, literals, strict=True)}
        )
    (only, *more) = literals
    # Only of numbers that always exist: a sum would leave out an inactive one.
    if not more and all(
        parameters[name].is_number and not space.parent_conditions_of[name] for name in names
    ):
        if type(only) is ForbiddenGreaterThanClause:
            return c.linear({names[0]: 1.0}, "<=", float(only.value))
        if type(only) is ForbiddenLessThanClause:
            return c.linear({names[0]: 1.0}, ">=", float(only.value))
        if len(names) == 2 and type(only) is ForbiddenGreaterThanRelation:
            return c.linear({only.left.name: 1.0, only.right.name: -1.0}, "<=", 0.0)
        if len(names) == 2 and type(only) is ForbiddenLessThanRelation:
            return c.linear({only.left.name: 1.0, only.right.name: -1.0}, ">=", 0.0)
    places = tuple(space.index_of[name] for name in names)
    return c.relation(names, _NotAll(literals, tuple(parameters[n] for n in names), places))


@dataclass(frozen=True)
class _NotAll:
    """Whether not all of some literals hold, as ConfigSpace judges it."""

    literals: tuple[Any, ...]
    parameters: tuple[Parameter, ...]
    places: tuple[int, ...]

    def __call__(self, *values: Any) -> bool:
        column = np.full((max(self.places) + 1, 1), np.nan)
        for place, parameter, value in zip(self.places, self.parameters, values, strict=True):
            column[place] = parameter.vector(value)
        return not all(bool(each.is_forbidden_vector_array(column)[0]) for each in self.literals)

    def __repr__(self) -> str:
        return f"not ({' and '.join(str(each) for each in self.literals)})"


def _names(literal: Any) -> tuple[str, ...]:
    if isinstance(literal, ForbiddenRelation):
        return (literal.left.name, literal.right.name)
    return (literal.hyperparameter.name,)


def _values(literal: Any, parameter: Parameter) -> list[Any]:
    values = literal.values if isinstance(literal, ForbiddenInClause) else [literal.value]
    return [parameter.read(value) for value in values]
