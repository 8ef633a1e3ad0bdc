"""Which parameter is active when: declared, or learnt from finished trials.

Glossary
--------
child, parent
    A parameter that some configurations do not have, and one whose value decides that.
condition
    The child is active where every parent is active and has one of its enabling values.
shadow
    A configuration with a place on every axis, also on inactive ones. What a child would be if it
    were active is remembered there while a search switches it off and on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from qhpo.errors import QhpoError
from qhpo.space import Space

__all__ = [
    "Activity",
    "Condition",
    "Enabling",
    "can_take",
    "declared_conditions",
    "is_same",
    "learn_conditions",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_ANY = (-math.inf, math.inf)


def is_same(value: Any, written: Any) -> bool:
    """Whether a parameter's value is the one that a user has written.

    The third value of a float with step 0.1 is 3 * 0.1, which is not 0.3.
    """
    if isinstance(value, float) and isinstance(written, (int, float)):
        return math.isclose(value, written, rel_tol=1e-9, abs_tol=1e-14)
    return bool(value == written)


@dataclass(frozen=True)
class Enabling:
    """The values of a parent that let a child be active.

    Attributes:
        parent: Name of the parent.
        values: Enabling values; None if all within the limits are.
        limits: Least and largest enabling number; for numbers only.
    """

    parent: str
    values: tuple[Any, ...] | None
    limits: tuple[float, float] = _ANY

    def holds(self, value: Any) -> bool:
        """Whether a value of the parent is an enabling one."""
        if self.values is not None:
            return any(is_same(value, enabling) for enabling in self.values)
        return bool(self.limits[0] <= value <= self.limits[1])


@dataclass(frozen=True)
class Condition:
    """A child that is active where all of its parents enable it.

    Attributes:
        child: Name of the child.
        parents: Enabling values by parent.
    """

    child: str
    parents: tuple[Enabling, ...]

    def is_active(self, params: Mapping[str, Any]) -> bool:
        """Whether the child is active, given the values of all active parameters."""
        return all(p.parent in params and p.holds(params[p.parent]) for p in self.parents)


def declared_conditions(
    conditions: object, search_space: Mapping[str, BaseDistribution]
) -> tuple[Condition, ...]:
    """Conditions as a user writes them: ``{"units_3": {"n_layers": [3, 4]}}``.

    Args:
        conditions: Enabling value, or collection of them, by parent, by child.
        search_space: Optuna distributions by parameter name.

    Raises:
        QhpoError: If a name is not in the search space, a parent cannot take the value, or a
            parameter would be its own ancestor.
    """
    if not isinstance(conditions, Mapping):
        raise QhpoError(
            'conditions must be a mapping such as {"units_3": {"n_layers": [3, 4]}}; '
            f"got {conditions!r}"
        )
    result = []
    for child, parents in conditions.items():
        if not isinstance(parents, Mapping) or not parents:
            raise QhpoError(
                "a condition must map parents to their enabling values, such as "
                f'{{"n_layers": [3, 4]}}; got {parents!r} for {child!r}'
            )
        enabling = []
        for name in (child, *parents):
            if name not in search_space:
                raise QhpoError(
                    f"conditions must name parameters of the search space; got {name!r}; the "
                    f"space has: {', '.join(sorted(search_space)) or 'none'}"
                )
        for parent, values in parents.items():
            several = (
                tuple(values) if isinstance(values, (list, tuple, set, frozenset, range)) else None
            )
            chosen = (values,) if several is None else several
            if not chosen:
                raise QhpoError(
                    f"a condition must name at least one enabling value of each parent; got "
                    f"{values!r} of {parent!r} for {child!r}"
                )
            dist = search_space[parent]
            for value in chosen:
                if not can_take(dist, value):
                    raise QhpoError(
                        f"a condition must name values that the parent can take; got {value!r} of "
                        f"{parent!r} for {child!r}; {parent!r} has {dist}"
                    )
            enabling.append(Enabling(parent, chosen))
        result.append(Condition(child, tuple(enabling)))
    _in_order({c.child: c for c in result}, list(search_space))
    return tuple(result)


def can_take(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a parameter can take the value that a user has written."""
    try:
        internal = distribution.to_internal_repr(value)
        # Optuna reads numbers from strings, which no value of the parameter would equal.
        is_text = isinstance(value, str) and not isinstance(distribution, CategoricalDistribution)
        return bool(distribution._contains(internal)) and not is_text
    except (TypeError, ValueError):
        return False


def _in_order(conditions: Mapping[str, Condition], names: Sequence[str]) -> list[str]:
    """The names, parents before children.

    Raises:
        QhpoError: If a parameter is its own ancestor.
    """
    order: list[str] = []
    under_way: set[str] = set()

    def visit(name: str) -> None:
        if name in order:
            return
        if name in under_way:
            raise QhpoError(f"a parameter must not depend on itself; got a cycle through {name!r}")
        under_way.add(name)
        if name in conditions:
            for enabling in conditions[name].parents:
                visit(enabling.parent)
        under_way.discard(name)
        order.append(name)

    for name in names:
        visit(name)
    return order


