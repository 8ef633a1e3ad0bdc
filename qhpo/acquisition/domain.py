"""The part of a search space that may be suggested: constraints, conditions, what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.enumeration import free_configurations, is_countable
from qhpo.acquisition.feasible import Feasible
from qhpo.conditions import Activity, Condition
from qhpo.constraints import Constraint
from qhpo.constraints.exact import ExactSearch, Found, smallest_conflict
from qhpo.constraints.numbers import LinearNumbers
from qhpo.errors import QhpoError
from qhpo.space import Space

__all__ = ["Domain"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_TRIES = 32


class Domain:
    """A search space with its constraints and conditions.

    Args:
        space: The search space.
        constraints: What must hold; they fit the space.
        conditions: Which parameters are active when.

    Attributes:
        is_plain: Whether every combination of values is allowed and all parameters are active.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint] = (),
        conditions: Sequence[Condition] = (),
    ) -> None:
        self.space = space
        self.constraints = tuple(constraints)
        self.conditions = tuple(conditions)
        self.is_plain = not self.constraints and not self.conditions
        self.numbers = LinearNumbers(space, self.constraints)
        self._memory: dict[object, bool] = {}

    @cached_property
    def levels(self) -> Feasible:
        """Constraints and conditions over nothing but the levels."""
        return self.over([axis.coordinates for axis in self.space.axes])

    @cached_property
    def _exact(self) -> ExactSearch:
        return ExactSearch(self.space, self.constraints, self.conditions)

    def over(self, coordinates: Sequence[FloatArray]) -> Feasible:
        """Constraints and conditions over values of every axis, the levels first."""
        return Feasible(self.space, self.constraints, self.conditions, coordinates, self._memory)

    def satisfied(self, coordinates: FloatArray) -> bool:
        """Whether a configuration of shape (d,), NaN where inactive, keeps all constraints."""
        params = self.space.decode(coordinates)
        return all(constraint.satisfied(params) for constraint in self.constraints)

    def is_whole(self, coordinates: FloatArray) -> bool:
        """Whether what is active in a configuration of shape (d,) is what the conditions say.

        A trial that was stopped before it asked for everything has less.
        """
        inactive = np.isnan(coordinates)
        known = [np.array([c]) for c in np.where(inactive, 0.0, coordinates).tolist()]
        places = np.where(inactive, -1, 0)[None, :]
        said = Activity(self.space, self.conditions, known).apply(np.zeros_like(places))
        return bool((said == places).all())

    def nearest(
        self, row: FloatArray, frozen: FloatArray, rng: np.random.Generator
    ) -> FloatArray | None:
        """A configuration that keeps all constraints and has most values of the given one.

        Args:
            row: A coordinate on every axis, shape (d,).
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Breaks ties.

        Returns:
            Shape (d,), NaN where inactive; None if none was found.
        """
        row = np.where(np.isnan(frozen), row, frozen)
        known = self._levels_and(row)
        places = [int(np.abs(k - c).argmin()) for k, c in zip(known, row.tolist(), strict=True)]
        shadow = np.array([places], dtype=np.intp)
        return next(iter(self._settled(self.over(known), shadow, frozen, rng)), None)

    def draws(self, n: int, frozen: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
        """At most n random configurations that keep all constraints, each of shape (d,)."""
        known = self._levels_and(frozen)
        shadow = rng.integers(self.space.n_levels, size=(n, len(self.space)))
        for i in np.flatnonzero(~np.isnan(frozen)).tolist():
            shadow[:, i] = int(np.abs(known[i] - frozen[i]).argmin())
        return self._settled(self.over(known), shadow, frozen, rng)

    def _levels_and(self, coordinates: FloatArray) -> list[FloatArray]:
        """The levels of every axis and its coordinate, shape (d,), where that is another one."""
        return [
            axis.coordinates
            if np.isnan(c) or c in axis.coordinates
            else np.append(axis.coordinates, c)
            for axis, c in zip(self.space.axes, coordinates.tolist(), strict=True)
        ]

    def _settled(
        self, feasible: Feasible, shadow: IntArray, frozen: FloatArray, rng: np.random.Generator
    ) -> list[FloatArray]:
        """Shadows repaired on their levels, then between them, if that keeps all constraints."""
        is_frozen = ~np.isnan(frozen)
        repaired, _ = feasible.repair(shadow, is_frozen, rng)
        coordinates = feasible.coordinates_of(feasible.activity.apply(repaired))
        kept = []
        for configuration in coordinates:
            settled = self.numbers.settle(configuration, is_frozen)
            if self.satisfied(settled):
                kept.append(settled)
        return kept

    def unseen(self, frozen: FloatArray, taken: FloatArray, rng: np.random.Generator) -> Found:
        """A configuration that is not taken, or whether it is proven that none is left.

        Args:
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            taken: Configurations that it must not be, shape (t, d), NaN where inactive.
            rng: Draws which one.
        """
        keys = {self.space.key(configuration) for configuration in taken}
        if not self.is_plain:
            found = self._exact.find(frozen, taken, rng)
            # Between infinitely many values the search does not look at what is taken.
            is_new = found.coordinates is None or self.space.key(found.coordinates) not in keys
            return found if is_new else Found(None, False)
        for configuration in free_configurations(self.space, frozen, rng):
            if self.space.key(configuration) not in keys:
                return Found(configuration, False)
        return Found(None, is_countable(self.space, frozen))

    def check(self, frozen: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Some configuration that keeps all constraints.

        Args:
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws which one.

        Returns:
            Shape (d,), NaN where inactive.

        Raises:
            QhpoError: If there is none, or none is found; names the constraints in conflict.
        """
        for configuration in self.draws(_TRIES, frozen, rng):
            return configuration
        found = self.unseen(frozen, np.empty((0, len(self.space))), rng)
        if found.coordinates is not None:
            return found.coordinates
        raise QhpoError(self._conflict(frozen, found.is_proof))

    def _conflict(self, frozen: FloatArray, is_proof: bool) -> str:
        space = self.space
        minimal = smallest_conflict(space, self.constraints, self.conditions, frozen)
        named = "; ".join(map(repr, minimal))
        is_frozen = ~np.isnan(frozen)
        if is_frozen.any():
            spoken = {name for constraint in minimal for name in constraint.names}
            fixed = {
                axis.name: axis.value(c)
                for axis, c in zip(space.axes, frozen.tolist(), strict=True)
                if not np.isnan(c) and (axis.name in spoken or not all(m.names for m in minimal))
            }
            return (
                f"the values that are fixed in advance must leave a configuration that keeps all "
                f"constraints; got {fixed}, which conflicts with {named}; change the enqueued or "
                "fixed values"
            )
        told = "no configuration keeps" if is_proof else "no configuration was found that keeps"
        return (
            f"constraints must be satisfiable together; {told} {named}; drop or loosen one of them"
        )
