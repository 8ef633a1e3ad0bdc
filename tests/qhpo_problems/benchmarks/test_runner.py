"""Runs are what they claim to be, the same every time, and none is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import BruteForceSampler, GPSampler, RandomSampler, TPESampler

from qhpo import QUBOSampler
from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks import grid, runner, samplers
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.runner import run_grid, run_trials
from qhpo_problems.benchmarks.samplers import SAMPLERS, SamplerFactory
from qhpo_problems.benchmarks.tabular import TabularProblem, load_table

CHEAP = {name: SAMPLERS[name] for name in ("tpe", "random")}


def _without_times(record: RunRecord) -> RunRecord:
    return replace(record, cpu_seconds=())


def _files(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.json")}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """The runs that are really made, in this process instead of a worker."""
    runs: list[tuple[str, str, int]] = []

    def in_this_process(
        function: Any, tasks: Sequence[Any], **_: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        for task in tasks:
            runs.append((task.sampler, task.table, task.seed))
            yield task, function(task)

    monkeypatch.setattr(grid, "run_in_workers", in_this_process)
    return runs


@pytest.mark.parametrize(
    ("name", "kind"),
    [("qubo", QUBOSampler), ("tpe", TPESampler), ("gp", GPSampler), ("random", RandomSampler)],
)
def test_names_are_the_samplers_they_say(name: str, kind: type) -> None:
    assert type(SAMPLERS[name](0)) is kind
    assert len(SAMPLERS) == 4


def test_record_tells_what_happened(table: TabularProblem) -> None:
    record = run_trials(table, SAMPLERS["random"], name="r", seed=3, trials=20, fingerprint="fp")
    assert (record.sampler, record.table, record.family, record.seed) == ("r", "small", "made", 3)
    assert (record.optimum, record.median, record.fingerprint) == (0.0, 5.5, "fp")
    assert record.trials == len(record.cpu_seconds) == len(record.repeated) == 20
    # The table's values are all different, so a repeated value is a repeated configuration.
    assert record.repeated == tuple(v in record.values[:i] for i, v in enumerate(record.values))
    assert sum(record.repeated) >= 20 - 12
    assert min(record.cpu_seconds) > 0
    assert "optuna" in record.versions


def _brute_force(seed: int) -> BruteForceSampler:
    return BruteForceSampler(seed=seed)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_sampler_without_repeats_has_none(table: TabularProblem) -> None:
    record = run_trials(table, _brute_force, name="all", seed=0, trials=12)
    assert not any(record.repeated)
    assert sorted(record.values) == list(range(12))


@pytest.mark.parametrize("name", SAMPLERS)
def test_same_seed_same_run_and_a_prefix_is_a_shorter_run(name: str) -> None:
    table, factory = load_table("cifar10"), SAMPLERS[name]
    long = run_trials(table, factory, name=name, seed=1, trials=15)
    short = run_trials(table, factory, name=name, seed=1, trials=13)
    other = run_trials(table, factory, name=name, seed=2, trials=13)
    assert _without_times(long.prefix(13)) == _without_times(short)
    assert other.values != short.values


def test_workers_make_the_runs_of_the_grid_in_order(tmp_path: Path) -> None:
    tables, seen = ["car", "cifar10"], []
    records = run_grid(
        CHEAP, tables, seeds=[4, 2], trials=11, cache=tmp_path, jobs=2, on_record=seen.append
    )
    order = [(s, t, n) for s in (4, 2) for t in tables for n in CHEAP]
    assert [(r.seed, r.table, r.sampler) for r in records] == order
    assert sorted(seen, key=records.index) == records
    for record in records:
        alone = run_trials(
            load_table(record.table),
            CHEAP[record.sampler],
            name=record.sampler,
            seed=record.seed,
            trials=11,
            fingerprint=record.fingerprint,
        )
        assert _without_times(record) == _without_times(alone)


def _grid(cache: Path, factories: dict[str, SamplerFactory] = CHEAP, **changes: Any) -> Any:
    settings = {"tables": ["car"], "seeds": [0, 1], "trials": 5, "cache": cache}
    return run_grid(factories, **{**settings, **changes})


def test_only_missing_runs_are_made(tmp_path: Path, made: list[tuple[str, str, int]]) -> None:
    first = _grid(tmp_path)
    assert len(made) == 4
    before = _files(tmp_path)
    assert len(before) == 4

    made.clear()
    assert _grid(tmp_path) == first
    assert made == []
    assert _grid(tmp_path, trials=3) == [record.prefix(3) for record in first]
    assert made == []
    assert _files(tmp_path) == before

    wider = _grid(tmp_path, tables=["car", "cifar10"], seeds=[1])
    assert made == [("tpe", "cifar10", 1), ("random", "cifar10", 1)]
    assert wider[:2] == first[2:]

    made.clear()
    longer = _grid(tmp_path, trials=7)
    assert len(made) == 4
    assert [_without_times(r.prefix(5)) for r in longer] == [_without_times(r) for r in first]


def test_cached_runs_are_reported_first(tmp_path: Path, made: list[tuple[str, str, int]]) -> None:
    _grid(tmp_path, seeds=[1])
    seen: list[int] = []
    _grid(tmp_path, on_record=lambda record: seen.append(record.seed))
    assert seen == [1, 1, 0, 0]


def test_edited_code_is_not_answered_by_old_runs(
    tmp_path: Path, made: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _grid(tmp_path)
    monkeypatch.setattr(runner, "fingerprint", lambda name, factory: f"new-{name}")
    made.clear()
    _grid(tmp_path)
    assert len(made) == 4


def test_variants_are_compared_like_samplers(
    tmp_path: Path, made: list[tuple[str, str, int]]
) -> None:
    variants = {
        "early / 2": partial(_tpe_after, startup=2),
        "late": partial(_tpe_after, startup=20),
    }
    records = _grid(tmp_path, variants, seeds=[0], trials=20)
    assert [record.sampler for record in records] == list(variants)
    assert records[0].values[:2] == records[1].values[:2]
    assert records[0].values != records[1].values
    assert _grid(tmp_path, variants, seeds=[0], trials=20) == records
    assert len(made) == 2


def _tpe_after(seed: int, startup: int) -> TPESampler:
    return TPESampler(seed=seed, n_startup_trials=startup)


KILLED = """
import os, signal, sys
from pathlib import Path
from qhpo_problems.benchmarks import SAMPLERS, run_grid

