"""Records side by side, and the numbers made of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks import Record, Results
from qhpo_problems.benchmarks.results import mean, median, standard_error

MakeRecord = Callable[..., Record]


@pytest.fixture
def records(make_record: MakeRecord) -> list[Record]:
    """Two methods, two tables, two seeds; the value tells them apart: 100 m + 10 t + s."""
    return [
        make_record(
            [900.0, 100 * m + 10 * t + s],
            method=method,
            table=table,
            seed=s,
            version="2.0" if method == "b" else "1.0",
        )
        for m, method in enumerate("ab")
        for t, table in enumerate(("car", "kc1"))
        for s in (0, 1)
    ]


def test_arrays_keep_their_places(records: list[Record]) -> None:
    results = Results.of(records[::-1])
    assert (results.methods, results.tables, results.seeds) == (("b", "a"), ("kc1", "car"), (0, 1))
    assert results.rows(results.tables) == 2
    values = results.field("value", results.tables)
    assert values[..., 1].tolist() == [[[110, 111], [100, 101]], [[10, 11], [0, 1]]]
    assert values[..., 0].tolist() == [[[900, 900]] * 2] * 2
    assert results.field("value", ["car"])[..., 1].tolist() == [[[100, 101]], [[0, 1]]]
    assert results.versions == {"optuna": "1.0 and 2.0"}


def test_what_there_is_not_is_infinite(make_record: MakeRecord) -> None:
    results = Results.of([make_record([-5.0, 0.5], feasible=[False, True])])
    assert results.field("gap", ["car"]).tolist() == [[[[math.inf, 0.5]]]]


def test_group_has_all_fields_of_its_tables(records: list[Record]) -> None:
    group = Results.of(records).group("title", ["kc1"], {" @2": 1})
    assert set(group.data) == {"value", "feasible", "repeated", "gap", "cpu_seconds"}
    assert group.data["gap"].shape == (2, 1, 2, 2)
    assert group.data["feasible"].tolist() == [[[[1.0, 1.0]] * 2]] * 2
    assert group.runs == 2


@pytest.mark.parametrize("break_it", ["missing", "twice", "shorter", "none"])
def test_incomplete_comparisons_are_refused(records: list[Record], break_it: str) -> None:
    broken, message = {
        "missing": (records[1:], "got 7 records of 7 runs where 2 methods, 2 tables and 2"),
        "twice": ([*records, records[0]], "got 9 records of 8 runs"),
        "shorter": ([*records[1:], records[0].prefix(1)], r"got \[1, 2\]; cut them"),
        "none": ([], "at least one run"),
    }[break_it]
    with pytest.raises(QhpoError, match=message):
        Results.of(broken).rows(["car", "kc1"])


def test_no_number_is_left_out_of_means() -> None:
    numbers = np.array([[1.0, np.nan, 5.0, 6.0], [np.nan] * 4, [1.0, np.inf, 2.0, 3.0]])
    np.testing.assert_array_equal(mean(numbers), [4.0, np.nan, np.inf])
    np.testing.assert_array_equal(median(numbers), [5.0, np.nan, 2.5])


def test_spread_is_over_seeds_of_the_mean_over_tables() -> None:
    numbers = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
    by_seed = numbers.mean(axis=1)
    expected = np.std(by_seed, axis=1, ddof=1) / math.sqrt(5)
    np.testing.assert_allclose(standard_error(numbers), expected)
    assert np.isnan(standard_error(numbers[:, :, :1])).all()
    assert standard_error(numbers[:, :, :1]).shape == (3, 6)