def learn_conditions(
    space: Space,
    coordinates: FloatArray,
    declared: Sequence[Condition] = (),
    is_whole: BoolArray | None = None,
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """The simplest conditions that explain which parameters finished trials had.

    Args:
        space: The search space, of all parameters that any trial had.
        coordinates: Finished trials, shape (n, d), NaN where a trial did not have the parameter.
        declared: Conditions that are taken as given.
        is_whole: Trials that asked for all they wanted, shape (n,), all if None; what others lack
            they may not have come to.

    Returns:
        The declared and the learnt conditions; and names of parameters that not all trials had and
        that one or two parents do not explain.
    """
    active = ~np.isnan(coordinates)
    lacks = ~active if is_whole is None else ~active & is_whole[:, None]
    given = {condition.child for condition in declared}
    conditions, unexplained = list(declared), []
    for child, axis in enumerate(space.axes):
        if axis.name in given or not lacks[:, child].any():
            continue
        known = active[:, child] | lacks[:, child]
        later = _descendants(axis.name, conditions)
        found = _explained(space, coordinates[known], active[known], child, later)
        if found is None:
            unexplained.append(axis.name)
        else:
            conditions.append(Condition(axis.name, found))
    return tuple(conditions), tuple(unexplained)


def _descendants(name: str, conditions: Sequence[Condition]) -> set[str]:
    """The parameters whose activity depends on one."""
    found = {name}
    while more := {
        c.child for c in conditions if any(p.parent in found for p in c.parents)
    }.difference(found):
        found |= more
    return found


def _explained(
    space: Space, coordinates: FloatArray, active: BoolArray, child: int, descendants: set[str]
) -> tuple[Enabling, ...] | None:
    has = active[:, child]
    if not has.any():
        return None
    # A parent is active wherever the child is, and elsewhere too: so no two are each other's, but
    # for what is declared and contradicts the trials.
    candidates = [
        p
        for p, axis in enumerate(space.axes)
        if axis.name not in descendants and active[has, p].all() and (active[:, p] & ~has).any()
    ]
    found = {p: _enabling(space, p, coordinates[:, p], has) for p in candidates}
    # Few distinct values, each seen often, are better evidence than many seen once.
    n_values = {p: len(np.unique(coordinates[active[:, p], p])) for p in candidates}
    for size in (1, 2):
        exact = [
            parents
            for parents in combinations(candidates, size)
            if (np.logical_and.reduce([found[p][1] for p in parents]) == has).all()
        ]
        if exact:
            best = min(exact, key=lambda ps: (sum(n_values[p] for p in ps), ps))
            return tuple(found[p][0] for p in best)
    return None


def _enabling(
    space: Space, parent: int, column: FloatArray, has: BoolArray
) -> tuple[Enabling, BoolArray]:
    """The values of a parent that were seen with the child; for numbers, a range if one will do.

    Args:
        space: The search space.
        parent: Number of the parent's axis.
        column: Its coordinates, shape (n,).
        has: Which trials have the child, shape (n,).

    Returns:
        The values, and which trials have one of them.
    """
    axis = space.axes[parent]
    with_child = np.unique(column[has])
    without = column[~has & ~np.isnan(column)]
    low, high = float(with_child[0]), float(with_child[-1])
    is_split = bool(((without >= low) & (without <= high)).any())
    if axis.is_category or (is_split and axis.is_exhaustive):
        seen = tuple(axis.value(c) for c in with_child.tolist())
        return Enabling(axis.name, seen), np.isin(column, with_child)
    # What lies beyond every value without the child is taken to be as its neighbour.
    limits = (
        axis.value(low) if (without < low).any() else -math.inf,
        axis.value(high) if (without > high).any() else math.inf,
    )
    return Enabling(axis.name, None, limits), (low <= column) & (column <= high)


class Activity:
    """Conditions over the values that occur on every axis.

    Args:
        space: The search space.
        conditions: At most one per child, without cycles.
        coordinates: Coordinates that occur on each axis, the levels first, d arrays.

    Attributes:
        switches: Axes that are a parent, shape (d,), bool.
        children: Axes that have a condition, shape (d,), bool.
    """

    def __init__(
        self, space: Space, conditions: Sequence[Condition], coordinates: Sequence[FloatArray]
    ) -> None:
        index = {axis.name: i for i, axis in enumerate(space.axes)}
        by_child = {c.child: c for c in conditions if c.child in index}
        order = _in_order(by_child, list(index))
        self.switches = np.zeros(len(space), dtype=bool)
        self.children = np.zeros(len(space), dtype=bool)
        self.enabled: list[tuple[int, list[tuple[int, BoolArray]]]] = []
        for name in order:
            if name not in by_child:
                continue
            parents = []
            for rule in by_child[name].parents:
                if rule.parent not in index:
                    # A parent of one value is in no space: it enables its child always.
                    continue
                p = index[rule.parent]
                axis = space.axes[p]
                # The place -1 of an inactive parent looks up the last entry.
                places = [rule.holds(axis.value(c)) for c in coordinates[p].tolist()]
                parents.append((p, np.array([*places, False])))
                self.switches[p] = True
            self.children[index[name]] = True
            self.enabled.append((index[name], parents))

    def apply(self, shadow: IntArray) -> IntArray:
        """Places of configurations with what is inactive set to -1, shadows (q, d) to (q, d)."""
        places = shadow.copy()
        for child, parents in self.enabled:
            for parent, enabled in parents:
                places[~enabled[places[:, parent]], child] = -1
        return places
