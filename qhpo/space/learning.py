"""Conditions that are learnt: the simplest that explain which parameters finished trials had."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qhpo.space.conditions import Condition, Enabling
from qhpo.space.space import Space

__all__ = ["learn_conditions"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


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
    # A parent is active in every trial that has the child, and in others too: so two parameters
    # cannot be learnt to be each other's parents. A declared condition may contradict the trials,
    # so what descends from the child is left out by name.
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
