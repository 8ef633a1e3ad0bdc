"""Ranges that objectives asked for: what contains them all, and which one is to be expected next.

Glossary
--------
run, added
    A trial whose objective asked for its parameters, and one that a user has added by hand: the
    ranges of that one are what its user has made up, its values are known all the same.
expected
    What the next trial is taken to ask for: one range, or one for every value of a parent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, reduce
from itertools import islice
from math import gcd, isfinite, log
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from qhpo.constraints import Constraint, linear, relation
from qhpo.space import are_same_choices
from qhpo.study.claims import was_run

__all__ = ["AskedRanges", "Dependence", "Expected", "RangeMemory", "limits", "overlap", "union"]

_MAX_STEPS = 1_000_000
"""A grid that needs more steps to hold two others is taken for a range without steps."""

_AGREEING = 3
"""Last trials that have asked for the same range of a parameter before the next one is expected to
do so too. Twice as many where it has been another range in between."""

_REACH = 1.0
"""How far beyond the ends of a range, in widths of it, a value that it does not have is modelled:
the levels of the model are spread over both."""

_OPEN = 64
"""Last trials that may run side by side. What was noted after an older one that has not ended, is
noted anew if that ends after all."""

_CHANCES = 5
"""Trials that could have contradicted that a range depends on a parent, and did not."""


def _differ(one: BaseDistribution, other: BaseDistribution) -> bool:
    """Whether two distributions are different to Optuna, whose own comparison takes far longer."""
    if one is other:
        return False
    return type(one) is not type(other) or (one.__dict__ != other.__dict__ and one != other)


def union(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution | None:
    """The narrowest distribution that contains two, or None for those of different kinds."""
    if are_same_choices(one, other):
        return one
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        if one.log != other.log:
            return None
        low, high = min(one.low, other.low), max(one.high, other.high)
        if one.log:
            return IntDistribution(low, high, log=True)
        steps = [d.step for d in (one, other) if not d.single()]
        step = reduce(gcd, [*steps, abs(one.low - other.low)])
        return IntDistribution(low, high, step=max(step, 1))
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        if one.log != other.log:
            return None
        return FloatDistribution(
            min(one.low, other.low), max(one.high, other.high), log=one.log, step=_grid(one, other)
        )
    return None


def overlap(ranges: Iterable[BaseDistribution]) -> tuple[float, float, float]:
    """Ends and step, 0 for none, of what ranges of numbers have in common."""
    numbers = [d for d in ranges if isinstance(d, (FloatDistribution, IntDistribution))]
    steps = [d.step or 0.0 for d in numbers]
    return max(d.low for d in numbers), min(d.high for d in numbers), max(steps)


def _grid(one: FloatDistribution, other: FloatDistribution) -> float | None:
    """The coarsest step whose grid holds the values of both; None if one has no step."""
    stepped = [d for d in (one, other) if not d.single()]
    if any(d.step is None for d in stepped) or not stepped:
        return None
    # As it is written: 0.1 is meant to be a tenth.
    steps = [Fraction(str(d.step)) for d in stepped]
    apart = abs(Fraction(str(one.low)) - Fraction(str(other.low)))
    common = reduce(_common_divisor, [*steps, apart])
    width = max(one.high, other.high) - min(one.low, other.low)
    return float(common) if width / float(common) <= _MAX_STEPS else None


def _common_divisor(one: Fraction, other: Fraction) -> Fraction:
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator),
        one.denominator * other.denominator,
    )


def _widened(distribution: BaseDistribution, value: Any) -> BaseDistribution:
    """The narrowest distribution of the same kind that contains a value too, if there is one."""
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        return distribution
    try:
        if distribution._contains(value):
            return distribution
    except TypeError:
        return distribution  # a choice
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not (is_whole or isinstance(value, float)) or not _is_near(distribution, value):
        return distribution
    if isinstance(distribution, FloatDistribution):
        number = float(value)
        step = distribution.step
        # One value has no step of its own; it keeps that of the others.
        alone: BaseDistribution = FloatDistribution(number, number, distribution.log, step=step)
    elif is_whole:
        alone = IntDistribution(int(value), int(value), distribution.log)
    else:
        return distribution
    return union(distribution, alone) or distribution


def _is_near(distribution: FloatDistribution | IntDistribution, value: float) -> bool:
    low, high = distribution.low, distribution.high
    if not isfinite(value) or (distribution.log and value <= 0):
        return False
    if distribution.log:
        low, high, value = log(low), log(high), log(value)
    reach = _REACH * (high - low)
    return low - reach <= value <= high + reach


@dataclass
class _Asked:
    """Of one parameter, what some trials asked for. More of it can be added, nothing changes.

    Attributes:
        by_run: The union of what run trials asked for.
        is_varying: Whether they asked for different ranges.
        by_added: The same union of trials that were added, or of values that were enqueued.
        added: The values that these had.
        earlier: What earlier trials had in ``added``, and how many of these values count.
    """

    by_run: BaseDistribution | None = None
    is_varying: bool = False
    by_added: BaseDistribution | None = None
    added: list[Any] = field(default_factory=list)
    earlier: tuple[_Asked, int] | None = None
    _last: tuple[BaseDistribution, int, BaseDistribution] | None = None

    def followed(self) -> _Asked:
        """The same, for more trials to be noted without this being changed."""
        return _Asked(self.by_run, self.is_varying, self.by_added, earlier=(self, len(self.added)))

    def note_run(self, distribution: BaseDistribution) -> None:
        """Notes what an objective asked for."""
        if self.by_run is None:
            self.by_run = distribution
        elif _differ(self.by_run, distribution):
            self.is_varying = not are_same_choices(self.by_run, distribution) or self.is_varying
            self.by_run = union(self.by_run, distribution) or distribution

    def note_added(self, distribution: BaseDistribution, value: Any) -> None:
        """Notes what a trial had that was added, or a value that was enqueued."""
        # Of several kinds the last: nothing tells which one the objective wants.
        if self.by_added is None or _differ(self.by_added, distribution):
            self.by_added = union(self.by_added or distribution, distribution) or distribution
        self.added.append(value)

    @property
    def union(self) -> BaseDistribution:
        """What contains all that is known of the parameter, as far as that is of one kind."""
        known = self.by_run or self.by_added
        assert known is not None
        return self.widened(known)

    def widened(self, known: BaseDistribution) -> BaseDistribution:
        """A distribution that contains the values of added trials too."""
        if not isinstance(known, (FloatDistribution, IntDistribution)):
            return known
        if self.earlier is not None:
            before, n_values = self.earlier
            known = before._widened(known, n_values)
        return self._widened(known, len(self.added))

    def _widened(self, known: BaseDistribution, n_values: int) -> BaseDistribution:
        """The same of the first values; goes on from what it returned last, where it can."""
        wide, n_done = known, 0
        if self._last is not None and self._last[1] <= n_values:
            start, n_last, last = self._last
            if not _differ(start, known):
                wide, n_done = last, n_last
        for value in islice(self.added, n_done, n_values):
            wide = _widened(wide, value)
        self._last = known, n_values, wide
        return wide


@dataclass(frozen=True)
class Dependence:
    """A range that depends on the value of a parent.

    Attributes:
        parent: Name of the parent.
        asked: What was asked for after each of its values.
    """

    parent: str
    asked: tuple[tuple[Any, BaseDistribution], ...]

    def allows(self, parent: Any, value: Any) -> bool:
        """Whether a range that was asked for contains a value; one that is unknown may."""
        return all(dist._contains(value) for known, dist in self.asked if known == parent)


Expected = BaseDistribution | Dependence


class RangeMemory:
    """What trials of one study asked for that have ended, and so will never tell anything else."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._asked: dict[str, _Asked] = {}

    def asked(self, ended: Sequence[FrozenTrial], n_settled: int) -> dict[str, _Asked]:
        """What trials asked for, by the name of the parameter.

        Args:
            ended: The trials.
            n_settled: As many of the first ones are likely to be the first of the next call, too.
        """
        ids = [trial._trial_id for trial in ended[:n_settled]]
        if ids[: len(self._ids)] != self._ids:
            # One has ended after others that began later: the order may matter.
            self._ids, self._asked = [], {}
        _note(self._asked, ended[len(self._ids) : n_settled])
        self._ids = ids
        found = {name: asked.followed() for name, asked in self._asked.items()}
        _note(found, ended[n_settled:])
        return found