def kill_at_third(record, seen=[]):
    seen.append(record)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_grid(
        {name: SAMPLERS[name] for name in ("tpe", "random")}, ["car"], seeds=[0, 1, 2], trials=5,
        cache=Path(sys.argv[1]), on_record=kill_at_third,
    )
"""


def test_killed_grid_continues_where_it_stopped(
    tmp_path: Path, made: list[tuple[str, str, int]]
) -> None:
    script, cache = tmp_path / "killed.py", tmp_path / "cache"
    script.write_text(KILLED)
    killed = subprocess.run([sys.executable, script, cache], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = _files(cache)
    assert len(kept) == 3
    done = set()
    for path in kept:
        data = json.loads(path.read_text())
        done.add((data["sampler"], data["table"], data["seed"]))

    records = _grid(cache, seeds=[0, 1, 2])
    everything = {(sampler, "car", seed) for sampler in CHEAP for seed in (0, 1, 2)}
    assert {(r.sampler, r.table, r.seed) for r in records} == everything
    assert len(made) == 3
    assert set(made) == everything - done
    assert {path: time for path, time in _files(cache).items() if path in kept} == kept


def test_mistakes_are_told_before_any_run(
    tmp_path: Path, made: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(QhpoError, match="got 'cra'"):
        _grid(tmp_path, tables=["car", "cra"])
    with pytest.raises(QhpoError, match="at least one trial; got trials=0"):
        _grid(tmp_path, trials=0)
    monkeypatch.setattr(samplers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"the sampler gp needs the package torch"):
        _grid(tmp_path, dict(SAMPLERS))
    assert made == []


def test_warm_up_runs_every_sampler_beyond_its_random_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records: list[RunRecord] = []
    true_run = run_trials

    def recorded(*args: Any, **kwargs: Any) -> RunRecord:
        records.append(true_run(*args, **kwargs))
        return records[-1]

    monkeypatch.setattr(runner, "run_trials", recorded)
    runner._warm_up(tuple(SAMPLERS.values()))
    assert len(records) == len(SAMPLERS)
    assert all(record.trials > 10 for record in records)
