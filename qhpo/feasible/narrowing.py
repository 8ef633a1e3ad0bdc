"""What is left of the values of every axis: narrowed by one rule after the other.

Totals leave what can still stay within their bounds, whatever the others are (bounds consistency:
Rossi, van Beek, Walsh 2006, "Handbook of Constraint Programming", section 3.5). Relations are asked
about a few values of one axis, and about those of the other at which the answer changes: what lies
between is taken to be alike, and is asked about when it is chosen.

Glossary
--------
number
    Of a value on its axis, increasing.
hull
    Least and largest number of the values that something leaves.
single
    An axis of which one value is left.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qhpo.feasible.links import Links, Pair, Total
from qhpo.feasible.rows import CLOSE
from qhpo.space import Space

__all__ = ["Left", "Narrowing"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MAX_ASKED = 16
"""Values of one axis of a relation of which each is asked about; of more the ends and the middle,
which tell of rules that rise or fall."""

_PROBES = 17
"""Values of the other axis that are asked about in a row of more: 16 equal parts."""

_MAX_HULLS = 50_000
"""Most hulls that are remembered: some megabytes."""

_STEPS = 20
"""Looks at every rule after one choice: rules that narrow each other by a value at a time would go
on for long, and are left as they are."""


class Left:
    """The numbers of the values that are left on every axis.

    Args:
        values: Values of every axis, increasing by coordinate, d lists.

    Attributes:
        values: See above.
        low: Least number that is left on every axis.
        high: Largest.
        masks: By axis what is left, shape (U_i,), bool; axes that have all between the two are
            not in it.
    """

    def __init__(self, values: Sequence[Sequence[Any]]) -> None:
        self.values = values
        self.low = [0] * len(values)
        self.high = [len(known) - 1 for known in values]
        self.masks: dict[int, BoolArray] = {}

    def copy(self) -> Left:
        """What is left now; it does not change with this."""
        other = Left.__new__(Left)
        other.values = self.values
        other.low, other.high, other.masks = list(self.low), list(self.high), dict(self.masks)
        return other

    def is_single(self, axis: int) -> bool:
        """Whether one value is left."""
        return self.low[axis] == self.high[axis]

    def numbers(self, axis: int) -> IntArray:
        """The numbers that are left, increasing."""
        low, high = self.low[axis], self.high[axis] + 1
        mask = self.masks.get(axis)
        if mask is None:
            return np.arange(low, high)
        return low + np.flatnonzero(mask[low:high])

    def take(self, axis: int, number: int) -> None:
        """Leaves one value."""
        self.low[axis] = self.high[axis] = number
        self.masks.pop(axis, None)

    def cut(self, axis: int, low: int, high: int) -> bool:
        """Leaves what lies between two numbers; whether that changes anything.

        Nothing is left if the least number lies above the largest then.
        """
        if low <= self.low[axis] and high >= self.high[axis]:
            return False
        low, high = max(low, self.low[axis]), min(high, self.high[axis])
        mask = self.masks.get(axis)
        if mask is not None and low <= high:
            inside = np.flatnonzero(mask[low : high + 1])
            low, high = (low + int(inside[0]), low + int(inside[-1])) if len(inside) else (1, 0)
        self.low[axis], self.high[axis] = low, high
        return True

    def keep(self, axis: int, kept: BoolArray) -> bool:
        """Leaves what is kept, of shape (U_i,); whether that changes anything."""
        low, high = self.low[axis], self.high[axis]
        mask = self.masks.get(axis)
        both = kept if mask is None else kept & mask
        inside = np.flatnonzero(both[low : high + 1])
        if len(inside) == (high - low + 1 if mask is None else int(mask[low : high + 1].sum())):
            return False
        if not len(inside):
            self.low[axis], self.high[axis] = 1, 0
            return True
        self.low[axis], self.high[axis] = low + int(inside[0]), low + int(inside[-1])
        if len(inside) <= int(inside[-1] - inside[0]):
            self.masks[axis] = both
        else:
            self.masks.pop(axis, None)
        return True


class Narrowing:
    """Totals and pairs over values of every axis.

    Args:
        space: The search space.
        links: The rules.
        values: Values of every axis, increasing by coordinate, d lists.

    Attributes:
        values: See above.
        rules: Totals and pairs.
        of_axis: Those of every axis.
    """

    def __init__(self, space: Space, links: Links, values: Sequence[Sequence[Any]]) -> None:
        self.values = values
        self.rules = links.rules
        self._is_category = [axis.is_category for axis in space.axes]
        self.of_axis: list[list[Total | Pair]] = [[] for _ in values]
        for rule in self.rules:
            for i in rule.axes:
                self.of_axis[i].append(rule)
        self._contributions: dict[tuple[Total, int], FloatArray] = {}
        self._hulls: dict[tuple[Pair, int, tuple[int, ...]], tuple[int, int]] = {}

    def narrow(
        self,
        left: Left,
        changed: Iterable[int],
        absent: frozenset[int],
        steps: int = _STEPS,
    ) -> bool | None:
        """Narrows what is left by all rules of axes that have changed, and what follows from it.

        Args:
            left: Changed in place.
            changed: The axes.
            absent: Inactive axes: totals leave them out, pairs with them hold.
            steps: Most looks at rules, times their number.

        Returns:
            Whether something is left on every axis; None if nothing is, but relations, which were
            asked about a part of the values, or rounding may be why.
        """
        waiting = dict.fromkeys(rule for i in changed for rule in self.of_axis[i])
        is_sure, looks = True, steps * max(len(self.rules), 1)
        while waiting and looks:
            looks -= 1
            rule = next(iter(waiting))
            del waiting[rule]
            narrowed: Sequence[int] | None
            if isinstance(rule, Total) and rule.products:
                narrowed = _by_products(left, rule, absent)
            elif isinstance(rule, Total):
                narrowed = self._by_total(left, rule, absent)
            else:
                narrowed = () if absent.intersection(rule.axes) else self._by_pair(left, rule)
                is_sure = is_sure and not narrowed
            if narrowed is None:
                return False if is_sure and isinstance(rule, Total) else None
            for i in narrowed:
                waiting.update(dict.fromkeys(r for r in self.of_axis[i] if r is not rule))
        return True

    def _by_total(self, left: Left, rule: Total, absent: frozenset[int]) -> Sequence[int] | None:
        """Axes that a total narrows; None if it leaves nothing."""
        axes = [i for i in rule.terms if i not in absent] if absent else list(rule.terms)
        ends = [self._ends(left, rule, i) for i in axes]
        least, most = sum(e[0] for e in ends), sum(e[1] for e in ends)
        beyond = CLOSE * max(1.0, abs(least), abs(most))
        lower, upper = rule.lower - beyond, rule.upper + beyond
        if least > upper or most < lower:
            return None
        if least >= lower and most <= upper:
            return ()
        narrowed = []
        for i, (low, high) in zip(axes, ends, strict=True):
            # What it may contribute beside the least, or most, of all others.
            may_least, may_most = lower - (most - high), upper - (least - low)
            if low >= may_least and high <= may_most:
                continue
            if rule.coefficients is None:
                given = self._given(left, rule, i)
                is_changed = left.keep(i, (may_least <= given) & (given <= may_most))
            else:
                a = rule.coefficients[i]
                is_changed = left.cut(i, *_between(left, i, a, may_least, may_most))
            if left.low[i] > left.high[i]:
                return None
            if is_changed:
                narrowed.append(i)
        return narrowed

    def _given(self, left: Left, rule: Total, axis: int) -> FloatArray:
        """What all values of an axis contribute."""
        if left.values[axis] is not self.values[axis]:
            return np.array([float(rule.terms[axis](v)) for v in left.values[axis]])
        if (rule, axis) not in self._contributions:
            given = [float(rule.terms[axis](v)) for v in self.values[axis]]
            self._contributions[rule, axis] = np.array(given)
        return self._contributions[rule, axis]

    def _ends(self, left: Left, rule: Total, axis: int) -> tuple[float, float]:
        """Least and most that an axis can contribute."""
        if rule.coefficients is None:
            given = self._given(left, rule, axis)[left.numbers(axis)]
            return float(given.min()), float(given.max())
        a, values = rule.coefficients[axis], left.values[axis]
        first, last = a * values[left.low[axis]], a * values[left.high[axis]]
        return (first, last) if first <= last else (last, first)

    def _by_pair(self, left: Left, rule: Pair) -> Sequence[int] | None:
        """Axes that a pair narrows; None if it leaves nothing."""
        narrowed = []
        for side in (0, 1):
            own, other = rule.axes[side], rule.axes[1 - side]
            numbers = self._asked(left, own)
            if left.is_single(other):
                v = left.values[other][left.low[other]]
                if left.is_single(own) and not rule.allows(side, left.values[own][numbers[0]], v):
                    return None
                continue
            if not numbers:
                continue
            if self._is_category[other]:
                kept = np.zeros(len(left.values[other]), dtype=bool)
                for u in numbers:
                    kept |= self._row(left, rule, side, u)
                is_changed = left.keep(other, kept)
            else:
                is_changed = left.cut(other, *self._joint_hull(left, rule, side, numbers))
            if left.low[other] > left.high[other]:
                return None
            if is_changed:
                narrowed.append(other)
        return narrowed

    def _asked(self, left: Left, axis: int) -> list[int]:
        """Numbers of values of an axis that stand for all that are left; none of many choices."""
        low, high = left.low[axis], left.high[axis]
        if high - low < _MAX_ASKED:
            numbers: list[int] = left.numbers(axis).tolist()
            return numbers
        return [] if self._is_category[axis] else [low, (low + high) // 2, high]

    def _row(self, left: Left, rule: Pair, side: int, number: int) -> BoolArray:
        """Which choices of the other axis stand beside a value."""
        u = left.values[rule.axes[side]][number]
        others = left.values[rule.axes[1 - side]]
        return np.array([rule.allows(side, u, v) for v in others], dtype=bool)

    def _joint_hull(
        self, left: Left, rule: Pair, side: int, numbers: Sequence[int]
    ) -> tuple[int, int]:
        """Hull of the numbers of the other axis that stand beside one of some values at least."""
        is_known = all(left.values[i] is self.values[i] for i in rule.axes)
        key = (rule, side, tuple(numbers))
        hull = self._hulls.get(key) if is_known else None
        if hull is None:
            hulls = [self._hull(left, rule, side, u) for u in numbers]
            hull = min(h[0] for h in hulls), max(h[1] for h in hulls)
            if is_known:
                if len(self._hulls) >= _MAX_HULLS:
                    self._hulls.clear()
                self._hulls[key] = hull
        return hull

    def _hull(self, left: Left, rule: Pair, side: int, number: int) -> tuple[int, int]:
        """Hull of the numbers of the other axis that stand beside a value; (n, -1) if none does."""
        own, other = rule.axes[side], rule.axes[1 - side]
        u, others = left.values[own][number], left.values[other]

        def allows(k: int) -> bool:
            return rule.allows(side, u, others[k])

        n = len(others)
        probes = sorted({round(k) for k in np.linspace(0, n - 1, min(n, _PROBES)).tolist()})
        allowed = [k for k in probes if allows(k)]
        if not allowed and n > len(probes):
            probes = list(range(n))
            allowed = [k for k in probes if allows(k)]
        hull = (n, -1)
        if allowed:
            first, last = allowed[0], allowed[-1]
            at, end = probes.index(first), probes.index(last)
            # Ends lie between a probe that stands beside the value and the next, which does not.
            if at > 0:
                first = _turn(probes[at - 1], first, allows)
            if end < len(probes) - 1:
                last = _turn(probes[end + 1], last, allows)
            hull = first, last
        return hull


def _turn(refused: int, allowed: int, allows: Callable[[int], bool]) -> int:
    """The last allowed number on the way to one that is refused."""
    while abs(refused - allowed) > 1:
        middle = (refused + allowed) // 2
        if allows(middle):
            allowed = middle
        else:
            refused = middle
    return allowed


def _between(left: Left, axis: int, a: float, least: float, most: float) -> tuple[int, int]:
    """Numbers of the values whose multiple by ``a`` lies between two bounds."""
    if a == 0.0:
        return left.low[axis], left.high[axis]
    low, high = (least / a, most / a) if a > 0.0 else (most / a, least / a)
    values = left.values[axis]
    first = 0 if low == -math.inf else bisect_left(values, low)
    last = len(values) - 1 if high == math.inf else bisect_right(values, high) - 1
    return first, last


def _by_products(left: Left, rule: Total, absent: frozenset[int]) -> list[int] | None:
    """Axes that a total with products narrows; None if it leaves nothing."""
    ends = {
        i: (float(left.values[i][left.low[i]]), float(left.values[i][left.high[i]]))
        for i in rule.axes
        if i not in absent
    }
    coefficients = rule.coefficients or {}
    alone = {i: _multiple(a, ends[i]) for i, a in coefficients.items() if i in ends}
    products = [(i, j, a) for i, j, a in rule.products if i in ends and j in ends]
    together = [_multiple(a, _product(ends[i], ends[j])) for i, j, a in products]
    least = sum(e[0] for e in (*alone.values(), *together))
    most = sum(e[1] for e in (*alone.values(), *together))
    beyond = CLOSE * max(1.0, abs(least), abs(most))
    lower, upper = rule.lower - beyond, rule.upper + beyond
    if least > upper or most < lower:
        return None
    narrowed: list[int] = []
    if least >= lower and most <= upper:
        return narrowed
    for axis, (low, high) in ends.items():
        # The sum is rest + factor x number, where both are known up to what is left of the others.
        factor = [coefficients.get(axis, 0.0)] * 2
        rest = [least - alone.get(axis, (0.0, 0.0))[0], most - alone.get(axis, (0.0, 0.0))[1]]
        is_square = False
        for (i, j, a), end in zip(products, together, strict=True):
            if axis in (i, j):
                is_square = is_square or i == j
                other = _multiple(a, ends[j if i == axis else i])
                factor = [f + o for f, o in zip(factor, other, strict=True)]
                rest = [r - e for r, e in zip(rest, end, strict=True)]
        if is_square or factor[0] <= 0.0 <= factor[1] or low == high:
            continue
        may_least, may_most = lower - rest[1], upper - rest[0]
        if factor[1] < 0.0:
            factor, may_least, may_most = [-factor[1], -factor[0]], -may_most, -may_least
        most_number = may_most / factor[0 if may_most >= 0.0 else 1]
        least_number = may_least / factor[1 if may_least >= 0.0 else 0]
        values = left.values[axis]
        first = 0 if least_number == -math.inf else bisect_left(values, least_number)
        last = len(values) if most_number == math.inf else bisect_right(values, most_number)
        if left.cut(axis, first, last - 1):
            narrowed.append(axis)
        if left.low[axis] > left.high[axis]:
            return None
    return narrowed


def _multiple(a: float, ends: tuple[float, float]) -> tuple[float, float]:
    """Least and largest multiple of a number between two ends."""
    return (a * ends[0], a * ends[1]) if a >= 0.0 else (a * ends[1], a * ends[0])


def _product(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Least and largest product of two numbers between ends."""
    corners = [u * v for u in first for v in second]
    return min(corners), max(corners)
