"""Shares, gaps and hits against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qhpo_problems.benchmarks import Record, Results
from qhpo_problems.benchmarks.report import to_markdown
from qhpo_problems.benchmarks.sampling.constrained import SUITE

MakeRecord = Callable[..., Record]
Sheets = Callable[..., dict[str, dict[str, dict[str, Any]]]]


@pytest.fixture
def records(make_record: MakeRecord) -> list[Record]:
    """Two samplers, three seeds, four trials on cardinality, whose checkpoints come later.

    Best feasible after four trials: qubo 0, 0.25, 0.75; tpe 1, none, none. Shares of feasible
    trials of tpe are 1/4, 0, 0, of repeats 1/2, 1/2, 1/4.
    """
    qubo = [
        make_record(
            [0.9, 0.9, end, 0.95],
            method="qubo",
            table="cardinality",
            seed=seed,
            cpu_seconds=[0.1, 0.2, 0.3, 9.0],
        )
        for seed, end in enumerate((0.0, 0.25, 0.75))
    ]
    tpe = [
        make_record(
            [-1.0, 1.0, -2.0, -3.0],
            table="cardinality",
            feasible=[False, seed == 0, False, False],
            seed=seed,
            repeated=[False, False, seed < 2, True],
            version="2.0",
        )
        for seed in range(3)
    ]
    return [*qubo, *tpe]


def test_markdown_holds_the_numbers(records: list[Record]) -> None:
    lines = to_markdown(SUITE, Results.of(records)).splitlines()
    assert lines[:6] == [
        "### cardinality: 20 on/off parameters, exactly 4 on; 4 trials, 3 seeds, gap 1 is the "
        "median feasible configuration",
        "",
        "| method | feasible | repeats | gap @4 | optimum | CPU s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| qubo | **100.0%** | **0.0%** | **0.2500** | **1 of 3** | **0.2500** |",
        "| tpe | 0.0% | 50.0% | none | 0 of 3 | 0.5000 |",
    ]
    assert lines[-1].endswith("optuna 1.0 and 2.0.")


def test_what_no_run_found_is_no_number(records: list[Record], sheets: Sheets) -> None:
    (rows,) = sheets(SUITE, records).values()
    assert (rows["qubo"]["gap @4"], rows["tpe"]["gap @4"]) == (0.25, None)


def test_checkpoints_are_the_problem_s_and_the_end(make_record: MakeRecord, sheets: Sheets) -> None:
    # The best value so far after trial t is 1 / t.
    records = [
        make_record([1 / t for t in range(1, trials + 1)], table=table)
        for table, trials in (("cardinality", 120), ("layers", 100))
    ]
    cardinality, layers = (rows["tpe"] for rows in sheets(SUITE, records).values())
    gaps = {name: gap for name, gap in cardinality.items() if "@" in name}
    assert gaps == pytest.approx({"gap @50": 0.02, "gap @100": 0.01, "gap @120": 1 / 120})
    assert [name for name in layers if "@" in name] == ["gap @50", "gap @100"]
