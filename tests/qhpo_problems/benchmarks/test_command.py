"""`qhpo bench` from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from qhpo.cli import main
from qhpo_problems.benchmarks import command
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.samplers import SAMPLERS
from qhpo_problems.benchmarks.solvers import default_contestants, study_names
from qhpo_problems.benchmarks.tabular import table_names

MakeRecord = Callable[..., RunRecord]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, make_record: MakeRecord) -> list[dict[str, Any]]:
    """Arguments of the grids that the command asks for; their records are made up."""
    asked: list[dict[str, Any]] = []

    def grid(
        samplers: Mapping[str, Any], tables: Sequence[str], *, on_record: Any, **options: Any
    ) -> list[RunRecord]:
        asked.append({"samplers": dict(samplers), "tables": tuple(tables), **options})
        records = [
            make_record([0.5] * options["trials"], sampler=sampler, table=table, seed=seed)
            for seed in options["seeds"]
            for table in tables
            for sampler in samplers
        ]
        for record in records:
            on_record(record)
        return records

    monkeypatch.setattr(command, "run_grid", grid)
    monkeypatch.setenv("COLUMNS", "80")
    return asked


def test_defaults_are_the_full_comparison(calls: list[dict[str, Any]]) -> None:
    assert main(["bench"]) == 0
    assert calls == [
        {
            "samplers": dict(SAMPLERS),
            "tables": table_names(),
            "seeds": range(10),
            "trials": 100,
            "cache": Path("bench-cache"),
            "jobs": 1,
        }
    ]


def test_options_reach_the_grid_and_the_files(
    calls: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plot = tmp_path / "out.json", tmp_path / "plot.png"
    arguments = [
        *("--samplers", "tpe, random,tpe", "--tables", "car,imagenet", "--trials", "7"),
        *("--seeds", "2", "--first-seed", "5", "--jobs", "3", "--cache", str(tmp_path / "cache")),
        *("--out", str(out), "--plot", str(plot)),
    ]
    assert main(["bench", *arguments]) == 0
    assert calls == [
        {
            "samplers": {name: SAMPLERS[name] for name in ("tpe", "random")},
            "tables": ("car", "imagenet"),
            "seeds": range(5, 7),
            "trials": 7,
            "cache": tmp_path / "cache",
            "jobs": 3,
        }
    ]
    assert len(json.loads(out.read_text())["runs"]) == 8
    assert plot.read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr()
    assert "2 tables, 2 seeds, 7 trials" in shown.out
    assert "8/8" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samplers", "tpe,cma"], "--samplers must be among qubo, tpe, gp, random"),
        (["--samplers", ""], "got ''"),
        (["--tables", "car,cra"], "--tables must be among car, .*got 'cra'"),
        (["--trials", "0"], "0 is not in the range"),
        (["--seeds", "many"], "'many' is not"),
        (["--out", "bench.txt"], r"ending in \.json or \.md; got bench\.txt"),
        (["--plot", "bench.svg"], r"ending in \.png; got bench\.svg"),
    ],
)
def test_mistakes_are_one_line_before_anything_runs(
    calls: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main(["bench", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert calls == []


@pytest.fixture
def constrained_calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of the comparisons on problems with constraints; none of them ends."""
    asked: list[dict[str, Any]] = []

    def run(contestants: Mapping[str, Any], problems: Sequence[str], **options: Any) -> None:
        del options["on_record"]
        asked.append({"samplers": tuple(contestants), "problems": problems, **options})
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_constrained", run)
    return asked


