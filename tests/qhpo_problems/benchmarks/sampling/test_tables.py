"""Regret, ranks, hits, repeats and time against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhpo_problems.benchmarks import Record
from qhpo_problems.benchmarks.results import LOG_FLOOR
from qhpo_problems.benchmarks.sampling.tables import SUITE

MakeRecord = Callable[..., Record]
Sheets = Callable[..., dict[str, dict[str, dict[str, Any]]]]


def test_hand_computed_numbers(make_record: MakeRecord, sheets: Sheets) -> None:
    """Two samplers, three tables of two families, two seeds, three trials; optimum 0, median 1.

    Best after three trials:

    |   | car (f) seed 0, 1 | kc1 (f) seed 0, 1 | cifar10 (g) seed 0, 1 |
    |---|---|---|---|
    | a | 0.1, 0.1 | 0, 1 | 0.01, 1 |
    | b | 0.1, 0.2 | 0.001, 0 | 0.1, 2 |
    """
    ends = {
        ("a", "car"): (0.1, 0.1),
        ("a", "kc1"): (0.0, 1.0),
        ("a", "cifar10"): (0.01, 1.0),
        ("b", "car"): (0.1, 0.2),
        ("b", "kc1"): (0.001, 0.0),
        ("b", "cifar10"): (0.1, 2.0),
    }
    records = [
        make_record(
            [4.0, end, 3.0],
            method=method,
            table=table,
            seed=seed,
            cpu_seconds=[0.0, 0.1, 0.5 if method == "a" else 0.2],
            repeated=[False, method == "b", method == "b" and seed == 1],
        )
        for (method, table), both in ends.items()
        for seed, end in enumerate(both)
    ]
    regrets, ranks, counts, families, tables = sheets(SUITE, records).values()
    a, b = regrets["a"], regrets["b"]
    assert a["regret @3"] == pytest.approx((0.1 + 0.1 + 0 + 1 + 0.01 + 1) / 6)
    assert b["regret @3"] == pytest.approx((0.1 + 0.2 + 0.001 + 0 + 0.1 + 2) / 6)
    # Means over tables: a 0.11 / 3 and 2.1 / 3, b 0.201 / 3 and 2.2 / 3. The standard error of two
    # numbers is half of their difference.
    assert a["regret @3 ±"] == pytest.approx((2.1 - 0.11) / 3 / 2)
    assert b["regret @3 ±"] == pytest.approx((2.2 - 0.201) / 3 / 2)

    # a against b: tie, win, win, loss, win, win.
    a, b = ranks["a"], ranks["b"]
    assert a["rank @3"] == pytest.approx((1.5 + 1 + 1 + 2 + 1 + 1) / 6)
    assert b["rank @3"] == pytest.approx((1.5 + 2 + 2 + 1 + 2 + 2) / 6)
    floor = math.log10(LOG_FLOOR)
    assert a["log10 @3"] == pytest.approx((-1 - 1 + floor + 0 - 2 + 0) / 6)
    assert b["log10 @3"] == pytest.approx(
        (-1 + math.log10(0.2) - 3 + floor - 1 + math.log10(2)) / 6
    )

    a, b = counts["a"], counts["b"]
    assert (a["optimum found"], b["optimum found"]) == (1, 1)
    assert (a["repeats"], b["repeats"]) == (0, 6 + 3)
    assert (a["median CPU s"], b["median CPU s"]) == (0.1, 0.1)
    assert a["mean CPU s"] == pytest.approx(0.2)
    assert b["mean CPU s"] == pytest.approx(0.1)

    assert families == {
        "HPOBench": {"a": pytest.approx(1.2 / 4), "b": pytest.approx(0.301 / 4)},
        "NASBench201": {"a": pytest.approx(0.505), "b": pytest.approx(1.05)},
    }
    assert tables == {
        "car": {"a": pytest.approx(0.1), "b": pytest.approx(0.15)},
        "kc1": {"a": pytest.approx(0.5), "b": pytest.approx(0.0005)},
        "cifar10": {"a": pytest.approx(0.505), "b": pytest.approx(1.05)},
    }


def test_three_way_tie_shares_its_ranks(make_record: MakeRecord, sheets: Sheets) -> None:
    ends = {"a": 0.5, "b": 0.2, "c": 0.5, "d": 0.5}
    _, ranks, _ = sheets(SUITE, [make_record([end], method=m) for m, end in ends.items()]).values()
    found = {method: row["rank @1"] for method, row in ranks.items()}
    assert found == {"a": 3.0, "b": 1.0, "c": 3.0, "d": 3.0}


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (1, (1,)),
        (24, (24,)),
        (25, (25,)),
        (26, (25, 26)),
        (100, (25, 50, 100)),
        (120, (25, 50, 100, 120)),
    ],
)
def test_checkpoints_have_the_best_value_by_then_and_end_with_the_run(
    make_record: MakeRecord, sheets: Sheets, trials: int, expected: tuple[int, ...]
) -> None:
    # The best value so far after trial t is 1 / t; one seed has no standard error.
    regrets, *_ = sheets(SUITE, [make_record([1 / t for t in range(1, trials + 1)])]).values()
    assert regrets["tpe"] == pytest.approx({f"regret @{n}": 1 / n for n in expected})


@st.composite
def _grids(draw: st.DrawFn) -> list[tuple[str, str, int, list[float]]]:
    n_trials = draw(st.integers(1, 4))
    values = st.lists(st.sampled_from([0.0, 0.25, 0.5, 3.0]), min_size=n_trials, max_size=n_trials)
    methods = "abc"[: draw(st.integers(1, 3))]
    tables = ["car", "kc1"][: draw(st.integers(1, 2))]
    seeds = range(draw(st.integers(1, 2)))
    return [(*run, draw(values)) for run in product(methods, tables, seeds)]


@given(grid=_grids(), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_numbers_do_not_depend_on_the_order_of_records(
    make_record: MakeRecord,
    sheets: Sheets,
    grid: list[tuple[str, str, int, list[float]]],
    data: st.DataObject,
) -> None:
    records = [make_record(v, method=m, table=t, seed=n) for m, t, n, v in grid]
    expected = sheets(SUITE, records)
    shuffled = sheets(SUITE, data.draw(st.permutations(records)))
    assert set(shuffled) == set(expected)
    for title, rows in expected.items():
        assert set(shuffled[title]) == set(rows)
        for name, numbers in rows.items():
            assert shuffled[title][name] == pytest.approx(numbers)
    # Ranks share out 1 + 2 + ... + S whatever the ties.
    _, ranks, *_ = expected.values()
    found = [row[f"rank @{len(grid[0][-1])}"] for row in ranks.values()]
    assert sum(found) == pytest.approx(len(found) * (len(found) + 1) / 2)
    assert all(1 <= rank <= len(found) for rank in found)
