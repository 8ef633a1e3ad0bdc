"""Conditions that are learnt: the simplest that explain which parameters finished trials had.

A trial may be an exception: it was added by hand, or its objective returned early. What explains
the trials is chosen by its description length (Rissanen 1978), in nats: of the rule itself, and of
which trials are exceptions to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qhpo.space.conditions import Condition, Enabling
from qhpo.space.space import Space

__all__ = ["learn_conditions"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_RARITY = 10.0
"""Trials to one exception at least. As a prior it lets two or three trials teach a simple rule, and
makes one exception of ten or more as long to describe as such a rule."""

_RECENT = 10
"""Last trials without a parameter after which its program is taken to have dropped it: of a
parameter that every second trial has, one study in a thousand has so many."""

_REFITTED_PAIRS = 10
"""Pairs of parents with the fewest exceptions whose values are fitted to each other."""


def learn_conditions(
    space: Space,
    coordinates: FloatArray,
    declared: Sequence[Condition] = (),
    is_whole: BoolArray | None = None,
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """The simplest conditions that explain which parameters finished trials had.

    A parameter that nearly all trials had has no condition, and neither has one that no rule
    explains: what is suggested without being asked for costs nothing.

    Args:
        space: The search space, of all parameters that any trial had.
        coordinates: Finished trials, shape (n, d), NaN where a trial did not have the parameter.
        declared: Conditions that are taken as given.
        is_whole: Trials that asked for all they wanted, shape (n,), all if None; what others lack
            they may not have come to.

    Returns:
        The declared and the learnt conditions; and names of parameters that no trial had, or that
        no rule explains and none of the last trials had.
    """
    active = ~np.isnan(coordinates)
    lacks = ~active if is_whole is None else ~active & is_whole[:, None]
    given = {condition.child for condition in declared}
    conditions, gone = list(declared), []
    for child, axis in enumerate(space.axes):
        if axis.name in given or not lacks[:, child].any():
            continue
        if not active[:, child].any():
            gone.append(axis.name)
            continue
        known = active[:, child] | lacks[:, child]
        later = _descendants(axis.name, conditions)
        found = _Evidence(space, coordinates[known], child).explained(later)
        if found is not None and found.parents:
            conditions.append(Condition(axis.name, found.parents))
        elif not active[known][-_RECENT:, child].any():
            gone.append(axis.name)
    return tuple(conditions), tuple(gone)


def _descendants(name: str, conditions: Sequence[Condition]) -> set[str]:
    """The parameters whose activity depends on one."""
    found = {name}
    while more := {
        c.child for c in conditions if any(p.parent in found for p in c.parents)
    }.difference(found):
        found |= more
    return found


@dataclass(frozen=True)
class _Rule:
    """When a child is active.

    Attributes:
        parents: Enabling values by parent; none if it is active always.
        holds: Trials that should have the child, shape (n,).
        length: Of the description of the rule, nats.
    """

    parents: tuple[Enabling, ...]
    holds: BoolArray
    length: float


class _Evidence:
    """What trials tell about one child.

    Args:
        space: The search space.
        coordinates: Trials that had the child or did without it, shape (n, d).
        child: Number of its axis.
    """

    def __init__(self, space: Space, coordinates: FloatArray, child: int) -> None:
        self._space = space
        self._x = coordinates
        self._active = ~np.isnan(coordinates)
        self._has = self._active[:, child]
        self._distinct: dict[int, FloatArray] = {}

    def explained(self, descendants: set[str]) -> _Rule | None:
        """The rule of shortest description; None if it has many exceptions, or a list is shorter.

        Args:
            descendants: The child, and what must not be its parent as it depends on it.
        """
        n, has = len(self._has), self._has
        # A parent is active in trials that have the child, and in more. A declared condition may
        # contradict the trials, so what descends from the child is left out by name.
        candidates = [
            p
            for p, axis in enumerate(self._space.axes)
            if axis.name not in descendants
            and (self._active[:, p] & has).any()
            and (self._active[:, p] & ~has).sum() > (~self._active[:, p] & has).sum()
        ]
        best = _Rule((), np.ones(n, dtype=bool), 0.0)
        # Which of the candidates it is, and one of at least two values.
        shortest = math.log(max(len(candidates), 1)) + math.log(2.0)
        for size in (1, 2):
            if self._length(best) <= size * shortest + _exceptions_length(0, n):
                break
            rules = self._of_one(candidates) if size == 1 else self._of_two(candidates)
            best = min([best, *rules], key=self._order)
            if not self._n_exceptions(best):
                break
        n_exceptions = self._n_exceptions(best)
        listed = math.log(n + 1) + _log_choose(n, int(has.sum()))
        # Two parents explain by chance what they like, a single one hardly.
        is_exact = not n_exceptions and len(best.parents) == 1
        is_short = not best.parents or self._length(best) <= listed
        is_rare = n_exceptions <= max(1.0, n / _RARITY)
        return best if is_exact or (is_rare and is_short) else None

    def _n_exceptions(self, rule: _Rule) -> int:
        return int((rule.holds != self._has).sum())

    def _length(self, rule: _Rule) -> float:
        return rule.length + _exceptions_length(self._n_exceptions(rule), len(self._has))

    def _order(self, rule: _Rule) -> tuple[float, int, int]:
        # Where a parent was inactive it has explained nothing. Few distinct values, each seen
        # often, are better evidence than many seen once.
        names = {p.parent for p in rule.parents}
        columns = [p for p, axis in enumerate(self._space.axes) if axis.name in names]
        n_values = sum(len(self._values(p)) for p in columns)
        n_explained = min((int(self._active[:, p].sum()) for p in columns), default=len(self._has))
        return round(self._length(rule), 9), -n_explained, n_values

    def _values(self, parent: int) -> FloatArray:
        """Distinct coordinates of a parent, increasing."""
        if parent not in self._distinct:
            self._distinct[parent] = np.unique(self._x[self._active[:, parent], parent])
        return self._distinct[parent]

    def _of_one(self, candidates: Sequence[int]) -> list[_Rule]:
        price = math.log(max(len(candidates), 1))
        everywhere = np.ones(len(self._has), dtype=bool)
        rules = [self._fitted(p, everywhere, price) for p in candidates]
        return [rule for rule in rules if rule is not None]

    def _of_two(self, candidates: Sequence[int]) -> list[_Rule]:
        """Pairs of parents, those that explain most."""
        price = math.log(max(len(candidates), 1))
        # One parent alone enables whatever was seen with the child: the other may forbid the rest.
        wide = {p: self._rule(p, self._has, self._active[:, p], price) for p in candidates}
        holds = np.array([wide[p].holds for p in candidates], dtype=float).reshape(
            -1, len(self._has)
        )
        having, lacking = holds[:, self._has], holds[:, ~self._has]
        n_exceptions = lacking @ lacking.T + self._has.sum() - having @ having.T
        first, second = np.triu_indices(len(candidates), 1)
        order = np.argsort(n_exceptions[first, second], kind="stable")[:_REFITTED_PAIRS]
        pairs = [(candidates[first[k]], candidates[second[k]]) for k in order.tolist()]
        rules = []
        for p, q in pairs:
            rules.append(_both(wide[p], wide[q]))
            one = self._fitted(p, wide[q].holds, price)
            other = one and self._fitted(q, one.holds, price)
            if one and other:
                rules.append(_both(one, other))
        return rules

    def _fitted(self, parent: int, among: BoolArray, price: float) -> _Rule | None:
        """The rule of one parent that describes best which of some trials have the child."""
        seen = among & self._active[:, parent]
        rules = [
            self._rule(parent, holds, seen, price)
            for holds in self._splits(parent, seen)
            if (holds & self._has & seen).any()
        ]
        alone = [replace(rule, holds=rule.holds & among) for rule in rules]
        best = min(range(len(rules)), key=lambda i: self._length(alone[i]), default=None)
        return None if best is None else rules[best]

    def _splits(self, parent: int, seen: BoolArray) -> list[BoolArray]:
        """Sets of trials by values of a parent, those that agree best with the child's."""
        column, axis = self._x[:, parent], self._space.axes[parent]
        values, which = np.unique(column[seen], return_inverse=True)
        gain = np.bincount(which, np.where(self._has[seen], 1.0, -1.0), len(values))
        if not len(values):
            return []
        splits = []
        if axis.is_exhaustive:
            splits.append(np.isin(column, values[gain >= 0.0]))
        if not axis.is_category:
            total = np.concatenate([[0.0], np.cumsum(gain)])
            # Of equally good ranges the narrowest; the last value is numbered one less in `total`.
            first = len(total) - 1 - int(total[:-1][::-1].argmin()) - 1
            last = int(total[1:].argmax())
            lowest = np.minimum.accumulate(total[:-1])
            end = int((total[1:] - lowest).argmax())
            start = end - int(total[: end + 1][::-1].argmin())
            splits += [
                column >= values[first],
                column <= values[last],
                (column >= values[start]) & (column <= values[end]),
            ]
        return splits

    def _rule(self, parent: int, holds: BoolArray, seen: BoolArray, price: float) -> _Rule:
        """The values of a parent that were seen with the child; of numbers a range if that will do.

        Args:
            parent: Number of the parent's axis.
            holds: Trials of one side of the split, shape (n,).
            seen: Trials that count, shape (n,).
            price: Of saying which parent it is, nats.
        """
        axis, column = self._space.axes[parent], self._x[:, parent]
        with_child = column[holds & self._has & seen]
        without = column[~holds & ~self._has & seen]
        values = self._values(parent)
        # Values that the parent could have shown: it may have been inactive in most trials.
        n_values = int(min(axis.n_values, len(column)))
        low, high = with_child.min(), with_child.max()
        is_split = bool(((without >= low) & (without <= high)).any())
        if axis.is_category or (is_split and axis.is_exhaustive):
            enabled = np.intersect1d(values, with_child)
            listed = tuple(axis.value(c) for c in enabled.tolist())
            length = _log_choose(n_values, min(len(enabled), len(values) - len(enabled)))
            enabling = Enabling(axis.name, listed)
            should_have = np.isin(column, enabled)
        else:
            # What lies beyond every value without the child is taken to be as its neighbour. The
            # rule says which ends there are, the lower, the upper or both, and where.
            low = low if (without < low).any() else -math.inf
            high = high if (without > high).any() else math.inf
            should_have = (column >= low) & (column <= high)
            limits = tuple(axis.value(c) if math.isfinite(c) else c for c in (low, high))
            length = math.log(3.0) + sum(map(math.isfinite, limits)) * math.log(n_values)
            enabling = Enabling(axis.name, None, (limits[0], limits[1]))
        return _Rule((enabling,), should_have, price + length)


def _both(first: _Rule, second: _Rule) -> _Rule:
    return _Rule(
        first.parents + second.parents,
        first.holds & second.holds,
        first.length + second.length,
    )


def _exceptions_length(n_exceptions: int, n: int) -> float:
    """Of saying which trials are exceptions, nats: their rate has a Beta(1, `_RARITY`) prior."""
    return -(
        math.log(_RARITY)
        + math.lgamma(1 + n_exceptions)
        + math.lgamma(_RARITY + n - n_exceptions)
        - math.lgamma(1 + _RARITY + n)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
