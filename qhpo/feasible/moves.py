"""Changes of configurations that keep the constraints: their violations, repair and descent.

Glossary
--------
S, D, d
    Configurations side by side; levels of all axes together; axes.
imputed
    A configuration with a place on every axis, also where it is inactive; see
    `qhpo.space.activity`.
column
    Number of a level over all axes: one change of one axis.
single, pair
    A change of one axis to one of its levels; two such changes of two axes at once, which sums and
    permutations need: there no single change may be allowed.
fixed
    Which axes must not change, shape (d,), bool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qhpo.constraints import Constraint
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible.completion import Completion
from qhpo.forms.rules import Rules
from qhpo.space import Activity, Condition, Space

__all__ = ["Moves"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MAX_PAIR_COLUMNS = 160
"""Most columns of which all pairs are looked at; of more, a random part. One configuration then has
25,600 pairs: some milliseconds a step."""

_MAX_PAIR_ENTRIES = 4_000_000
"""Most pairs of all configurations side by side: 32 MB an array."""

_LEAST_GAIN = 1e-12
"""A lower energy by less is a rounding error, after which a descent could go round in circles."""

_NOISE = 1e-6
"""Random part of a violation that breaks ties: below the least violation of a form."""


class Moves:
    """Constraints and conditions over the values that occur on every axis.

    Args:
        space: The search space.
        constraints: What must hold.
        conditions: Which parameters are active when.
        coordinates: Coordinates that occur on each axis, the levels first, d arrays.
        memory: See `Rules`.
        completion: Over the levels, where links join so many parameters that repairs need it.

    Attributes:
        space: See above.
        rules: The constraints, over places.
        activity: The conditions, over places.
        block: Axis of every column, shape (D,).
        level: Place of every column on its axis, shape (D,).
    """

    def __init__(
        self,
        space: Space,
        constraints: Sequence[Constraint],
        conditions: Sequence[Condition],
        coordinates: Sequence[FloatArray],
        memory: dict[object, bool] | None = None,
        completion: Completion | None = None,
    ) -> None:
        self.space = space
        self._completion = completion
        self.rules = Rules(space, constraints, coordinates, memory)
        self.activity = Activity(space, conditions, coordinates)
        self._change = self.rules.numbering.change
        self.block, self.level = self.rules.numbering.block, self.rules.numbering.level
        self._coordinates = coordinates
        joined = np.isin(np.arange(len(space)), self.rules.axes)
        self._in_pairs = joined & ~self.activity.switches

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

    def violation(self, imputed: IntArray) -> FloatArray:
        """Of imputed configurations, (q, d) to (q,); black boxes are left to `accepts`."""
        return self.rules.violation(self.activity.apply(imputed))

    def accepts(self, imputed: IntArray) -> bool:
        """Whether the black boxes hold, for one imputed configuration of shape (d,)."""
        if not self.rules.has_black_boxes:
            return True
        return self.rules.accepts(self.coordinates_of(self.activity.apply(imputed[None, :]))[0])

    def switched(
        self, imputed: IntArray, axes: IntArray | None = None
    ) -> list[tuple[int, IntArray]]:
        """Every single change of a switch: its column, and the configurations after it, (S, d).

        Args:
            imputed: The configurations, shape (S, d).
            axes: Numbers of the axes to change, shape (k,); None for all.
        """
        is_switch = self.activity.switches.copy()
        if axes is not None:
            is_switch[np.setdiff1d(np.arange(len(is_switch)), axes)] = False
        result = []
        for column in np.flatnonzero(is_switch[self.block]).tolist():
            after = imputed.copy()
            after[:, self.block[column]] = self.level[column]
            result.append((column, after))
        return result

    def after_change(self, imputed: IntArray, fixed: BoolArray) -> FloatArray:
        """Violation after every single change; infinite for what is no change.

        Args:
            imputed: Shape (S, d).
            fixed: Axes that must not change, shape (d,), bool.

        Returns:
            Shape (S, D).
        """
        places = self.activity.apply(imputed)
        after = self.rules.after_change(places)
        # The rules see one axis change. A switch also turns its children on or off.
        for column, changed in self.switched(imputed):
            after[:, column] = self.violation(changed)
        own = places[:, self.block]
        after[(own < 0) | (own == self.level) | fixed[self.block]] = np.inf
        return after

    def after_pair(
        self, imputed: IntArray, fixed: BoolArray, rng: np.random.Generator
    ) -> tuple[IntArray, FloatArray]:
        """Violation after pairs of changes of axes that constraints join; infinite for no change.

        Args:
            imputed: Shape (S, d).
            fixed: Axes that must not change, shape (d,), bool.
            rng: Draws the levels to look at, where there are too many.

        Returns:
            The changes by their columns, shape (S, B), those of one b of the same axis; and the
            violations, shape (S, B, B), where every pair occurs twice, once in either order.
        """
        places = self.activity.apply(imputed)
        axes = np.flatnonzero(self._in_pairs & ~fixed)
        n_levels = self.space.n_levels[axes]
        # One level of an axis is what it has, and no change. A value between levels is none of
        # them, so that all levels are changes; then all configurations get as many.
        sizes = n_levels - 1 + (places[:, axes] >= n_levels).any(axis=0)
        block = np.repeat(axes, sizes)
        number = np.arange(len(block)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        most = min(_MAX_PAIR_COLUMNS, int((_MAX_PAIR_ENTRIES / max(len(imputed), 1)) ** 0.5))
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
        self, imputed: IntArray, fixed: BoolArray, rng: np.random.Generator
    ) -> tuple[IntArray, BoolArray]:
        """Changes configurations as little as leads to no violation.

        The single change that leaves the least violation is made, or the best pair where no single
        one helps, or a random one where no pair does; ties are broken at random (the min-conflicts
        heuristic of Minton, Johnston, Philips, Laird 1992).

        Args:
            imputed: Shape (q, d).
            fixed: Axes that must not change, shape (d,), bool.
            rng: Breaks ties.

        Returns:
            Imputed configurations, shape (q, d), and which of them keep all constraints, shape
            (q,).
        """
        imputed = imputed.copy()
        violation = self.violation(imputed)
        may_help = np.ones(len(imputed), dtype=bool)
        if self._completion is not None:
            for k in np.flatnonzero(violation > 0.0).tolist():
                completed = self._completed(self._completion, imputed[k], fixed, rng)
                # A switch that has another value may leave more.
                may_help[k] = completed is not None or self.activity.switches.any()
                imputed[k] = imputed[k] if completed is None else completed
            violation = self.violation(imputed)
        for _ in range(3 * len(self.space) + 20):
            left = np.flatnonzero((violation > 0.0) & may_help)
            if not len(left) or fixed.all():
                break
            current = violation[left]
            after = self.after_change(imputed[left], fixed)
            noise = _NOISE * rng.random(after.shape)
            column = (after + noise * (1.0 + np.minimum(after, 1e9))).argmin(axis=1)
            best = after[np.arange(len(left)), column]
            stuck = best >= current
            moved = ~stuck
            self._change(imputed, left[moved], column[moved])
            if stuck.any():
                self._unstick(imputed, left[stuck], current[stuck], fixed, rng)
            violation[left] = self.violation(imputed[left])
        ok = violation == 0.0
        if self.rules.has_black_boxes:
            ok &= np.array([self.accepts(one) for one in imputed], dtype=bool)
        return imputed, ok

    def _completed(
        self,
        completion: Completion,
        imputed: IntArray,
        fixed: BoolArray,
        rng: np.random.Generator,
    ) -> IntArray | None:
        """An imputed configuration of levels that keeps all links, near one of shape (d,)."""
        row = self.coordinates_of(imputed[None, :])[0]
        absent = self.activity.apply(imputed[None, :])[0] < 0
        given = fixed | self.activity.switches
        number = completion.complete(row, given, absent, rng).numbers
        if number is None:
            return None
        near = [
            int(np.abs(axis.coordinates - c).argmin())
            for axis, c in zip(self.space.axes, row.tolist(), strict=True)
        ]
        # A value between levels stays, if its nearest level was chosen and it keeps all itself.
        stays: IntArray = np.where(number == near, imputed, number)
        places: IntArray = np.where(given | absent, imputed, number)
        return stays if self.violation(stays[None, :])[0] == 0.0 else places

    def _unstick(
        self,
        imputed: IntArray,
        which: IntArray,
        current: FloatArray,
        fixed: BoolArray,
        rng: np.random.Generator,
    ) -> None:
        """A pair of changes for every configuration that no single one helps; in place."""
        helped = np.zeros(len(which), dtype=bool)
        if self.needs_pairs:
            columns, after = self.after_pair(imputed[which], fixed, rng)
            if columns.size:
                flat = after.reshape(len(which), -1)
                chosen = (flat + _NOISE * rng.random(flat.shape)).argmin(axis=1)
                first, second = np.unravel_index(chosen, after.shape[1:])
                helped = flat[np.arange(len(which)), chosen] < current
                for side in (first, second):
                    self._change(imputed, which[helped], columns[helped, side[helped]])
        free = np.flatnonzero(~fixed[self.block])
        drawn = rng.choice(free, size=int((~helped).sum()))
        self._change(imputed, which[~helped], drawn)

    def repaired_distinct(
        self, imputed: IntArray, fixed: BoolArray, rng: np.random.Generator
    ) -> IntArray:
        """Imputed configurations, (q, d), repaired: those that keep all constraints, once each."""
        repaired, ok = self.repair(imputed, fixed, rng)
        return np.unique(repaired[ok], axis=0)

    def descend(
        self,
        tables: DenseDQM,
        imputed: IntArray,
        fixed: BoolArray,
        rng: np.random.Generator,
    ) -> IntArray:
        """Steepest descent of a pairwise energy through singles and pairs that keep constraints.

        Args:
            tables: Energies over the levels; inactive axes contribute nothing.
            imputed: Configurations of levels that keep all constraints, shape (q, d).
            fixed: Axes that must not change, shape (d,), bool.
            rng: Draws which pairs to look at, where there are too many.

        Returns:
            Imputed configurations, shape (q, d). One that came to where a black box does not hold
            is what it was at first.
        """
        start, imputed = imputed, imputed.copy()
        active = np.arange(len(imputed))
        for _ in range(4 * len(self.space)):
            if not len(active):
                break
            here = imputed[active]
            differences = self._energy_changes(tables, here)
            differences[self.after_change(here, fixed) > 0.0] = np.inf
            column = differences.argmin(axis=1)
            gain = -differences[np.arange(len(here)), column]
            moved = gain > _LEAST_GAIN
            self._change(imputed, active[moved], column[moved])
            stuck = active[~moved]
            if self.needs_pairs and len(stuck):
                stuck = self._pair_step(tables, imputed, stuck, fixed, rng)
                active = np.concatenate([active[moved], stuck])
            else:
                active = active[moved]
        if self.rules.has_black_boxes:
            refused = np.array([not self.accepts(one) for one in imputed], dtype=bool)
            imputed[refused] = start[refused]
        return imputed

    def _energy_changes(self, tables: DenseDQM, imputed: IntArray) -> FloatArray:
        """What every single change adds to the energy, (S, d) to (S, D)."""
        places = self.activity.apply(imputed)
        fields = self._fields(tables, places)
        start = self.space.starts[:-1]
        own = np.take_along_axis(fields, np.maximum(places, 0) + start, axis=1)
        changes: FloatArray = fields - np.where(places < 0, 0.0, own)[:, self.block]
        switched = self.switched(imputed)
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
        self, tables: DenseDQM, imputed: IntArray, columns: IntArray
    ) -> FloatArray:
        """What every two changes of active axes add to the energy, (S, d), (S, B) to (S, B, B)."""
        changes = np.take_along_axis(self._energy_changes(tables, imputed), columns, axis=1)
        start = self.space.starts[:-1]
        current = np.take_along_axis(np.maximum(imputed, 0) + start, self.block[columns], axis=1)
        mixed = tables.quadratic[columns[:, :, None], current[:, None, :]]
        total = changes[:, :, None] + changes[:, None, :]
        total += tables.quadratic[columns[:, :, None], columns[:, None, :]]
        total -= mixed + mixed.transpose(0, 2, 1)
        total += tables.quadratic[current[:, :, None], current[:, None, :]]
        return total

    def _pair_step(
        self,
        tables: DenseDQM,
        imputed: IntArray,
        which: IntArray,
        fixed: BoolArray,
        rng: np.random.Generator,
    ) -> IntArray:
        """The best pair of changes of some configurations, in place; returns those that moved."""
        columns, after = self.after_pair(imputed[which], fixed, rng)
        if not columns.size:
            return which[:0]
        energies = self.pair_energy_changes(tables, imputed[which], columns)
        energies[after > 0.0] = np.inf
        flat = energies.reshape(len(which), -1)
        chosen = flat.argmin(axis=1)
        moved = flat[np.arange(len(which)), chosen] < -_LEAST_GAIN
        first, second = np.unravel_index(chosen, energies.shape[1:])
        for side in (first, second):
            self._change(imputed, which[moved], columns[moved, side[moved]])
        improved: IntArray = which[moved]
        return improved
