"""Which values of every axis are worth a draw: more than the levels, and what single rules leave.

The levels of a number are what models are built on. What constraints allow may lie between them:
the multiples of 7, the values that a rule names, a narrow part of a wide range.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.space import Space

__all__ = ["Values"]

FloatArray = NDArray[np.float64]

_MAX_LISTED = 20_000
"""Most values of a number of which each is asked about, once: some tens of milliseconds a rule."""

_MAX_WHOLE = 64
"""A number of so many values is sampled whole: the tables of two such numbers have 4,096 entries,
which are asked about once."""

_SAMPLED = 16
"""Values of another number in a sample: as many as levels, since their tables come and go."""

_SCANNED = 2048
"""Values of a float that a rule on it alone is asked about, some milliseconds: it finds what is a
thousandth of the range."""


class Values:
    """Values of the axes that have more than their levels.

    Args:
        space: The search space.
        constraints: Any constraints. Those on a single parameter leave out some of its values.

    Attributes:
        between: Axes with values between their levels, increasing.
        named: Coordinates of values that constraints name, by axis, of those in ``between``.
    """

    def __init__(self, space: Space, constraints: Sequence[Constraint]) -> None:
        self._space = space
        self.between = [i for i, axis in enumerate(space.axes) if not axis.is_exhaustive]
        index = {space.axes[i].name: i for i in self.between}
        named: dict[int, set[float]] = {i: set() for i in self.between}
        self._alone: dict[int, list[Constraint]] = {i: [] for i in self.between}
        for constraint in constraints:
            for name, value in constraint.values:
                if name in index:
                    named[index[name]].add(space.axes[index[name]].coordinate(value))
            names = set(constraint.names)
            if len(names) == 1 and not names.isdisjoint(index):
                self._alone[index[names.pop()]].append(constraint)
        self.named = {i: np.array(sorted(known)) for i, known in named.items()}
        self._allowed: dict[int, FloatArray | None] = {}

    def allowed(self, axis: int) -> FloatArray | None:
        """Coordinates, increasing, of all values that the constraints on this parameter alone keep.

        Returns:
            None if there are too many values to ask about.
        """
        if axis not in self._allowed:
            scale = self._space.axes[axis]
            listed = scale.n_values <= _MAX_LISTED
            self._allowed[axis] = self._kept(axis, scale.every_coordinate()) if listed else None
        return self._allowed[axis]

    def is_restricted(self, axis: int) -> bool:
        """Whether a constraint speaks of this parameter alone."""
        return bool(self._alone[axis])

    def _kept(self, axis: int, coordinates: FloatArray) -> FloatArray:
        scale, rules = self._space.axes[axis], self._alone[axis]
        if not rules:
            return coordinates
        values = [{scale.name: scale.value(c)} for c in coordinates.tolist()]
        kept = [all(rule.satisfied(value) for rule in rules) for value in values]
        left: FloatArray = coordinates[np.array(kept, dtype=bool)]
        return left

    def draw(self, axis: int, n: int, rng: np.random.Generator) -> FloatArray:
        """Random coordinates of one of the axes in ``between``, shape (n,)."""
        scale = self._space.axes[axis]
        rules = [rule for rule in self._alone[axis] if rule.quadratic_row is None]
        if rules:
            known = self.allowed(axis)
            if known is None:
                shares = (np.arange(_SCANNED) + rng.random(_SCANNED)) / _SCANNED
                known = self._kept(axis, np.array([scale.at(s) for s in shares.tolist()]))
            if len(known):
                drawn: FloatArray = rng.choice(known, size=n)
                return drawn
        return np.array([scale.at(share) for share in rng.random(n).tolist()])

    def sample(self, axis: int, rng: np.random.Generator) -> FloatArray:
        """Coordinates to search among, increasing: all that are allowed, or some of them.

        What constraints name is among them, as far as there is room.
        """
        known = self.allowed(axis)
        if known is not None and self.is_whole(axis):
            return known
        named = self.named[axis] if known is None else np.intersect1d(self.named[axis], known)
        return np.union1d(self.draw(axis, _SAMPLED, rng), rng.permutation(named)[:_SAMPLED])

    def is_whole(self, axis: int) -> bool:
        """Whether `sample` has all values that are allowed, and is the same each time."""
        known = self.allowed(axis)
        return known is not None and 0 < len(known) <= _MAX_WHOLE

    def spread(self, axis: int, most: int) -> FloatArray:
        """At most so many coordinates, increasing, that are worth an exact search.

        Returns:
            What constraints name, the ends of what is allowed and values between, or the levels.
        """
        known = self.allowed(axis)
        if known is None or not len(known):
            known = self._space.axes[axis].coordinates
        named = self.named[axis][:most]
        chosen = np.linspace(0, len(known) - 1, min(len(known), max(most - len(named), 1)))
        return np.union1d(named, known[np.unique(chosen.astype(np.intp))])