def test_defaults_of_the_constrained_suite(
    constrained_calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--suite", "constrained"]) == 130
    assert constrained_calls == [
        {
            "samplers": ("qubo", "tpe", "gp", "nsga2", "random"),
            "problems": ("cardinality", "knapsack", "ordering", "layers"),
            "seeds": range(5),
            "trials": None,
            "cache": Path("bench-cache"),
            "jobs": 1,
        }
    ]
    assert "0 of 100 runs are kept in bench-cache" in capsys.readouterr().err


def test_options_reach_the_constrained_suite(constrained_calls: list[dict[str, Any]]) -> None:
    arguments = [
        *("--suite", "constrained", "--samplers", "nsga2,random", "--tables", "layers,knapsack"),
        *("--trials", "7", "--seeds", "2", "--first-seed", "5", "--jobs", "3", "--cache", "kept"),
    ]
    assert main(["bench", *arguments]) == 130
    assert constrained_calls == [
        {
            "samplers": ("nsga2", "random"),
            "problems": ("layers", "knapsack"),
            "seeds": range(5, 7),
            "trials": 7,
            "cache": Path("kept"),
            "jobs": 3,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samplers", "qubo,smac"], "--samplers must be among qubo, tpe, .*got 'smac'"),
        (["--samplers", "ablation"], "got 'ablation'"),
        (["--samplers", ""], "got ''"),
        (["--tables", "car"], "--tables must be among cardinality, .*layers, .*got 'car'"),
        (["--plot", "bench.png"], "--plot draws .* suite tables; got --suite constrained"),
        (["--out", "bench.txt"], r"ending in \.json or \.md; got bench\.txt"),
        (["--trials", "0"], "0 is not in the range"),
    ],
)
def test_mistakes_with_the_constrained_suite_are_one_line(
    constrained_calls: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main(["bench", "--suite", "constrained", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert constrained_calls == []


def test_unknown_suite_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--suite", "table"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'table' is not one of 'tables', 'constrained', 'solvers'" in line


def test_constrained_suite_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    arguments = [
        *("--suite", "constrained", "--samplers", "tpe,random", "--tables", "cardinality,layers"),
        *("--trials", "3", "--seeds", "2", "--cache", str(tmp_path / "cache")),
    ]
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.json")]) == 0
    shown = capsys.readouterr()
    assert "cardinality: 20 on/off parameters, exactly 4 on; 3 trials, 2 seeds" in shown.out
    assert "layers: 1 to 4 layers" in shown.out
    assert "8/8" in shown.err
    data = json.loads((tmp_path / "out.json").read_text())
    assert [problem["problem"] for problem in data["problems"]] == ["cardinality", "layers"]
    assert len(data["runs"]) == 8

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.json")}
    assert len(kept) == 8
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.md")]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.json")} == kept
    assert (tmp_path / "out.md").read_text().count("### ") == 2


@pytest.fixture
def solver_calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments of the comparisons of solvers; none of them ends."""
    asked: list[dict[str, Any]] = []

    def run(solvers: Mapping[str, Any], studies: Sequence[str], **options: Any) -> None:
        del options["on_record"], options["on_models"]
        asked.append({"solvers": tuple(solvers), "studies": studies, **options})
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_solvers", run)
    return asked


def test_defaults_of_the_solvers_suite(
    solver_calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--suite", "solvers"]) == 130
    (call,) = solver_calls
    assert call["solvers"] == tuple(default_contestants())
    assert call["studies"] == study_names()
    del call["solvers"], call["studies"]
    assert call == {"seeds": range(5), "trials": None, "cache": Path("bench-cache"), "jobs": 1}
    total = (len(default_contestants()) + 1) * len(study_names()) * 5
    assert f"0 of {total} runs are kept in bench-cache" in capsys.readouterr().err


def test_the_baseline_is_always_among_the_solvers(solver_calls: list[dict[str, Any]]) -> None:
    for chosen in ("potts,neal:one-hot", "potts,descent,neal:one-hot"):
        assert main(["bench", "--suite", "solvers", "--samplers", chosen]) == 130
    assert [call["solvers"] for call in solver_calls] == [("descent", "potts", "neal:one-hot")] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samplers", "neal"], "--samplers must be among descent, .*neal:one-hot.*got 'neal'"),
        (["--tables", "cart"], "--tables must be among car, .*pest-control.*got 'cart'"),
        (["--plot", "bench.png"], "--plot draws .* suite tables; got --suite solvers"),
    ],
)
def test_mistakes_with_the_solvers_suite_are_one_line(
    solver_calls: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main(["bench", "--suite", "solvers", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert solver_calls == []


def test_solvers_suite_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    arguments = [
        *("--suite", "solvers", "--samplers", "potts,neal:one-hot,exact", "--tables", "ordering"),
        *("--trials", "11", "--seeds", "2", "--cache", str(tmp_path / "cache")),
    ]
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.json")]) == 0
    shown = capsys.readouterr()
    assert "4 models, 64 to 64 levels left by elimination; 0 of them proven" in shown.out
    assert "10/10" in shown.err
    data = json.loads((tmp_path / "out.json").read_text())
    (size,) = data["sizes"]
    refused = {result["solver"]: result["refused"] for result in size["solvers"]}
    assert refused == {"descent": 0, "potts": 0, "neal:one-hot": 0, "exact": 4}
    for run in data["runs"]:
        assert run["made_of"] == [11, 11]
        assert run["axes"] == [8, 8]
        assert {"dimod", "qhpo"} <= set(run["versions"])

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.*")}
    assert len(kept) == 10
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.md")]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.*")} == kept
    assert (tmp_path / "out.md").read_text().count("### ") == 2


def test_interruption_says_how_to_continue(
    monkeypatch: pytest.MonkeyPatch, make_record: MakeRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, on_record: Any, **__: Any) -> list[RunRecord]:
        on_record(make_record([0.5]))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_grid", interrupted)
    assert main(["bench", "--samplers", "tpe", "--tables", "car", "--cache", "kept"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("qhpo: 1 of 10 runs are kept in kept")


PROGRAM = """
import sys
import time
from pathlib import Path

from qhpo.cli import main
from qhpo_problems.benchmarks.tabular import TabularProblem

objective, ended = TabularProblem.objective, []


def gated(table, trial):
    # Of the runs of a process, the first may end, the next ones only after the interruption.
    if trial.number == 29:
        ended.append(trial)
        while len(ended) > 1 and not Path("interrupted").exists():
            time.sleep(0.01)
    return objective(table, trial)


TabularProblem.objective = gated  # in the workers too, which import this file

if __name__ == "__main__":
    sys.exit(main())
"""


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_continues(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    arguments = [
        *("--samplers", "tpe", "--tables", "car", "--seeds", "3", "--trials", "30"),
        *("--cache", str(tmp_path / "cache")),
    ]
    # In a session of its own, a signal to the group is what a terminal's Ctrl-C is.
    with subprocess.Popen(
        [sys.executable, script, "bench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    ) as process:
        while process.poll() is None and not list(tmp_path.glob("cache/*/*/*.json")):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate()
    (tmp_path / "interrupted").touch()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.json")}
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert len(kept) == 1

    again = subprocess.run(
        [sys.executable, script, "bench", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert again.returncode == 0, again.stderr
    assert len(list(tmp_path.glob("cache/*/*/*.json"))) == 3
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
