"""Configurations value by value: each that is chosen narrows what is left of all others.

Where links join many parameters, changes of one or two values lead nowhere. Values that are chosen
one after the other from what is left do, mostly without one step back (Haralick, Elliott 1980,
"Increasing tree search efficiency for constraint satisfaction problems").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.feasible.links import Links, Pair
from qhpo.feasible.narrowing import Left, Narrowing
from qhpo.feasible.values import Values
from qhpo.space import Space

__all__ = ["Completed", "Completion", "search_values"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MAX_LISTED = 4096
"""Values of a number of which all are looked at: they and their coordinates take 0.3 MB."""

_LISTED = 512
"""Values of another number, evenly spaced; the same on axes of the same range, so that equal values
can be chosen."""

_BRANCHES = 10
"""Values of an axis that are gone on from before the axis chosen before gets another one: those of
`_candidates` that come before all others."""

_FIRST_STEPS = 10_000
"""Looks at every rule before anything is chosen, when it may be proven that nothing is left: some
seconds for rules that narrow wide numbers by a value at a time."""

_DEAD_ENDS = 16
"""Axes that may turn out to have nothing left in one search. More mean that one of them should have
been chosen before the others."""

_SEARCHES = 8
"""Searches for one configuration, each in a better order."""

_TRIES, _TRIES_AXIS = 4096, 64
"""Values that are tried for one configuration, and more for each of its axes: as many as the
largest list, so that its one value beside others is found."""


@dataclass(frozen=True)
class Completed:
    """What came of a search.

    Attributes:
        numbers: Number of a value on every axis, shape (d,); None if none was found.
        is_proof: Whether totals alone leave nothing beside what is fixed.
    """

    numbers: IntArray | None
    is_proof: bool = False


def search_values(space: Space, values: Values) -> list[FloatArray]:
    """Coordinates of the values that are searched on every axis, increasing, d arrays."""
    found = []
    for i, axis in enumerate(space.axes):
        known: FloatArray | None = axis.coordinates
        if not axis.is_exhaustive:
            known = values.allowed(i) if axis.n_values <= _MAX_LISTED else None
            if known is None or not len(known):
                known = np.unique(axis.snap(np.linspace(0.0, 1.0, _LISTED)))
        assert known is not None
        found.append(known)
    return found


class Completion:
    """Chooses values of all axes one by one.

    Args:
        space: The search space.
        links: What narrows the values.
        coordinates: Coordinates of the values of every axis, increasing, d arrays.
    """

    def __init__(self, space: Space, links: Links, coordinates: Sequence[FloatArray]) -> None:
        self._space = space
        self._coordinates = coordinates
        values = [
            [axis.value(c) for c in known.tolist()]
            for axis, known in zip(space.axes, coordinates, strict=True)
        ]
        self._narrowing = Narrowing(space, links, values)
        self._is_whole = all(
            len(known) == axis.n_values for axis, known in zip(space.axes, coordinates, strict=True)
        )

    def complete(
        self,
        row: FloatArray,
        given: BoolArray,
        absent: BoolArray,
        rng: np.random.Generator,
        *,
        is_draw: bool = False,
    ) -> Completed:
        """A configuration that keeps all totals and pairs.

        Args:
            row: Coordinate of a value on every axis, shape (d,): what is given, or wanted.
            given: Axes that have this value, shape (d,), bool.
            absent: Inactive axes, shape (d,), bool.
            rng: Draws the order of the axes, and values in place of those that are not left.
            is_draw: Whether these are random ones, else the nearest that are left.
        """
        values = list(self._narrowing.values)
        for i in np.flatnonzero(given & ~absent).tolist():
            values[i] = [self._space.axes[i].value(float(row[i]))]
        left = Left(values)
        out = frozenset(np.flatnonzero(absent).tolist())
        is_left = self._narrowing.narrow(left, range(len(row)), out, _FIRST_STEPS)
        if not is_left:
            return Completed(None, is_left is False and self._is_whole)
        free = np.flatnonzero(~given & ~absent)
        order = rng.permutation(free).tolist()
        if not is_draw:
            # What breaks nothing keeps its value, if it comes first.
            wanted = [axis.value(c) for axis, c in zip(self._space.axes, row.tolist(), strict=True)]
            broken = self._broken(wanted, out)
            order.sort(key=broken.__contains__)
        number = None
        for _ in range(_SEARCHES):
            number, axis = self._search(left, row, order, out, rng, is_draw)
            if axis is None:
                break
            order = self._from(axis, order)
        if number is None:
            return Completed(None)
        near = [int(np.abs(c - x).argmin()) for c, x in zip(self._coordinates, row, strict=True)]
        return Completed(np.where(given | absent, near, number))

    def _broken(self, values: Sequence[Any], out: frozenset[int]) -> set[int]:
        """Axes of all rules that a value on every axis breaks."""
        broken: set[int] = set()
        for rule in self._narrowing.rules:
            axes = [i for i in rule.axes if i not in out]
            if isinstance(rule, Pair):
                i, j = rule.axes
                is_kept = len(axes) < 2 or rule.allows(0, values[i], values[j])
            else:
                is_kept = rule.lower <= rule.sum_of(values, axes) <= rule.upper
            if not is_kept:
                broken.update(axes)
        return broken

    def _from(self, axis: int, order: list[int]) -> list[int]:
        """The same axes from one of them on, each beside one before it if relations join them.

        What had nothing left is chosen first then (Boussemart, Hemery, Lecoutre, Sais 2004), and
        values that rule each other out only by way of others are not chosen side by side.
        """
        waiting = dict.fromkeys(order)
        result: list[int] = []
        while waiting:
            beside = [axis if axis in waiting else next(iter(waiting))]
            while beside:
                i = beside.pop(0)
                if i not in waiting:
                    continue
                del waiting[i]
                result.append(i)
                for rule in self._narrowing.of_axis[i]:
                    if isinstance(rule, Pair):
                        beside += [j for j in rule.axes if j in waiting]
        return result

    def _search(
        self,
        left: Left,
        row: FloatArray,
        order: list[int],
        out: frozenset[int],
        rng: np.random.Generator,
        is_draw: bool,
    ) -> tuple[list[int] | None, int | None]:
        """The numbers of the values of all axes, by depth-first search.

        Returns:
            None if none were found; then the axis that had nothing left behind the most others.
        """
        tries, dead_ends = _TRIES + _TRIES_AXIS * len(order), 0
        stack: list[tuple[Left, Iterator[int], int]] = []
        depth = deepest = 0
        while depth < len(order):
            axis = order[depth]
            if len(stack) == depth:
                stack.append((left, self._candidates(left, axis, row, rng, is_draw), _BRANCHES))
            before, candidates, branches = stack[-1]
            chosen = None
            for number in candidates if branches else ():
                tries -= 1
                if self._stands(before, axis, number, out):
                    chosen = number
                    break
                if tries <= 0:
                    break
            deepest = max(deepest, depth)
            if chosen is None:
                stack.pop()
                depth -= 1
                dead_ends += 1
                if depth < 0 or tries <= 0 or dead_ends > _DEAD_ENDS:
                    return None, order[deepest]
                continue
            stack[-1] = (before, candidates, branches - 1)
            left = before.copy()
            is_changed = not before.is_single(axis)
            left.take(axis, chosen)
            if not is_changed or self._narrowing.narrow(left, [axis], out):
                depth += 1
        return left.low, None

    def _stands(self, left: Left, axis: int, number: int, out: frozenset[int]) -> bool:
        """Whether a value may stand beside all single values of relations with its axis."""
        for rule in self._narrowing.of_axis[axis]:
            if isinstance(rule, Pair) and not out.intersection(rule.axes):
                side = int(rule.axes[1] == axis)
                other = rule.axes[1 - side]
                if left.is_single(other) and not rule.allows(
                    side, left.values[axis][number], left.values[other][left.low[other]]
                ):
                    return False
        return True

    def _candidates(
        self, left: Left, axis: int, row: FloatArray, rng: np.random.Generator, is_draw: bool
    ) -> Iterator[int]:
        """Numbers of values that are left, in the order in which they are tried."""
        numbers = left.numbers(axis)
        known = self._coordinates[axis][numbers]
        wanted = float(row[axis])
        if self._space.axes[axis].is_category:
            at = np.flatnonzero(known == wanted)
            if len(at):
                yield int(numbers[at[0]])
            yield from rng.permutation(numbers[known != wanted]).tolist()
            return
        if is_draw and not known[0] <= wanted <= known[-1]:
            wanted = float(rng.uniform(known[0], known[-1]))
        distance = np.abs(known - wanted)
        first, last = int(distance.argmin()), len(numbers) - 1
        near = [first, first - 1, first + 1]
        # Where a sum has no room for the value it may have for what lies half the way to an end.
        near += [first // 2, (first + last) // 2, first // 4, (first + 3 * last) // 4, 0, last]
        early = [k for k in dict.fromkeys(near) if 0 <= k <= last]
        yield from numbers[early].tolist()
        rest = np.delete(np.arange(len(numbers)), early)
        rest = rng.permutation(rest) if is_draw else rest[distance[rest].argsort(kind="stable")]
        yield from numbers[rest].tolist()
