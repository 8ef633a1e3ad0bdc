"""The union of distributions, and what keeps a parameter inside of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from qhpo.study import ranges
from qhpo.study.ranges import AskedRanges, RangeMemory, limits, union

Float, Int = FloatDistribution, IntDistribution


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Int(0, 5), Int(0, 7), Int(0, 7)),
        (Int(0, 5), Int(8, 9), Int(0, 9)),
        (Int(0, 8, step=4), Int(2, 8, step=6), Int(0, 8, step=2)),
        (Int(2, 2), Int(2, 16), Int(2, 16)),
        (Int(4, 4), Int(2, 10, step=2), Int(2, 10, step=2)),
        (Int(1, 8, log=True), Int(2, 64, log=True), Int(1, 64, log=True)),
        (Int(1, 8, log=True), Int(1, 8), None),
        (Float(0, 1), Float(-1, 0.5), Float(-1, 1)),
        (Float(0, 1), Float(0, 1, step=0.5), Float(0, 1)),
        (Float(0, 0.9, step=0.3), Float(0.1, 0.9, step=0.2), Float(0, 0.9, step=0.1)),
        (Float(1e-3, 1, log=True), Float(1e-4, 0.1, log=True), Float(1e-4, 1, log=True)),
        (Float(0.1, 1, log=True), Float(0.1, 1), None),
        (Float(0, 1), Int(0, 1), None),
        (
            CategoricalDistribution("ab"),
            CategoricalDistribution("ab"),
            CategoricalDistribution("ab"),
        ),
        (CategoricalDistribution("ab"), CategoricalDistribution("abc"), None),
    ],
)
def test_union(
    one: BaseDistribution, other: BaseDistribution, expected: BaseDistribution | None
) -> None:
    assert union(one, other) == expected
    assert union(other, one) == expected


@st.composite
def _ints(draw: st.DrawFn) -> IntDistribution:
    step, low = draw(st.integers(1, 6)), draw(st.integers(-9, 9))
    return IntDistribution(low, low + step * draw(st.integers(0, 5)), step=step)


@given(_ints(), _ints(), st.integers(-20, 50))
def test_the_union_contains_both_and_limits_lead_back(
    one: IntDistribution, other: IntDistribution, value: int
) -> None:
    both = union(one, other)
    assert both is not None
    for part in (one, other):
        assert all(both._contains(v) for v in range(part.low, part.high + 1, part.step))
        if both._contains(value):
            kept = all(c.satisfied({"x": value}) for c in limits("x", both, part))
            assert kept == part._contains(value)


RANGES: tuple[tuple[BaseDistribution, Any], ...] = (
    (Int(0, 5), 3),
    (Int(0, 7), 7),
    (Int(4, 9), 9),
    (Int(0, 8, step=4), 4),
    (Float(0, 1), 0.75),
    (Float(-1, 0.5), -0.5),
    (Float(0, 1, step=0.25), 0.25),
    (Float(0, 1, step=1), 1.0),
    (Int(0, 1), 1),
    (CategoricalDistribution((True, False)), True),
    (CategoricalDistribution((1, 0)), 0),
)


def _trial(number: int, asked: Sequence[int], is_run: bool, enqueued: float | None) -> FrozenTrial:
    """A running trial that has asked for some of `RANGES`, by their places."""
    params = {f"p{i}": RANGES[place] for i, place in enumerate(asked)}
    trial = create_trial(
        state=TrialState.PRUNED,
        params={name: value for name, (_, value) in params.items()},
        distributions={name: distribution for name, (distribution, _) in params.items()},
    )
    trial.number = trial._trial_id = number
    if is_run and trial.datetime_complete is not None:
        trial.datetime_start = trial.datetime_complete - timedelta(seconds=1)
    if enqueued is not None and "p0" in params:
        trial.system_attrs["fixed_params"] = {"p0": enqueued}
        trial.params["p0"] = enqueued
    trial.state = TrialState.RUNNING
    return trial


def _told(asked: AskedRanges) -> list[Any]:
    """All that they tell, written out: True and 1 are not the same."""
    names = ("p0", "p1", "p2")
    declared = {"p0": Int(0, 6), "p1": Float(0, 2), "p2": Int(0, 40)}
    return [
        repr(asked.space()),
        repr(asked.space(declared)),
        asked.only_added(),
        asked.varying,
        [repr(asked.expected(name)) for name in names],
    ]


@st.composite
def _studies(draw: st.DrawFn) -> tuple[list[FrozenTrial], list[int]]:
    places = st.lists(st.integers(0, len(RANGES) - 1), max_size=3)
    enqueued = st.none() | st.sampled_from([2, 6, 8, 0.5, 12])
    n = draw(st.integers(1, 12))
    trials = [_trial(i, draw(places), draw(st.booleans()), draw(enqueued)) for i in range(n)]
    # Mostly one after the other.
    order = sorted(range(n), key=lambda i: i + draw(st.sampled_from([0, 0, 0, 2.5, 9.5])))
    return trials, order


@given(_studies(), st.sampled_from([1, 3, 64]))
def test_a_memory_saves_time_and_tells_nothing_else(
    study: tuple[list[FrozenTrial], list[int]], n_open: int
) -> None:
    trials, order = study
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "_OPEN", n_open)
        memory, views = RangeMemory(), []
        for number in order:
            trials[number].state = TrialState.FAIL if number % 5 == 4 else TrialState.PRUNED
            known = trials[: max(order[: order.index(number) + 1]) + 1]
            views.append((AskedRanges(known, memory), _told(AskedRanges(known))))
            assert _told(views[-1][0]) == views[-1][1]
        # What has been read once stays as it was.
        assert all(_told(view) == told for view, told in views)


def test_trials_are_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    plain = ranges.was_run

    def spy(trial: FrozenTrial) -> bool:
        noted.append(trial.number)
        return plain(trial)

    monkeypatch.setattr(ranges, "was_run", spy)
    trials, memory = [], RangeMemory()
    for number in range(100):
        trials.append(_trial(number, [0, 4, 9], is_run=number % 2 == 0, enqueued=None))
        AskedRanges(trials, memory).space()
        trials[-1].state = TrialState.PRUNED
    assert noted == list(range(99))
    # One that runs beside others is noted again, and one that never ends stops nothing.
    trials[-1].state = TrialState.RUNNING
    for number in range(100, 103 + ranges._OPEN):
        trials.append(_trial(number, [0], is_run=True, enqueued=None))
        trials[-1].state = TrialState.PRUNED
        noted.clear()
        AskedRanges(trials, memory).space()
    assert noted == [number]


def test_kinds_of_equal_ends_differ() -> None:
    trials = [_trial(i, [place], is_run=True, enqueued=None) for i, place in enumerate((7, 8))]
    for trial in trials:
        trial.state = TrialState.PRUNED
    asked = AskedRanges(trials)
    assert asked.varying == {"p0"}
    assert asked.only_added() == set()
