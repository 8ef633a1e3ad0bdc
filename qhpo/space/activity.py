"""Which axes are active, for many configurations at once.

Glossary
--------
place
    Number of a value on its axis, the levels first; -1 where the axis is inactive.
imputed
    A configuration with a place on every axis, also on inactive ones. What a child would be if it
    were active is remembered there while a search switches it off and on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.space.conditions import Condition, parents_first
from qhpo.space.space import Space

__all__ = ["Activity"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


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
        order = parents_first(by_child, list(index))
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

    def apply(self, imputed: IntArray) -> IntArray:
        """Places of configurations with what is inactive set to -1, (q, d) to (q, d)."""
        places = imputed.copy()
        for child, parents in self.enabled:
            for parent, enabled in parents:
                places[~enabled[places[:, parent]], child] = -1
        return places
