"""The feasible set: what may be suggested of a search space, by its constraints and conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible.completion import Completed, Completion, search_values
from qhpo.feasible.enumeration import free_configurations, is_countable
from qhpo.feasible.links import Links
from qhpo.feasible.milp import ExactSearch, Found, smallest_conflict
from qhpo.feasible.moves import Moves
from qhpo.feasible.numbers import Numbers
from qhpo.feasible.projection import Projection
from qhpo.feasible.values import Values
from qhpo.feasible.walk import AGAIN_TRIES, BLIND_TRIES, Walk
from qhpo.space import Activity, Condition, Space

__all__ = ["FeasibleSet"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_TRIES = 32
"""Random configurations that are repaired before the exact search is asked, which costs as much."""

_ENOUGH = 0.75
"""Share of the draws that are wanted beyond which none is repaired, which costs more than a draw
and leads to where repairs end."""

_FEW = 4
"""Searches value by value after which, if none has found anything, other ways are gone."""

_MAX_CUT = 1000
"""Configurations that the exact search goes through where only asking tells what is allowed: it
makes a program for each. Among more, walks look first."""

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
        binds_numbers: Whether constraints speak of numbers with values between their levels.
        binds_parents: Whether a condition has limits for a number with values between its levels.
        projection: Linear constraints on floats.
        numbers: Sums of numbers.
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
        between = {axis.name for axis in space.axes if not axis.is_exhaustive}
        self.binds_numbers = bool(between) and any(
            not c.names or not between.isdisjoint(c.names) for c in self.constraints
        )
        self.binds_parents = any(
            p.parent in between and p.values is None for c in self.conditions for p in c.parents
        )
        self.projection = Projection(space, self.constraints)
        self.numbers = Numbers(space, self.constraints)
        self._values = Values(space, self.constraints)
        self._links = Links(space, self.constraints)
        self._memory: dict[object, bool] = {}

    @cached_property
    def levels(self) -> Moves:
        """Constraints and conditions over nothing but the levels."""
        return self._over([axis.coordinates for axis in self.space.axes])

    @cached_property
    def _is_opaque(self) -> bool:
        """Whether nothing but asking tells what some constraint allows."""
        between = {self.space.axes[i].name for i in self._values.between}
        return self.levels.rules.has_black_boxes or any(
            c.quadratic_row is None and not between.isdisjoint(c.names) for c in self.constraints
        )

    @cached_property
    def _exact(self) -> ExactSearch:
        return ExactSearch(self.space, self.constraints, self.conditions)

    def over(self, coordinates: Sequence[FloatArray]) -> Moves:
        """Constraints and conditions over values of every axis, the levels first."""
        n_values = [len(known) for known in coordinates]
        return self.levels if n_values == self.space.n_levels.tolist() else self._over(coordinates)

    def _over(self, coordinates: Sequence[FloatArray]) -> Moves:
        return Moves(
            self.space,
            self.constraints,
            self.conditions,
            coordinates,
            self._memory,
            self._completion_of_levels if self._links.are_many else None,
        )

    @cached_property
    def _completion_of_levels(self) -> Completion:
        return Completion(self.space, self._links, [a.coordinates for a in self.space.axes])

    @cached_property
    def _is_completed(self) -> bool:
        """Whether searches value by value know all that must hold."""
        return self._links.are_all and not self.conditions

    @cached_property
    def _searched(self) -> list[FloatArray]:
        return search_values(self.space, self._values)

    @cached_property
    def _completion(self) -> Completion:
        return Completion(self.space, self._links, self._searched)

    def satisfied(self, coordinates: FloatArray) -> bool:
        """Whether a configuration of shape (d,) may be suggested: as it is, NaN where inactive.

        A number that was moved between its levels may have passed a limit of a condition.
        """
        is_whole = not self.binds_parents or self.is_whole(coordinates)
        return is_whole and self.keeps_rules(coordinates)

    def keeps_rules(self, coordinates: FloatArray) -> bool:
        """Whether a configuration of shape (d,), NaN where inactive, keeps all constraints."""
        if not self.constraints:
            return True
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
        if self._links.are_many:
            for kept in self._completed([row], fixed, rng):
                return kept
        if self._values.between:
            # Numbers alone may be able to keep everything.
            for kept in self._settled([self._active(row)], fixed, rng, is_spread=True):
                return kept
        moves, known = self._sampled(row, rng)
        places = [int(np.abs(k - c).argmin()) for k, c in zip(known, row.tolist(), strict=True)]
        imputed = np.array([places], dtype=np.intp)
        return next(iter(self._repaired(moves, imputed, fixed, rng)), None)

    def draws(
        self,
        n: int,
        fixed: FloatArray,
        rng: np.random.Generator,
        known: FloatArray | None = None,
    ) -> list[FloatArray]:
        """At most n random configurations that keep all constraints, each of shape (d,).

        Numbers are drawn from all their values, and moved between them to keep sums. Where too few
        keep everything, configurations of sampled values are repaired; where nothing tells what
        keeps it, walks look for some, or lead from those that are known.

        Args:
            n: How many are wanted.
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws them.
            known: Configurations to go on from, shape (t, d); those that break a constraint, or
                differ in what is fixed, are left out.
        """
        found: list[FloatArray] = []
        if self._links.are_many:
            found = self._completed(self._random(n, fixed, rng), fixed, rng, is_draw=True)
        elif self._values.between:
            found += self._drawn(n, fixed, rng)
        is_enough = self._links.are_many and (bool(found) or self._is_completed)
        if len(found) < _ENOUGH * n and not is_enough:
            moves, values = self._sampled(fixed, rng)
            more: list[FloatArray] = []
            # Where numbers lie between levels no pair of changes may help: some tell of all.
            part = _TRIES if self._values.between else n
            for at in range(0, n - len(found), part):
                q = min(part, n - len(found) - at)
                imputed = rng.integers(moves.space.n_levels, size=(q, len(self.space)))
                for i in np.flatnonzero(~np.isnan(fixed)).tolist():
                    imputed[:, i] = int(np.abs(values[i] - fixed[i]).argmin())
                repaired = self._repaired(moves, imputed, fixed, rng, is_spread=True)
                more += repaired
                if not repaired:
                    break
            found += more
        if self._is_opaque and len(found) < _ENOUGH * n:
            found += self._walked(n - len(found), found, known, fixed, rng)
        return found

    def _random(self, n: int, fixed: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Random configurations, shape (n, d), which may break everything."""
        columns = [
            self._values.draw(i, n, rng)
            if not axis.is_exhaustive
            else rng.choice(axis.coordinates, size=n)
            for i, axis in enumerate(self.space.axes)
        ]
        return np.where(np.isnan(fixed), np.stack(columns, axis=1), fixed)

    def _completed(
        self,
        rows: Sequence[FloatArray] | FloatArray,
        fixed: FloatArray,
        rng: np.random.Generator,
        *,
        is_draw: bool = False,
    ) -> list[FloatArray]:
        """Configurations that keep everything, value by value: near rows, or random ones.

        Args:
            rows: Coordinates on every axis, each of shape (d,).
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws what is tried.
            is_draw: Whether the rows are random ones.
        """
        found: list[FloatArray] = []
        n_nothing = n_broken = 0
        for row in rows:
            if not found and (n_nothing == _FEW or n_broken == _TRIES):
                break  # as good as all others
            own = self._active(row)
            if self.satisfied(own):
                found.append(own)
                continue
            number = self._complete(row, fixed, rng, is_draw=is_draw).numbers
            if number is None:
                n_nothing += 1
                continue
            chosen = np.array([c[u] for c, u in zip(self._searched, number, strict=True)])
            near = [int(np.abs(c - x).argmin()) for c, x in zip(self._searched, row, strict=True)]
            # A wanted value that is not listed stays, if it keeps all like the one beside it.
            places = [np.where(number == near, row, chosen), np.where(np.isnan(fixed), chosen, row)]
            kept = [x for x in map(self._active, places) if self.satisfied(x)]
            kept = kept[:1] or self._settled([self._active(places[1])], fixed, rng)
            if is_draw and kept and self.projection.floats.any():
                spread = self.numbers.spread(kept[0], ~np.isnan(fixed), rng)
                kept = [spread] if self.satisfied(spread) else kept
            n_broken += not kept
            found += kept
        return found

    def _complete(
        self, row: FloatArray, fixed: FloatArray, rng: np.random.Generator, *, is_draw: bool
    ) -> Completed:
        given = ~np.isnan(fixed)
        if self.conditions:
            given = given | self.levels.activity.switches
        absent = np.isnan(self._active(row))
        return self._completion.complete(row, given, absent, rng, is_draw=is_draw)

    def _drawn(self, n: int, fixed: FloatArray, rng: np.random.Generator) -> list[FloatArray]:
        """Random configurations, of which those are kept whose numbers can keep everything."""
        rows = self._random(n, fixed, rng)
        found: list[FloatArray] = []
        for at in range(0, n, _TRIES):
            part = [self._active(row) for row in rows[at : at + _TRIES]]
            found += self._settled(part, fixed, rng, is_spread=True)
            if not found:
                break  # as good as all others
        return found

    def _walked(
        self,
        n: int,
        found: Sequence[FloatArray],
        known: FloatArray | None,
        fixed: FloatArray,
        rng: np.random.Generator,
    ) -> list[FloatArray]:
        """Configurations that walks lead to."""
        settle = None
        if self.numbers.solved.any() or self.projection.floats.any():

            def settle(x: FloatArray) -> FloatArray:
                return self._moved(x, ~np.isnan(fixed), rng)

        def draw(i: int) -> float:
            return self.space.axes[i].draw(rng)

        switches = self.levels.activity.switches
        walk = Walk(self.space, self.constraints, self._active, settle, draw, switches)
        starts = list(found)
        for configuration in () if known is None else known:
            agrees = ((configuration == fixed) | np.isnan(fixed)).all()
            if agrees and self.is_whole(configuration) and self.satisfied(configuration):
                starts.append(configuration)
        first = None
        if not self._are_few(fixed):
            # Beside those that are known alone a walk would stay where it began.
            first = walk.blind(fixed, rng, AGAIN_TRIES if starts else BLIND_TRIES)
        elsewhere = [] if first is None else [first]
        starts += elsewhere
        return [*elsewhere, *walk.beside(starts, n, fixed, rng)][:n] if starts else []

    def _are_few(self, fixed: FloatArray) -> bool:
        """Whether the exact search can cut off one configuration after the other."""
        sizes = [a.n_values for a, c in zip(self.space.axes, fixed, strict=True) if np.isnan(c)]
        return math.prod(sizes) <= _MAX_CUT

    def _active(self, row: FloatArray) -> FloatArray:
        """A configuration with a coordinate on every axis, NaN where it is inactive then."""
        if not self.conditions:
            return row.copy()
        known = [np.array([c]) for c in row.tolist()]
        places = Activity(self.space, self.conditions, known).apply(np.zeros((1, len(row)), int))
        return np.where(places[0] < 0, np.nan, row)

    def _sampled(self, row: FloatArray, rng: np.random.Generator) -> tuple[Moves, list[FloatArray]]:
        """Moves between sampled values, and these; the coordinates of a row, shape (d,), are known.

        Where all values of all numbers are in the sample it is made once.
        """
        values = self._values
        if all(map(values.is_whole, values.between)):
            space, moves = self._whole.space, self._whole
        else:
            samples = {i: values.sample(i, rng) for i in values.between}
            space, moves = self.space.with_levels(samples), None
        known = [
            axis.coordinates
            if np.isnan(c) or c in axis.coordinates
            else np.append(axis.coordinates, c)
            for axis, c in zip(space.axes, row.tolist(), strict=True)
        ]
        if moves is None or [len(k) for k in known] != space.n_levels.tolist():
            memory = self._memory if moves is not None else {}
            moves = Moves(space, self.constraints, self.conditions, known, memory)
        return moves, known

    @cached_property
    def _whole(self) -> Moves:
        """Moves between all values of all axes."""
        samples = {i: self._values.allowed(i) for i in self._values.between}
        space = self.space.with_levels({i: k for i, k in samples.items() if k is not None})
        levels = [axis.coordinates for axis in space.axes]
        return Moves(space, self.constraints, self.conditions, levels, self._memory)

    def _repaired(
        self,
        moves: Moves,
        imputed: IntArray,
        fixed: FloatArray,
        rng: np.random.Generator,
        *,
        is_spread: bool = False,
    ) -> list[FloatArray]:
        """Repairs at sampled values, then between them; keeps what then keeps all constraints."""
        repaired, _ = moves.repair(imputed, ~np.isnan(fixed), rng)
        coordinates = moves.coordinates_of(moves.activity.apply(repaired))
        return self._settled(list(coordinates), fixed, rng, is_spread=is_spread)

    def _settled(
        self,
        configurations: Sequence[FloatArray],
        fixed: FloatArray,
        rng: np.random.Generator,
        *,
        is_spread: bool = False,
    ) -> list[FloatArray]:
        """Those that keep all constraints, once their numbers have been moved where that helps.

        Args:
            configurations: Each of shape (d,), NaN where inactive.
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws what is tried.
            is_spread: Whether what was moved is also spread over what the sums allow.
        """
        is_fixed = ~np.isnan(fixed)
        kept = []
        for configuration in configurations:
            if self.satisfied(configuration):
                kept.append(configuration)
                continue
            settled = self._moved(configuration, is_fixed, rng)
            if not self.satisfied(settled):
                continue
            if is_spread:
                spread = self.numbers.spread(settled, is_fixed, rng)
                settled = spread if self.satisfied(spread) else settled
            kept.append(settled)
        return kept

    def _moved(
        self, configuration: FloatArray, is_fixed: BoolArray, rng: np.random.Generator
    ) -> FloatArray:
        """Numbers moved to keep linear constraints and, where that is not enough, all sums."""
        return self.numbers.settle(self.projection.settle(configuration, is_fixed), is_fixed, rng)

    def settle(
        self, configuration: FloatArray, is_fixed: BoolArray, rng: np.random.Generator
    ) -> FloatArray | None:
        """The configuration with numbers moved so that it keeps all constraints, if that was found.

        Args:
            configuration: Shape (d,), NaN where inactive.
            is_fixed: Axes that must not move, shape (d,), bool.
            rng: Draws what is tried.
        """
        moved = self._moved(configuration, is_fixed, rng)
        return moved if self.satisfied(moved) else None

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
        if self._links.are_many:
            rows = self._random(_FEW, fixed, rng)
            for configuration in self._completed(rows, fixed, rng, is_draw=True):
                if self.space.key(configuration) not in keys and not is_excluded(configuration):
                    return Found(configuration, False)
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

    def find(
        self, fixed: FloatArray, rng: np.random.Generator, known: FloatArray | None = None
    ) -> Found:
        """Some configuration that keeps all constraints, or whether it is proven that none does.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws which one.
            known: Configurations to go on from, see `draws`.
        """
        if self.numbers.are_impossible and not self.conditions:
            return Found(None, True)
        if self._links.are_many and not self.conditions:
            row = self._random(1, fixed, rng)[0]
            if self._complete(row, fixed, rng, is_draw=True).is_proof:
                return Found(None, True)
            for configuration in self._completed([row], fixed, rng, is_draw=True):
                return Found(configuration, False)
        for configuration in self.draws(_TRIES, fixed, rng, known):
            return Found(configuration, False)
        found = self.unseen(fixed, np.empty((0, len(self.space))), rng)
        # Where nothing is free there was one to look at.
        return replace(found, is_proof=found.is_proof or not np.isnan(fixed).any())

    def any_configuration(
        self, fixed: FloatArray, rng: np.random.Generator, known: FloatArray | None = None
    ) -> FloatArray:
        """Some configuration that keeps all constraints.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            rng: Draws which one.
            known: Configurations to go on from, see `draws`.

        Returns:
            Shape (d,), NaN where inactive.

        Raises:
            QhpoError: If there is none, or none is found; names the constraints in conflict.
        """
        found = self.find(fixed, rng, known)
        if found.coordinates is None:
            raise QhpoError(self.conflict(fixed, found.is_proof))
        return found.coordinates

    def conflict(self, fixed: FloatArray, is_proof: bool) -> str:
        """The message about constraints that leave nothing, or for which nothing was found.

        Args:
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            is_proof: Whether it is proven that nothing is left.
        """
        minimal = self._proven(fixed) if is_proof else self._not_found(fixed)
        named = "; ".join(map(repr, minimal))
        n_tries = _TRIES + (BLIND_TRIES if self._is_opaque else 0)
        bounded = (
            f"none was found in {n_tries:,} tries, which proves nothing, that keeps {named}; write "
            "a rule between numbers as constraints.quadratic or constraints.linear, loosen it, or "
            "start from a configuration that keeps it by study.enqueue_trial"
        )
        if np.isnan(fixed).all():
            if not is_proof:
                return f"constraints must leave a configuration; {bounded}"
            return (
                "constraints must be satisfiable together; no configuration keeps "
                f"{named}; drop or loosen one of them"
            )
        spoken = {name for constraint in minimal for name in constraint.names}
        values = {
            axis.name: axis.value(c)
            for axis, c in zip(self.space.axes, fixed.tolist(), strict=True)
            if not np.isnan(c) and (axis.name in spoken or not all(m.names for m in minimal))
        }
        told = f"which conflicts with {named}; change the enqueued or fixed values"
        return (
            "the values that are fixed in advance must leave a configuration that keeps all "
            f"constraints; got {values}, {told if is_proof else 'beside which ' + bounded}"
        )

    def _proven(self, fixed: FloatArray) -> tuple[Constraint, ...]:
        """A smallest set of constraints that is proven to leave nothing."""
        for constraint in self.constraints if not self.conditions else ():
            if Numbers(self.space, [constraint]).are_impossible:
                return (constraint,)
        if not np.isnan(fixed).any():
            broken = tuple(c for c in self.constraints if not self._keeps(c, fixed))
            if broken:
                return broken[:1]
        return smallest_conflict(self.space, self.constraints, self.conditions, fixed)

    def _not_found(self, fixed: FloatArray) -> tuple[Constraint, ...]:
        """Constraints of which one alone is not found to be kept, or else all."""
        for constraint in self.constraints:
            alone = FeasibleSet(self.space, [constraint], self.conditions)
            if not alone.draws(_TRIES, fixed, np.random.default_rng(0)):
                return (constraint,)
        return self.constraints

    def _keeps(self, constraint: Constraint, row: FloatArray) -> bool:
        return constraint.satisfied(self.space.decode(self._active(row)))
