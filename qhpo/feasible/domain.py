"""The feasible set: what may be suggested of a search space, by its constraints and conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible.enumeration import free_configurations, is_countable
from qhpo.feasible.milp import ExactSearch, Found, smallest_conflict
from qhpo.feasible.moves import Moves
from qhpo.feasible.projection import Projection
from qhpo.space import Activity, Condition, Space

__all__ = ["FeasibleSet"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_TRIES = 32
"""Random configurations that are repaired before the exact search is asked, which costs as much."""

_EXCLUDED = 50
"""Exact searches that may find what is excluded, one after the other: some seconds."""


class FeasibleSet:
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
        self.projection = Projection(space, self.constraints)
        self._memory: dict[object, bool] = {}

    @cached_property
    def levels(self) -> Moves:
        """Constraints and conditions over nothing but the levels."""
        return self._over([axis.coordinates for axis in self.space.axes])

    @cached_property
    def _exact(self) -> ExactSearch:
        return ExactSearch(self.space, self.constraints, self.conditions)

    def over(self, coordinates: Sequence[FloatArray]) -> Moves:
        """Constraints and conditions over values of every axis, the levels first."""
        n_values = [len(known) for known in coordinates]
        return self.levels if n_values == self.space.n_levels.tolist() else self._over(coordinates)

    def _over(self, coordinates: Sequence[FloatArray]) -> Moves:
        return Moves(self.space, self.constraints, self.conditions, coordinates, self._memory)

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
        self, row: FloatArray, fixed: FloatArray, rng: np.random.Generator
    ) -> FloatArray | None:
        """A configuration that keeps all constraints and has most values of the given one.

        Args:
            row: A coordinate on every axis, shape (d,).
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Breaks ties.

        Returns:
            Shape (d,), NaN where inactive; None if none was found.
        """
        row = np.where(np.isnan(fixed), row, fixed)
        if self.is_plain:
            return row
        known = self._levels_and(row)
        places = [int(np.abs(k - c).argmin()) for k, c in zip(known, row.tolist(), strict=True)]
        imputed = np.array([places], dtype=np.intp)
        return next(iter(self._settled(self.over(known), imputed, fixed, rng)), None)

    def draws(self, n: int, fixed: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
        """At most n random configurations that keep all constraints, each of shape (d,)."""
        known = self._levels_and(fixed)
        imputed = rng.integers(self.space.n_levels, size=(n, len(self.space)))
        for i in np.flatnonzero(~np.isnan(fixed)).tolist():
            imputed[:, i] = int(np.abs(known[i] - fixed[i]).argmin())
        return self._settled(self.over(known), imputed, fixed, rng)

    def _levels_and(self, coordinates: FloatArray) -> list[FloatArray]:
        """The levels of every axis and its coordinate, shape (d,), where that is another one."""
        return [
            axis.coordinates
            if np.isnan(c) or c in axis.coordinates
            else np.append(axis.coordinates, c)
            for axis, c in zip(self.space.axes, coordinates.tolist(), strict=True)
        ]

    def _settled(
        self, moves: Moves, imputed: IntArray, fixed: FloatArray, rng: np.random.Generator
    ) -> list[FloatArray]:
        """Repairs on the levels, then between them; keeps what then keeps all constraints."""
        is_fixed = ~np.isnan(fixed)
        repaired, _ = moves.repair(imputed, is_fixed, rng)
        coordinates = moves.coordinates_of(moves.activity.apply(repaired))
        if not self.constraints:
            return list(coordinates)
        kept = []
        for configuration in coordinates:
            settled = self.projection.settle(configuration, is_fixed)
            if self.satisfied(settled):
                kept.append(settled)
        return kept

    def unseen(
        self,
        fixed: FloatArray,
        avoid: FloatArray,
        rng: np.random.Generator,
        is_excluded: Callable[[FloatArray], bool] = lambda _: False,
    ) -> Found:
        """A configuration that is not to be avoided, or whether it is proven that none is left.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            avoid: Configurations that it must not be, shape (t, d), NaN where inactive.
            rng: Draws which one.
            is_excluded: Whether a configuration must not be for another reason.
        """
        keys = {self.space.key(configuration) for configuration in avoid}
        if not self.is_plain:
            for _ in range(_EXCLUDED):
                found = self._exact.find(fixed, avoid, rng)
                x = found.coordinates
                # Between infinitely many values the search does not look at those to avoid.
                if x is None or self.space.key(x) in keys:
                    return Found(None, found.is_proof and x is None)
                if not is_excluded(x):
                    return found
                avoid = np.concatenate([avoid, x[None, :]])
            return Found(None, False)
        for configuration in free_configurations(self.space, fixed, rng):
            if self.space.key(configuration) not in keys and not is_excluded(configuration):
                return Found(configuration, False)
        return Found(None, is_countable(self.space, fixed))

    def any_configuration(self, fixed: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Some configuration that keeps all constraints.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws which one.

        Returns:
            Shape (d,), NaN where inactive.

        Raises:
            QhpoError: If there is none, or none is found; names the constraints in conflict.
        """
        for configuration in self.draws(_TRIES, fixed, rng):
            return configuration
        found = self.unseen(fixed, np.empty((0, len(self.space))), rng)
        if found.coordinates is not None:
            return found.coordinates
        raise QhpoError(self._conflict(fixed, found.is_proof))

    def _conflict(self, fixed: FloatArray, is_proof: bool) -> str:
        """The message about constraints that leave nothing, or for which nothing was found."""
        space = self.space
        minimal = smallest_conflict(space, self.constraints, self.conditions, fixed, is_proof)
        named = "; ".join(map(repr, minimal))
        bounded = "the search was bounded, and no configuration was found that keeps"
        if np.isnan(fixed).all():
            told = "no configuration keeps" if is_proof else bounded
            return (
                f"constraints must be satisfiable together; {told} {named}; drop or loosen one of "
                "them"
            )
        spoken = {name for constraint in minimal for name in constraint.names}
        values = {
            axis.name: axis.value(c)
            for axis, c in zip(space.axes, fixed.tolist(), strict=True)
            if not np.isnan(c) and (axis.name in spoken or not all(m.names for m in minimal))
        }
        told = "which conflicts with" if is_proof else f"with which {bounded}"
        return (
            "the values that are fixed in advance must leave a configuration that keeps all "
            f"constraints; got {values}, {told} {named}; change the enqueued or fixed values"
        )
