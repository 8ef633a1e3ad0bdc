"""Summary and tables of a comparison of solvers, from records made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.solvers import summarize_solvers, write_solvers
from qhpo_problems.benchmarks.solvers.report import solvers_to_markdown


def test_gaps_are_in_field_scales_from_the_lowest_known(make_run: Any) -> None:
    records = [
        make_run([-1.0, 1.0], raw=[3.0, None], valid=[0.5, 0.0]),
        make_run([-1.0, -3.0], sampler="potts"),  # lower than the long search
    ]
    (size,) = summarize_solvers(records).sizes
    descent, potts = size.solvers
    assert (size.models, size.proven, size.smallest, size.largest) == (2, 2, 50, 50)
    assert (descent.hits, descent.gap) == (0.5, pytest.approx(1.0))
    assert (descent.raw_hits, descent.raw_gap) == (0.0, None)
    assert descent.valid == 0.25
    assert (potts.hits, potts.gap, potts.raw_gap) == (1.0, 0.0, 0.0)
    assert potts.cpu_seconds == 0.004


def test_models_that_are_refused_are_counted_and_left_out(make_run: Any) -> None:
    records = [
        make_run([-1.0, -1.0, 1.0]),
        make_run([-1.0, None, None], sampler="tree", valid=[1.0, None, None]),
        make_run([None] * 3, sampler="exact", valid=[None] * 3),
    ]
    summary = summarize_solvers(records)
    descent, tree, exact = summary.sizes[0].solvers
    assert (descent.refused, tree.refused, exact.refused) == (0, 2, 3)
    assert (tree.hits, tree.gap, tree.valid) == (1.0, 0.0, 1.0)
    assert exact.hits is exact.gap is exact.valid is exact.cpu_seconds is None
    assert exact.cpu_seconds_95 is exact.cpu_seconds_worst is None
    row = next(line for line in solvers_to_markdown(summary).splitlines() if "exact" in line)
    assert row == "| exact |" + " none |" * 8 + " 3 |"


def test_sizes_are_told_apart(make_run: Any) -> None:
    levels = [0, 1, 100, 101, 200, 400, 900]
    sizes = summarize_solvers([make_run([-1.0] * 7, levels=levels, proven=False)]).sizes
    assert [(size.smallest, size.largest) for size in sizes] == [
        (0, 0),
        (1, 100),
        (101, 200),
        (400, 900),
    ]
    assert [size.models for size in sizes] == [1, 2, 2, 2]
    assert {size.proven for size in sizes} == {0}


def test_models_of_studies_of_usual_size_are_looked_at_together(make_run: Any) -> None:
    seconds = [0.001, 0.002, 0.003, 0.5]
    records = [
        make_run(
            [-1.0, -1.0, 1.0, -1.0],
            levels=[0, 90, 300, 300],
            parameters=[4, 25, 14, 26],
            cpu_seconds=seconds,
        ),
        make_run([-1.0] * 4, sampler="potts", levels=[0, 90, 300, 300], parameters=[4, 25, 14, 26]),
    ]
    summary = summarize_solvers(records)
    usual = summary.usual
    assert usual is not None
    assert (usual.models, usual.eliminated, usual.smallest, usual.largest) == (3, 1, 0, 300)
    descent, potts = usual.solvers
    assert (descent.hits, potts.hits) == (pytest.approx(2 / 3), 1.0)
    assert (descent.cpu_seconds, descent.cpu_seconds_worst) == (0.002, 0.003)
    assert descent.cpu_seconds_95 == pytest.approx(0.0029)
    title = "### 3 models, of studies of up to 25 parameters, 1 solved by elimination; all proven"
    assert title in solvers_to_markdown(summary)
    large = summarize_solvers([make_run([-1.0], parameters=[26])])
    assert large.usual is None
    assert solvers_to_markdown(large).count("### ") == 1


def test_markdown_marks_the_best(make_run: Any) -> None:
    records = [make_run([-1.0, 1.0]), make_run([-1.0, -1.0], sampler="potts")]
    text = solvers_to_markdown(summarize_solvers(records))
    assert "### 2 models, 50 to 50 levels left by elimination; all proven" in text
    times = "**4.0** | **4.0** | **4.0**"
    assert f"| descent | 50.0% | 0.5000 | 50.0% | 0.500 | **100.0%** | {times} | 0 |" in text
    assert "| potts | **100.0%** | **0.0000** |" in text


def test_json_has_the_summary_and_every_run(make_run: Any, tmp_path: Path) -> None:
    records = [make_run([-1.0, None], raw=[None, None], valid=[0.0, None])]
    write_solvers(records, tmp_path / "out.json")
    data = json.loads((tmp_path / "out.json").read_text())
    assert data["studies"] == ["tiny"]
    assert data["runs"][0]["energy"] == [-1.0, None]
    assert data["sizes"][0]["solvers"][0]["refused"] == 1
    with pytest.raises(QhpoError, match=r"\.json or \.md"):
        write_solvers(records, tmp_path / "out.txt")


def test_an_incomplete_comparison_is_refused(make_run: Any) -> None:
    with pytest.raises(QhpoError, match="add the missing ones"):
        summarize_solvers([make_run([-1.0]), make_run([-1.0], sampler="potts", table="other")])
