"""Shares, gaps and hits against numbers worked out by hand, shown the same everywhere."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.constrained import (
    ConstrainedRun,
    print_constrained,
    summarize_constrained,
    write_constrained,
)
from qhpo_problems.benchmarks.constrained.report import constrained_to_markdown
from qhpo_problems.benchmarks.records import RunCache

MakeRun = Callable[..., ConstrainedRun]


@pytest.fixture
def runs(make_run: MakeRun) -> list[ConstrainedRun]:
    """Two samplers, three seeds, four trials on cardinality, whose checkpoints come later.

    Best feasible after four trials: qubo 0, 0.25, 0.75; tpe 1, none, none.
    """
    qubo = [
        make_run([0.9, 0.9, end, 0.95], sampler="qubo", seed=seed, cpu_seconds=[0.1, 0.2, 0.3, 9.0])
        for seed, end in enumerate((0.0, 0.25, 0.75))
    ]
    tpe = [
        make_run(
            [-1.0, 1.0, -2.0, -3.0],
            [False, seed == 0, False, False],
            sampler="tpe",
            seed=seed,
            repeated=[False, False, seed < 2, True],
            version="2.0",
        )
        for seed in range(3)
    ]
    return [*qubo, *tpe]


def test_summary_against_hand(runs: list[ConstrainedRun]) -> None:
    result = summarize_constrained(runs[::-1])
    (problem,) = result.problems
    tpe, qubo = problem.samplers
    assert (problem.problem, problem.trials, problem.checkpoints) == ("cardinality", 4, (4,))
    assert problem.seeds == (0, 1, 2)
    assert (problem.optimum, problem.reference) == (0.0, 1.0)
    assert (qubo.sampler, qubo.feasible, qubo.repeats) == ("qubo", 1.0, 0.0)
    # Shares of feasible trials are 1/4, 0, 0, of repeats 1/2, 1/2, 1/4.
    assert (tpe.sampler, tpe.feasible, tpe.repeats) == ("tpe", 0.0, 0.5)
    assert (qubo.gap, tpe.gap) == ({4: 0.25}, {4: None})
    assert (qubo.hits, tpe.hits) == (1, 0)
    assert qubo.cpu_seconds == pytest.approx(0.25)
    assert result.versions == {"optuna": "1.0 and 2.0"}


def test_checkpoints_are_the_problem_s_and_the_end(make_run: MakeRun) -> None:
    # The best value so far after trial t is 1 / t.
    runs = [
        make_run([1 / t for t in range(1, trials + 1)], table=table)
        for table, trials in (("cardinality", 120), ("layers", 100))
    ]
    cardinality, layers = summarize_constrained(runs).problems
    assert cardinality.checkpoints == (50, 100, 120)
    assert layers.checkpoints == (50, 100)
    assert cardinality.samplers[0].gap == pytest.approx({50: 0.02, 100: 0.01, 120: 1 / 120})


def test_infeasible_values_never_count(make_run: MakeRun) -> None:
    run = make_run([-5.0, 0.5, 0.0, -7.0], [False, True, True, False])
    assert run.best_so_far.tolist() == [float("inf"), 0.5, 0.0, 0.0]
    assert run.prefix(2).best_so_far.tolist() == [float("inf"), 0.5]
    assert run.prefix(2).feasible == (False, True)


def test_incomplete_comparisons_are_refused(runs: list[ConstrainedRun]) -> None:
    with pytest.raises(QhpoError, match="got 5 records of 5 runs"):
        summarize_constrained(runs[1:])
    with pytest.raises(QhpoError, match=r"got \[2, 4\]; cut them"):
        summarize_constrained([runs[0].prefix(2), *runs[1:]])


def test_cache_gives_back_what_was_stored(runs: list[ConstrainedRun], tmp_path: Path) -> None:
    cache = RunCache(tmp_path, ConstrainedRun)
    for run in runs:
        cache.store(run)
        found = cache.load(
            sampler=run.sampler, table=run.table, seed=run.seed, trials=3, fingerprint="f00d"
        )
        assert found == run.prefix(3)


def test_markdown_holds_the_numbers(runs: list[ConstrainedRun]) -> None:
    lines = constrained_to_markdown(summarize_constrained(runs)).splitlines()
    assert lines[:6] == [
        "### cardinality: 20 on/off parameters, exactly 4 on; 4 trials, 3 seeds, gap 1 is the "
        "median feasible configuration",
        "",
        "| sampler | feasible | repeats | gap @4 | optimum | CPU s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| qubo | **100.0%** | **0.0%** | **0.2500** | **1 of 3** | **0.2500** |",
        "| tpe | 0.0% | 50.0% | none | 0 of 3 | 0.5000 |",
    ]
    assert lines[-1].endswith("optuna 1.0 and 2.0.")


def test_terminal_shows_the_same_cells_in_85_columns(make_run: MakeRun) -> None:
    runs = [make_run([0.5] * 300, sampler=name, table="knapsack") for name in ("qubo", "random")]
    summary = summarize_constrained(runs)
    stream = io.StringIO()
    print_constrained(summary, Console(file=stream, width=85))
    rows = [
        [cell.strip() for cell in line.replace("┃", "│").strip("│").split("│")]
        for line in stream.getvalue().splitlines()
        if line.startswith(("│", "┃"))
    ]
    assert rows == [
        [cell.strip(" *") for cell in line.strip("|").split("|")]
        for line in constrained_to_markdown(summary).splitlines()
        if line.startswith("| ") and "---" not in line
    ]


def test_json_holds_everything(runs: list[ConstrainedRun], tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    write_constrained(runs, path)
    data = json.loads(path.read_text())
    (problem,) = data["problems"]
    assert problem["reference_name"] == "the median feasible configuration"
    assert [entry["gap"] for entry in problem["samplers"]] == [{"4": 0.25}, {"4": None}]
    assert data["runs"][3]["best_so_far"] == [None, 1.0, 1.0, 1.0]
    for stored, run in zip(data["runs"], runs, strict=True):
        del stored["best_so_far"]
        assert ConstrainedRun.from_json(stored) == run


def test_markdown_file_and_other_suffixes(runs: list[ConstrainedRun], tmp_path: Path) -> None:
    write_constrained(runs, tmp_path / "out.md")
    assert (tmp_path / "out.md").read_text() == constrained_to_markdown(summarize_constrained(runs))
    with pytest.raises(QhpoError, match=r"ending in \.json or \.md; got .*out\.txt"):
        write_constrained(runs, tmp_path / "out.txt")
