"""Configurations that keep the constraints: repair, descent and random draws.

Glossary
--------
S, D, d
    Configurations side by side; levels of all axes together; axes.
shadow
    A place on every axis, also where inactive; see `qhpo.conditions`.
single, pair
    A change of one axis to one of its levels; two such changes of two axes at once, which sums and
    permutations need: there no single change may be allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.conditions import Activity, Condition
from qhpo.constraints import Constraint
from qhpo.constraints.compiled import Rules, SumForm
from qhpo.constraints.penalty import WholeSum, integer_contributions
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.space import Space

__all__ = ["Feasible"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MAX_PAIR_COLUMNS = 160
"""Most levels of which all pairs are looked at; of more, a random part."""

_MAX_PAIR_ENTRIES = 4_000_000
_LEAST_GAIN = 1e-12


class Feasible:
    """Constraints and conditions over the values that occur on every axis.

    Args:
        space: The search space.
        constraints: What must hold.
        conditions: Which parameters are active when.
        coordinates: Coordinates that occur on each axis, the levels first, d arrays.
        memory: See `Rules`.
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint],
        conditions: Sequence[Condition],
        coordinates: Sequence[FloatArray],
        memory: dict[object, bool] | None = None,
    ) -> None:
        self.space = space
        self.rules = Rules(space, constraints, coordinates, memory)
        self.activity = Activity(space, conditions, coordinates)
        self.block = np.repeat(np.arange(len(space)), space.n_levels)
        self.level = np.arange(len(self.block)) - space.starts[self.block]
        self._coordinates = coordinates
        joined = np.isin(np.arange(len(space)), self.rules.axes)
        self._in_pairs = joined & ~self.activity.switches

    @cached_property
    def whole_sums(self) -> dict[int, WholeSum]:
        """Linear forms in whole numbers, by number of the form; others are left out."""
        found = {}
        for k, form in enumerate(self.rules.forms):
            if isinstance(form, SumForm) and not form.pairs:
                whole = integer_contributions(form)
                if whole is not None:
                    found[k] = whole
        return found

    @property
    def needs_pairs(self) -> bool:
        """Whether constraints join several axes, so that single changes may not be enough."""
        return int(self._in_pairs.sum()) > 1

    def coordinates_of(self, places: IntArray) -> FloatArray:
        """Coordinates of places, both of shape (q, d); NaN where the place is -1."""
        columns = [
            np.append(known, np.nan)[column]
            for known, column in zip(self._coordinates, places.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def violation(self, shadow: IntArray) -> FloatArray:
        """Of configurations, without what can only be asked one by one, (q, d) to (q,)."""
        return self.rules.violation(self.activity.apply(shadow))

    def accepts(self, shadow: IntArray) -> bool:
        """Whether what can only be asked one by one holds, for one configuration of shape (d,)."""
        if not self.rules.opaque:
            return True
        return self.rules.accepts(self.coordinates_of(self.activity.apply(shadow[None, :]))[0])

    def switched(self, shadow: IntArray) -> list[tuple[int, IntArray]]:
        """Every single change of a switch: its column of D, and the shadows after it, (S, d)."""
        result = []
        for column in np.flatnonzero(self.activity.switches[self.block]).tolist():
            after = shadow.copy()
            after[:, self.block[column]] = self.level[column]
            result.append((column, after))
        return result

    def after_change(self, shadow: IntArray, frozen: BoolArray) -> FloatArray:
        """Violation after every single change; infinite for what is no change.

        Args:
            shadow: Shape (S, d).
            frozen: Axes that must not change, shape (d,), bool.

        Returns:
            Shape (S, D).
        """
        places = self.activity.apply(shadow)
        after = self.rules.after_change(places)
        for column, changed in self.switched(shadow):
            after[:, column] = self.violation(changed)
        own = places[:, self.block]
        after[(own < 0) | (own == self.level) | frozen[self.block]] = np.inf
        return after

    def after_pair(
        self, shadow: IntArray, frozen: BoolArray, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray]:
        """Violation after pairs of changes of axes that constraints join; infinite for no change.

        Args:
            shadow: Shape (S, d).
            frozen: Axes that must not change, shape (d,), bool.
            rng: Draws the levels to look at, where there are too many.

        Returns:
            Numbers of the levels that are changes, shape (S, B), of the same axis in all of a
            column, and violations, shape (S, B, B); every pair occurs twice, once in either order.
        """
        places = self.activity.apply(shadow)
        axes = np.flatnonzero(self._in_pairs & ~frozen)
        n_levels = self.space.n_levels[axes]
        # The level that an axis has is no change; a value between levels leaves all of them.
        sizes = n_levels - 1 + (places[:, axes] >= n_levels).any(axis=0)
        block = np.repeat(axes, sizes)
        number = np.arange(len(block)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        most = min(_MAX_PAIR_COLUMNS, int((_MAX_PAIR_ENTRIES / max(len(shadow), 1)) ** 0.5))
        if len(block) > most:
            chosen = np.sort(rng.choice(len(block), size=most, replace=False))
            block, number = block[chosen], number[chosen]
        own = places[:, block]
        level = number + (number >= own)
        beyond = level >= self.space.n_levels[block]
        columns = self.space.starts[block] + level - beyond
        after = self.rules.after_pair(places, columns)
        idle = (own < 0) | beyond
        same = block[:, None] == block[None, :]
        after[idle[:, :, None] | idle[:, None, :] | same] = np.inf
        return columns, after

    def repair(
        self, shadow: IntArray, frozen: BoolArray, rng: np.random.Generator
    ) -> tuple[IntArray, BoolArray]:
        """Changes configurations as little as leads to no violation.

        The single change that leaves the least violation is made, or the best pair where no single
        one helps, or a random one where no pair does; ties are broken at random (the min-conflicts
        heuristic of Minton, Johnston, Philips, Laird 1992).

        Args:
            shadow: Shape (q, d).
            frozen: Axes that must not change, shape (d,), bool.
            rng: Breaks ties.

        Returns:
            Shadows, shape (q, d), and which of them keep all constraints, shape (q,).
        """
        shadow = shadow.copy()
        left = np.flatnonzero(self.violation(shadow) > 0.0)
        for _ in range(3 * len(self.space) + 20):
            if not len(left) or frozen.all():
                break
            current = self.violation(shadow[left])
            after = self.after_change(shadow[left], frozen)
            noise = 1e-6 * rng.random(after.shape)
            column = (after + noise * (1.0 + np.minimum(after, 1e9))).argmin(axis=1)
            best = after[np.arange(len(left)), column]
            stuck = best >= current
            moved = ~stuck
            shadow[left[moved], self.block[column[moved]]] = self.level[column[moved]]
            if stuck.any():
                self._unstick(shadow, left[stuck], current[stuck], frozen, rng)
            left = left[self.violation(shadow[left]) > 0.0]
        ok = self.violation(shadow) == 0.0
        if self.rules.opaque:
            ok &= np.array([self.accepts(one) for one in shadow], dtype=bool)
        return shadow, ok

    def _unstick(
        self,
        shadow: IntArray,
        which: IntArray,
        current: FloatArray,
        frozen: BoolArray,
        rng: np.random.Generator,
    ) -> None:
        """A pair of changes for every configuration that no single one helps; in place."""
        helped = np.zeros(len(which), dtype=bool)
        if self.needs_pairs:
            columns, after = self.after_pair(shadow[which], frozen, rng)
            if columns.size:
                flat = after.reshape(len(which), -1)
                chosen = (flat + 1e-6 * rng.random(flat.shape)).argmin(axis=1)
                first, second = np.unravel_index(chosen, after.shape[1:])
                helped = flat[np.arange(len(which)), chosen] < current
                for side in (first, second):
                    column = columns[helped, side[helped]]
                    shadow[which[helped], self.block[column]] = self.level[column]
        free = np.flatnonzero(~frozen[self.block])
        column = rng.choice(free, size=int((~helped).sum()))
        shadow[which[~helped], self.block[column]] = self.level[column]

    def draw(self, shadow: IntArray, frozen: BoolArray, rng: np.random.Generator) -> IntArray:
        """Of shadows of shape (q, d), those that can be repaired, repaired, without copies."""
        repaired, ok = self.repair(shadow, frozen, rng)
        return np.unique(repaired[ok], axis=0)

    def descend(
        self,
        tables: DenseDQM,
        shadow: IntArray,
        frozen: BoolArray,
        rng: np.random.Generator,
    ) -> IntArray:
        """Steepest descent of a pairwise energy through singles and pairs that keep constraints.

        Args:
            tables: Energies over the levels; inactive axes contribute nothing.
            shadow: Configurations of levels that keep all constraints, shape (q, d).
            frozen: Axes that must not change, shape (d,), bool.
            rng: Draws which pairs to look at, where there are too many.

        Returns:
            Shadows, shape (q, d); where the descent led to what must be asked one by one and does
            not hold, as it was.
        """
        start, shadow = shadow, shadow.copy()
        active = np.arange(len(shadow))
        for _ in range(4 * len(self.space)):
            if not len(active):
                break
            here = shadow[active]
            differences = self._energy_changes(tables, here)
            differences[self.after_change(here, frozen) > 0.0] = np.inf
            column = differences.argmin(axis=1)
            gain = -differences[np.arange(len(here)), column]
            moved = gain > _LEAST_GAIN
            shadow[active[moved], self.block[column[moved]]] = self.level[column[moved]]
            stuck = active[~moved]
            if self.needs_pairs and len(stuck):
                stuck = self._pair_step(tables, shadow, stuck, frozen, rng)
                active = np.concatenate([active[moved], stuck])
            else:
                active = active[moved]
        refused = np.array([not self.accepts(one) for one in shadow], dtype=bool)
        shadow[refused] = start[refused]
        return shadow

    def _energy_changes(self, tables: DenseDQM, shadow: IntArray) -> FloatArray:
        """What every single change adds to the energy, (S, d) to (S, D)."""
        places = self.activity.apply(shadow)
        fields = self._fields(tables, places)
        start = self.space.starts[:-1]
        own = np.take_along_axis(fields, np.maximum(places, 0) + start, axis=1)
        changes: FloatArray = fields - np.where(places < 0, 0.0, own)[:, self.block]
        switched = self.switched(shadow)
        if switched:
            energies = self._energies(tables, places)
            for column, after in switched:
                changes[:, column] = self._energies(tables, self.activity.apply(after)) - energies
        return changes

    def _fields(self, tables: DenseDQM, places: IntArray) -> FloatArray:
        """Energy of every level given the other active axes, (S, d) to (S, D)."""
        selected = self._selected(places)
        fields: FloatArray = tables.linear + selected @ tables.quadratic
        return fields

    def _selected(self, places: IntArray) -> FloatArray:
        """1 for the levels of configurations, else 0, (q, d) to (q, D)."""
        which, axis = np.nonzero(places >= 0)
        selected = np.zeros((len(places), len(self.block)))
        selected[which, places[which, axis] + self.space.starts[axis]] = 1.0
        return selected

    def _energies(self, tables: DenseDQM, places: IntArray) -> FloatArray:
        """Energies of configurations, (q, d) to (q,)."""
        selected = self._selected(places)
        fields = tables.linear + 0.5 * (selected @ tables.quadratic)
        energies: FloatArray = np.einsum("qr,qr->q", selected, fields)
        return energies

    def pair_energy_changes(
        self, tables: DenseDQM, shadow: IntArray, columns: IntArray
    ) -> FloatArray:
        """What every two changes add to the energy, (S, d) and (S, B) levels to (S, B, B)."""
        changes = np.take_along_axis(self._energy_changes(tables, shadow), columns, axis=1)
        start = self.space.starts[:-1]
        current = np.take_along_axis(np.maximum(shadow, 0) + start, self.block[columns], axis=1)
        mixed = tables.quadratic[columns[:, :, None], current[:, None, :]]
        total = changes[:, :, None] + changes[:, None, :]
        total += tables.quadratic[columns[:, :, None], columns[:, None, :]]
        total -= mixed + mixed.transpose(0, 2, 1)
        total += tables.quadratic[current[:, :, None], current[:, None, :]]
        return total

    def _pair_step(
        self,
        tables: DenseDQM,
        shadow: IntArray,
        which: IntArray,
        frozen: BoolArray,
        rng: np.random.Generator,
    ) -> IntArray:
        """The best pair of changes of some configurations, in place; returns those that moved."""
        columns, after = self.after_pair(shadow[which], frozen, rng)
        if not columns.size:
            return which[:0]
        energies = self.pair_energy_changes(tables, shadow[which], columns)
        energies[after > 0.0] = np.inf
        flat = energies.reshape(len(which), -1)
        chosen = flat.argmin(axis=1)
        moved = flat[np.arange(len(which)), chosen] < -_LEAST_GAIN
        first, second = np.unravel_index(chosen, energies.shape[1:])
        for side in (first, second):
            column = columns[moved, side[moved]]
            shadow[which[moved], self.block[column]] = self.level[column]
        improved: IntArray = which[moved]
        return improved
