"""`qhpo bench` from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from qhpo.cli import main
from qhpo_problems.benchmarks import Record, Suite, command, load_suite, suite_names

MakeRecord = Callable[..., Record]
Calls = list[dict[str, Any]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, make_record: MakeRecord) -> Calls:
    """Arguments of the comparisons that the command asks for; those on tables are made up.

    No other ends.
    """
    asked: Calls = []

    def run(
        suite: Suite, methods: Sequence[str], tables: Sequence[str], *, on_run: Any, **options: Any
    ) -> list[Record]:
        asked.append({"suite": suite.name, "methods": methods, "tables": tables, **options})
        if suite.name != "tables":
            raise KeyboardInterrupt
        records = []
        for seed in options["seeds"]:
            for table in tables:
                for method in methods:
                    values = [0.5] * (options["trials"] or 100)
                    records.append(make_record(values, method=method, table=table, seed=seed))
                    on_run(method, table, seed)
        return records

    monkeypatch.setattr(command, "run_suite", run)
    monkeypatch.setenv("COLUMNS", "80")
    return asked


@pytest.mark.parametrize("name", suite_names())
def test_defaults_are_the_full_comparison(
    calls: Calls, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code = main(["bench", "--suite", name])
    suite = load_suite(name)
    methods = suite.default or tuple(suite.methods)
    tables = suite.default_tables or tuple(suite.tables)
    seeds = {
        "batches": 20,
        "combinatorial": 10,
        "tables": 10,
        "graph": 10,
        "noisy": 20,
        "objectives": 10,
        "scale": 1,
        "searchcv": 10,
        "importance": 3,
        "transfer": 10,
    }.get(name, 5)
    assert calls == [
        {
            "suite": name,
            "methods": methods,
            "tables": tables,
            "seeds": range(seeds),
            "trials": None,
            "cache": Path("bench-cache"),
            "jobs": 1,
        }
    ]
    total = len(methods) * len(tables) * seeds
    if suite.inputs is not None:
        total += len(tables) * (seeds if suite.inputs.by_seed else 1)
    shown = capsys.readouterr().err
    if name == "tables":
        assert code == 0
        assert f"{total}/{total}" in shown
    else:
        assert code == 130
        assert f"0 of {total} runs are kept in bench-cache" in shown


def test_tables_are_the_default_suite_and_its_samplers_are_in_the_help(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--seeds", "1"]) == 0
    (call,) = calls
    assert call["suite"] == "tables"
    assert call["methods"] == ("qubo", "tpe", "gp", "random")
    assert load_suite("tables").trials is not None
    assert main(["bench", "--help"]) == 0
    assert f"tables: {','.join(call['methods'])};" in " ".join(capsys.readouterr().out.split())


def test_all_tables_are_those_that_the_default_leaves_out_too(calls: Calls) -> None:
    main(["bench", "--suite", "training", "--tables", "all"])
    (call,) = calls
    assert call["tables"] == tuple(load_suite("training").tables)
    assert set(load_suite("training").default_tables) < set(call["tables"])


def test_options_reach_the_run_and_the_files(
    calls: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
            "suite": "tables",
            "methods": ("tpe", "random"),
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


def test_ablation_is_qubo_and_all_of_its_variants(calls: Calls) -> None:
    assert main(["bench", "--samplers", "ablation", "--tables", "car", "--seeds", "1"]) == 0
    (call,) = calls
    variants = [name for name in load_suite("tables").methods if name.startswith("qubo:")]
    assert call["methods"] == ("qubo", *variants)
    assert len(variants) == 11


def test_part_and_names_of_families_say_which_tables(calls: Calls) -> None:
    chosen = ["--tables", "bbob-d3,bbob-d2-f3,bbob-d2-f2"]
    for part in ("all", "choosing", "reporting"):
        main(["bench", "--suite", "functions", *chosen, "--part", part])
    everything, choosing, reporting = (call["tables"] for call in calls)
    suite = load_suite("functions")
    assert everything == (*suite.families["bbob-d3"], "bbob-d2-f3", "bbob-d2-f2")
    assert choosing == tuple(name for name in everything if name not in suite.reporting)
    assert reporting == tuple(name for name in everything if name in suite.reporting)
    assert "bbob-d2-f3" in choosing
    assert "bbob-d2-f2" in reporting


def test_noise_compares_on_the_same_tables_with_another_suite(calls: Calls) -> None:
    main(["bench", "--noise", "--part", "reporting"])
    (call,) = calls
    assert call["suite"] == "tables --noise"
    assert call["tables"] == load_suite("tables").part("reporting")


def test_the_baseline_is_always_among_the_solvers(calls: Calls) -> None:
    for chosen in ("potts,neal:one-hot", "potts,descent,neal:one-hot"):
        assert main(["bench", "--suite", "solvers", "--samplers", chosen]) == 130
    assert [call["methods"] for call in calls] == [("descent", "potts", "neal:one-hot")] * 2


@pytest.mark.parametrize(
    ("suite", "arguments", "message"),
    [
        ("tables", ["--samplers", "tpe,cma"], "--samplers must be among qubo, tpe, gp, random"),
        ("tables", ["--samplers", ""], "got ''"),
        ("tables", ["--tables", "car,cra"], "--tables must be among car, .*got 'cra'"),
        ("tables", ["--trials", "0"], "0 is not in the range"),
        ("tables", ["--seeds", "many"], "'many' is not"),
        ("tables", ["--out", "bench.txt"], r"ending in \.json or \.md; got bench\.txt"),
        ("tables", ["--plot", "bench.pdf"], r"ending in \.png or \.svg; got bench\.pdf"),
        ("constrained", ["--samplers", "qubo,smac"], "--samplers must be .*got 'smac'"),
        ("constrained", ["--samplers", "ablation"], "got 'ablation'"),
        ("constrained", ["--tables", "car"], "--tables must be among cardinality.*got 'car'"),
        ("constrained", ["--noise"], "--noise is of .*; got --suite constrained"),
        ("constrained", ["--part", "choosing"], "among all; got 'choosing'"),
        ("tables", ["--part", "third"], "'third' is not one of 'all', 'choosing', 'reporting'"),
        ("graph", ["--tables", "cora", "--part", "reporting"], "--part must leave one .* none"),
        ("functions", ["--tables", "bbob-d4"], "bbob-mixint-d10.*got 'bbob-d4'"),
        ("constrained", ["--trials", "0"], "0 is not in the range"),
        ("solvers", ["--samplers", "neal"], "--samplers .* descent, .*neal:one-hot.*got 'neal'"),
        ("solvers", ["--tables", "cart"], "--tables must be among car, .*pest-control.*got 'cart'"),
        ("encodings", ["--trials", "3"], "--trials is of suites with trials; got --suite encod"),
        ("table", [], "'table' is not one of 'tables', "),
    ],
)
def test_mistakes_are_one_line_before_anything_runs(
    calls: Calls,
    capsys: pytest.CaptureFixture[str],
    suite: str,
    arguments: list[str],
    message: str,
) -> None:
    assert main(["bench", "--suite", suite, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert calls == []


def test_interruption_says_how_to_continue(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, on_run: Any, **__: Any) -> list[Record]:
        on_run("tpe", "car", 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_suite", interrupted)
    assert main(["bench", "--samplers", "tpe", "--tables", "car", "--cache", "kept"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("qhpo: 1 of 10 runs are kept in kept")


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
    assert [sheet["title"].split(":")[0] for sheet in data["sheets"]] == ["cardinality", "layers"]
    assert len(data["runs"]) == 8

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.json")}
    assert len(kept) == 8
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.md")]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.json")} == kept
    assert (tmp_path / "out.md").read_text().count("### ") == 2


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
    refused = {method: row["refused"] for method, row in data["sheets"][0]["rows"].items()}
    assert refused == {"descent": 0, "potts": 0, "neal:one-hot": 0, "exact": 4}
    for run in data["runs"]:
        assert [row["made_of"] for row in run["rows"]] == [11, 11]
        assert [row["axes"] for row in run["rows"]] == [8, 8]
        assert {"dimod", "qhpo"} <= set(run["versions"])

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.*")}
    assert len(kept) == 10
    assert main(["bench", *arguments, "--out", str(tmp_path / "out.md")]) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("cache/*/*/*.*")} == kept
    assert (tmp_path / "out.md").read_text().count("### ") == 2


PROGRAM = """
import sys
import time
from pathlib import Path

from qhpo.cli import main
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark

suggest, ended = TabularBenchmark.suggest, []


def gated(table, trial):
    # Of the runs of a process, the first may end, the next ones only after the interruption.
    if trial.number == 29:
        ended.append(trial)
        while len(ended) > 1 and not Path("interrupted").exists():
            time.sleep(0.01)
    return suggest(table, trial)


TabularBenchmark.suggest = gated  # in the workers too, which import this file

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
