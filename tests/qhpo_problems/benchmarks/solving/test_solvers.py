"""The comparison of solvers: its numbers by hand, and runs that depend on their seeds alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from qhpo.solvers import make_solver
from qhpo_problems.benchmarks import Record, Results, run_suite
from qhpo_problems.benchmarks.report import to_markdown
from qhpo_problems.benchmarks.solving import studies
from qhpo_problems.benchmarks.solving.solvers import SUITE

Sheets = Callable[..., dict[str, dict[str, dict[str, Any]]]]


def _markdown(records: list[Record]) -> str:
    return to_markdown(SUITE, Results.of(records))


def test_gaps_are_in_field_scales_from_the_lowest_known(make_run: Any, sheets: Sheets) -> None:
    records = [
        make_run([-1.0, 1.0], raw=[3.0, None], valid=[0.5, 0.0]),
        make_run([-1.0, -3.0], method="potts"),  # lower than the long search
    ]
    size, _ = sheets(SUITE, records).values()
    descent, potts = size["descent"], size["potts"]
    assert (descent["optimum"], descent["mean gap"]) == (0.5, pytest.approx(1.0))
    assert (descent["raw optimum"], descent["raw gap"]) == (0.0, None)
    assert descent["valid reads"] == 0.25
    assert (potts["optimum"], potts["mean gap"], potts["raw gap"]) == (1.0, 0.0, 0.0)
    assert potts["CPU ms"] == 4.0


def test_models_that_are_refused_are_counted_and_left_out(make_run: Any, sheets: Sheets) -> None:
    records = [
        make_run([-1.0, -1.0, 1.0]),
        make_run([-1.0, None, None], method="tree", valid=[1.0, None, None]),
        make_run([None] * 3, method="exact", valid=[None] * 3),
    ]
    size, _ = sheets(SUITE, records).values()
    assert [row["refused"] for row in size.values()] == [0, 2, 3]
    tree, exact = size["tree"], size["exact"]
    assert (tree["optimum"], tree["mean gap"], tree["valid reads"]) == (1.0, 0.0, 1.0)
    assert {number for name, number in exact.items() if name != "refused"} == {None}
    row = next(line for line in _markdown(records).splitlines() if "exact" in line)
    assert row == "| exact |" + " none |" * 8 + " 3 |"


def test_sizes_are_told_apart(make_run: Any, sheets: Sheets) -> None:
    levels = [0, 1, 100, 101, 200, 400, 900]
    titles = sheets(SUITE, [make_run([-1.0] * 7, levels=levels, proven=False)])
    assert list(titles) == [
        "1 model, nothing left by elimination; 0 of them proven",
        "2 models, 1 to 100 levels left by elimination; 0 of them proven",
        "2 models, 101 to 200 levels left by elimination; 0 of them proven",
        "2 models, 400 to 900 levels left by elimination; 0 of them proven",
        "7 models, of studies of up to 25 parameters, 1 solved by elimination; 0 of them proven",
    ]


def test_models_of_studies_of_usual_size_are_looked_at_together(
    make_run: Any, sheets: Sheets
) -> None:
    seconds = [0.001, 0.002, 0.003, 0.5]
    of = {"levels": [0, 90, 300, 300], "parameters": [4, 25, 14, 26]}
    records = [
        make_run([-1.0, -1.0, 1.0, -1.0], cpu_seconds=seconds, **of),
        make_run([-1.0] * 4, method="potts", **of),
    ]
    title = "3 models, of studies of up to 25 parameters, 1 solved by elimination; all proven"
    usual = sheets(SUITE, records)[title]
    descent, potts = usual["descent"], usual["potts"]
    assert (descent["optimum"], potts["optimum"]) == (pytest.approx(2 / 3), 1.0)
    assert (descent["CPU ms"], descent["worst"]) == (2.0, 3.0)
    assert descent["95 %"] == pytest.approx(2.9)
    assert len(sheets(SUITE, [make_run([-1.0], parameters=[26])])) == 1


def test_studies_may_have_different_numbers_of_models(make_run: Any, sheets: Sheets) -> None:
    records = [make_run([-1.0, 1.0]), make_run([1.0], table="ordering")]
    size, _ = sheets(SUITE, records).values()
    assert size["descent"]["optimum"] == pytest.approx(1 / 3)
    assert "Models of car, ordering, 1 seed, as" in _markdown(records)


def test_markdown_marks_the_best(make_run: Any) -> None:
    text = _markdown([make_run([-1.0, 1.0]), make_run([-1.0, -1.0], method="potts")])
    assert "### 2 models, 50 to 50 levels left by elimination; all proven" in text
    times = "**4.0** | **4.0** | **4.0**"
    assert f"| descent | 50.0% | 0.5000 | 50.0% | 0.500 | **100.0%** | {times} | 0 |" in text
    assert "| potts | **100.0%** | **0.0000** |" in text


def test_records_depend_on_nothing_but_the_seeds(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[Any]
) -> None:
    monkeypatch.setattr(studies, "_STUDIES", {"tiny": lambda: tiny})
    methods = {
        "descent": partial(make_solver, "descent"),
        "neal": partial(make_solver, "neal", encoding="one-hot"),
    }
    suite = replace(SUITE, methods=methods, tables={"tiny": ""})
    runs = []
    for folder in ("one", "other"):
        made.clear()
        records = run_suite(
            suite, ["descent", "neal"], ["tiny"], seeds=[4, 5], cache=tmp_path / folder
        )
        assert made[:2] == [("models", "tiny", 4), ("models", "tiny", 5)]
        assert made[2:] == [(r.method, r.table, r.seed) for r in records]
        assert len(records) == 4
        for record in records:
            assert [row["made_of"] for row in record.rows] == [11, 11, 13, 13]
        runs.append([[{**row, "cpu_seconds": 0.0} for row in record.rows] for record in records])
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][2]
