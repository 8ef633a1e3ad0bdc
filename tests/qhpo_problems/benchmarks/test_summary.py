"""Regret, ranks, hits, repeats and time against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.summary import LOG_FLOOR, Summary, collect, summarize

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def records(make_record: MakeRecord) -> list[RunRecord]:
    """Two samplers, three tables of two families, two seeds, three trials; optimum 0, median 1.

    Best after three trials:

    |   | t1 (f) seed 0, 1 | t2 (f) seed 0, 1 | t3 (g) seed 0, 1 |
    |---|---|---|---|
    | a | 0.1, 0.1 | 0, 1 | 0.01, 1 |
    | b | 0.1, 0.2 | 0.001, 0 | 0.1, 2 |
    """
    ends = {
        ("a", "t1"): (0.1, 0.1),
        ("a", "t2"): (0.0, 1.0),
        ("a", "t3"): (0.01, 1.0),
        ("b", "t1"): (0.1, 0.2),
        ("b", "t2"): (0.001, 0.0),
        ("b", "t3"): (0.1, 2.0),
    }
    return [
        make_record(
            [4.0, end, 3.0],
            sampler=sampler,
            table=table,
            family="g" if table == "t3" else "f",
            seed=seed,
            cpu_seconds=[0.0, 0.1, 0.5 if sampler == "a" else 0.2],
            repeated=[False, sampler == "b", sampler == "b" and seed == 1],
            version="2.0" if sampler == "b" else "1.0",
        )
        for (sampler, table), both in ends.items()
        for seed, end in enumerate(both)
    ]


def test_arrays_keep_their_places(records: list[RunRecord]) -> None:
    blocks = collect(records[::-1])
    assert blocks.samplers == ("b", "a")
    assert blocks.tables == ("t3", "t2", "t1")
    assert blocks.seeds == (0, 1)
    assert blocks.trials == 3
    assert blocks.families == {"t1": "f", "t2": "f", "t3": "g"}
    assert blocks.regret[..., -1].tolist() == [
        [[0.1, 2.0], [0.001, 0.0], [0.1, 0.2]],
        [[0.01, 1.0], [0.0, 1.0], [0.1, 0.1]],
    ]
    assert blocks.regret[..., 0].tolist() == [[[4.0, 4.0]] * 3] * 2


def test_hand_computed_summary(records: list[RunRecord]) -> None:
    result = summarize(records)
    a, b = result.samplers
    assert (a.sampler, b.sampler) == ("a", "b")
    assert a.runs == b.runs == 6
    assert (result.trials, result.checkpoints, result.seeds) == (3, (3,), (0, 1))

    assert a.regret[3] == pytest.approx((0.1 + 0.1 + 0 + 1 + 0.01 + 1) / 6)
    assert b.regret[3] == pytest.approx((0.1 + 0.2 + 0.001 + 0 + 0.1 + 2) / 6)

    # Means over tables: a 0.11 / 3 and 2.1 / 3, b 0.201 / 3 and 2.2 / 3. The standard error of two
    # numbers is half of their difference.
    assert a.regret_error[3] == pytest.approx((2.1 - 0.11) / 3 / 2)
    assert b.regret_error[3] == pytest.approx((2.2 - 0.201) / 3 / 2)

    # a against b: tie, win, win, loss, win, win.
    assert a.rank[3] == pytest.approx((1.5 + 1 + 1 + 2 + 1 + 1) / 6)
    assert b.rank[3] == pytest.approx((1.5 + 2 + 2 + 1 + 2 + 2) / 6)

    floor = math.log10(LOG_FLOOR)
    assert a.log10_regret[3] == pytest.approx((-1 - 1 + floor + 0 - 2 + 0) / 6)
    assert b.log10_regret[3] == pytest.approx(
        (-1 + math.log10(0.2) - 3 + floor - 1 + math.log10(2)) / 6
    )

    assert (a.hits, b.hits) == (1, 1)
    assert (a.repeats, b.repeats) == (0, 6 + 3)
    assert (a.cpu_seconds_median, b.cpu_seconds_median) == (0.1, 0.1)
    assert a.cpu_seconds_mean == pytest.approx(0.2)
    assert b.cpu_seconds_mean == pytest.approx(0.1)

    assert result.families == {
        "f": {"a": pytest.approx(1.2 / 4), "b": pytest.approx(0.301 / 4)},
        "g": {"a": pytest.approx(0.505), "b": pytest.approx(1.05)},
    }
    assert result.tables == {
        "t1": {"a": pytest.approx(0.1), "b": pytest.approx(0.15)},
        "t2": {"a": pytest.approx(0.5), "b": pytest.approx(0.0005)},
        "t3": {"a": pytest.approx(0.505), "b": pytest.approx(1.05)},
    }
    assert result.versions == {"optuna": "1.0 and 2.0"}


def test_three_way_tie_shares_its_ranks(make_record: MakeRecord) -> None:
    ends = {"a": 0.5, "b": 0.2, "c": 0.5, "d": 0.5}
    result = summarize([make_record([end], sampler=s) for s, end in ends.items()])
    assert {entry.sampler: entry.rank[1] for entry in result.samplers} == {
        "a": 3.0,
        "b": 1.0,
        "c": 3.0,
        "d": 3.0,
    }


def test_checkpoints_use_the_best_value_by_then(make_record: MakeRecord) -> None:
    # The best value so far after trial t is 1 / t.
    result = summarize([make_record([1 / t for t in range(1, 61)])])
    assert result.checkpoints == (25, 50, 60)
    expected = {25: 1 / 25, 50: 1 / 50, 60: 1 / 60}
    assert result.samplers[0].regret == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [(1, (1,)), (24, (24,)), (25, (25,)), (26, (25, 26)), (100, (25, 50, 100)), (120, None)],
)
def test_checkpoints_end_with_the_run(
    make_record: MakeRecord, trials: int, expected: tuple[int, ...] | None
) -> None:
    assert summarize([make_record([1.0] * trials)]).checkpoints == (expected or (25, 50, 100, 120))


def test_one_seed_has_no_standard_error(make_record: MakeRecord) -> None:
    result = summarize([make_record([1.0, 0.5])])
    assert result.samplers[0].regret_error == {2: None}


def test_standard_error_is_numpy_s(make_record: MakeRecord) -> None:
    ends = [0.1, 0.4, 0.3, 0.9, 0.2]
    records = [make_record([end], seed=seed) for seed, end in enumerate(ends)]
    error = summarize(records).samplers[0].regret_error[1]
    assert error == pytest.approx(np.std(ends, ddof=1) / math.sqrt(5))


@pytest.mark.parametrize("break_it", ["missing", "twice", "shorter", "none"])
def test_incomplete_comparisons_are_refused(records: list[RunRecord], break_it: str) -> None:
    broken, message = {
        "missing": (records[1:], "got 11 records of 11 runs where 2 samplers, 3 tables and 2"),
        "twice": ([*records, records[0]], "got 13 records of 12 runs"),
        "shorter": ([*records[1:], records[0].prefix(2)], r"got \[2, 3\]; cut them"),
        "none": ([], "at least one run"),
    }[break_it]
    with pytest.raises(QhpoError, match=message):
        summarize(broken)


@st.composite
def _grids(draw: st.DrawFn) -> list[tuple[str, str, int, list[float]]]:
    n_trials = draw(st.integers(1, 4))
    values = st.lists(st.sampled_from([0.0, 0.25, 0.5, 3.0]), min_size=n_trials, max_size=n_trials)
    samplers = "abc"[: draw(st.integers(1, 3))]
    tables = ["t1", "t2"][: draw(st.integers(1, 2))]
    seeds = range(draw(st.integers(1, 2)))
    return [(*run, draw(values)) for run in product(samplers, tables, seeds)]


@given(grid=_grids(), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_summary_does_not_depend_on_the_order_of_records(
    make_record: MakeRecord,
    grid: list[tuple[str, str, int, list[float]]],
    data: st.DataObject,
) -> None:
    records = [make_record(v, sampler=s, table=t, seed=n) for s, t, n, v in grid]
    shuffled = data.draw(st.permutations(records))

    def by_name(result: Summary) -> Summary:
        return replace(result, samplers=tuple(sorted(result.samplers, key=lambda e: e.sampler)))

    expected, got = by_name(summarize(records)), by_name(summarize(shuffled))
    assert got == expected
    # Ranks share out 1 + 2 + ... + S whatever the ties.
    n_samplers = len(expected.samplers)
    total = sum(entry.rank[expected.trials] for entry in expected.samplers)
    assert total == pytest.approx(n_samplers * (n_samplers + 1) / 2)
    assert all(1 <= entry.rank[expected.trials] <= n_samplers for entry in expected.samplers)