def _note(found: dict[str, _Asked], ended: Iterable[FrozenTrial]) -> None:
    """Adds what trials asked for."""
    for trial in ended:
        is_run = was_run(trial)
        # Optuna takes a value that was enqueued also outside of the range.
        enqueued = trial.system_attrs.get("fixed_params", {})
        for name, distribution in trial.distributions.items():
            asked = found.get(name)
            if asked is None:
                asked = found[name] = _Asked()
            if is_run:
                asked.note_run(distribution)
            if not is_run or name in enqueued:
                asked.note_added(distribution, trial.params[name])


class AskedRanges:
    """The ranges that trials asked for.

    Args:
        trials: Those of a study, in order of their numbers; complete and pruned ones count, and
            while there are none, those that failed.
        memory: What earlier objects for the same study have read; it saves time, nothing else.
    """

    def __init__(self, trials: Iterable[FrozenTrial], memory: RangeMemory | None = None) -> None:
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        each = list(trials)
        ended = [trial for trial in each if trial.state in wanted]
        self._trials = ended or [trial for trial in each if trial.state == TrialState.FAIL]
        self._memory = memory or RangeMemory()
        late = (t.number for t in each[-_OPEN:] if not t.state.is_finished())
        self._first_open = next(late, len(each))

    @property
    def n_trials(self) -> int:
        """Number of trials that count."""
        return len(self._trials)

    @cached_property
    def _asked(self) -> Mapping[str, _Asked]:
        n_settled = bisect_left(self._trials, self._first_open, key=lambda trial: trial.number)
        return self._memory.asked(self._trials, n_settled)

    def space(
        self, declared: Mapping[str, BaseDistribution] | None = None
    ) -> dict[str, BaseDistribution]:
        """Every parameter of more than one value that a trial had, or every declared one.

        Where ranges differ from trial to trial, their union.
        """
        if declared is None:
            known = {name: self._asked[name].union for name in sorted(self._asked)}
        else:
            known = {name: self._beyond(name, declared[name]) for name in sorted(declared)}
        return {name: dist for name, dist in known.items() if not dist.single()}

    def _beyond(self, name: str, declared: BaseDistribution) -> BaseDistribution:
        """A declared distribution that contains the values of trials too."""
        asked = self._asked.get(name)
        if asked is None:
            return declared
        known = asked.widened(declared)
        if asked.by_run is not None and union(declared, asked.by_run) != declared:
            for trial in self._trials:
                if name in trial.params:
                    known = _widened(known, trial.params[name])
        return known

    def only_added(self) -> set[str]:
        """Parameters that no objective has asked for yet."""
        return {name for name, asked in self._asked.items() if asked.by_run is None}

    @cached_property
    def varying(self) -> set[str]:
        """Parameters that objectives have asked for with different ranges."""
        return {name for name, asked in self._asked.items() if asked.is_varying}

    def expected(self, name: str) -> Expected | None:
        """What the next trial is going to ask for; None if that is not known."""
        if name not in self.varying:
            return self._asked[name].by_run if name in self._asked else None
        run = [t for t in self._trials if name in t.distributions and was_run(t)]
        asked = [trial.distributions[name] for trial in run]
        ends = [i for i in range(1, len(asked)) if asked[i] != asked[i - 1]]
        n_ranges = len({repr(distribution) for distribution in asked})
        # A program that was changed asks for another range from then on, and one that makes the
        # range of another value goes to and fro.
        is_to_and_fro = len(ends) >= n_ranges
        if is_to_and_fro:
            dependence = self._dependence(name, run)
            if dependence is not None:
                return dependence
        last = len(asked) - ends[-1]
        return asked[-1] if last >= _AGREEING * (1 + is_to_and_fro) else None

    def _dependence(self, name: str, run: Sequence[FrozenTrial]) -> Dependence | None:
        """The parent of fewest values that tells the range in every trial."""
        found: list[tuple[int, str, Dependence]] = []
        for parent in sorted(set.intersection(*(set(t.params) for t in run)) - {name}):
            by_value: dict[str, tuple[Any, BaseDistribution]] = {}
            pairs = [(t.params[parent], t.distributions[name]) for t in run]
            is_told = all(
                by_value.setdefault(repr(value), (value, dist))[1] == dist for value, dist in pairs
            )
            if is_told and len(run) - len(by_value) >= _CHANCES:
                asked = tuple(by_value.values())
                found.append((len(asked), parent, Dependence(parent, asked)))
        return min(found)[2] if found else None


def limits(name: str, within: BaseDistribution, expected: Expected) -> Sequence[Constraint]:
    """What keeps a parameter inside of what is expected.

    Args:
        name: Name of the parameter.
        within: Its distribution in the search space.
        expected: What it must keep.
    """
    if isinstance(expected, Dependence):
        return (relation((expected.parent, name), expected.allows),)
    if isinstance(expected, CategoricalDistribution) or expected == within:
        return ()
    assert isinstance(expected, (FloatDistribution, IntDistribution))
    assert isinstance(within, (FloatDistribution, IntDistribution))
    kept: list[Constraint] = []
    if expected.low > within.low:
        kept.append(linear({name: 1.0}, ">=", expected.low))
    if expected.high < within.high:
        kept.append(linear({name: 1.0}, "<=", expected.high))
    if expected.step != within.step:
        kept.append(relation((name,), expected._contains))
    return kept
