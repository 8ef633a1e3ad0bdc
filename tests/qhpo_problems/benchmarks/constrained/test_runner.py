"""Runs are judged by the problem's own rules, the same every time, and none is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks import grid, samplers
from qhpo_problems.benchmarks.constrained import (
    CONTESTANTS,
    ConstrainedRun,
    Declaration,
    Declared,
    Problem,
    Told,
    load_problem,
    run_constrained,
    run_constrained_trials,
    runner,
)
from qhpo_problems.benchmarks.constrained.cardinality import Cardinality
from qhpo_problems.benchmarks.constrained.knapsack import Knapsack
from qhpo_problems.benchmarks.constrained.layers import Layers
from qhpo_problems.benchmarks.constrained.ordering import Ordering

CHEAP = {name: CONTESTANTS[name] for name in ("tpe", "random")}


class Scripted(BaseSampler):
    """Suggests a list of values for whatever it is asked."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self.values[trial.number]


def _without_times(record: ConstrainedRun) -> ConstrainedRun:
    return replace(record, cpu_seconds=())


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int, int]]:
    """The runs that are really made, in this process instead of a worker."""
    runs: list[tuple[str, str, int, int]] = []

    def in_this_process(
        function: Any, tasks: Sequence[Any], **_: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        for task in tasks:
            runs.append((task.sampler, task.table, task.seed, task.trials))
            yield task, function(task)

    monkeypatch.setattr(grid, "run_in_workers", in_this_process)
    return runs


def test_a_told_run_is_what_its_sampler_did(four: Problem[int]) -> None:
    contestant = Told(lambda seed: Scripted([0, 3, 1, 3, 2, 1]))
    run = run_constrained_trials(four, contestant, name="s", seed=8, trials=6, fingerprint="fp")
    assert (run.sampler, run.table, run.seed, run.fingerprint) == ("s", "four", 8, "fp")
    assert (run.optimum, run.reference) == (5.0, 15.0)
    assert run.values == (0.0, 1.0, 15.0, 1.0, 5.0, 15.0)
    assert run.feasible == (False, False, True, False, True, True)
    assert run.repeated == (False, False, False, True, False, True)
    # Values below the optimum do not count, for their trials are infeasible.
    assert run.best_so_far.tolist() == [float("inf")] * 2 + [15.0, 15.0, 5.0, 5.0]
    assert run.gap.tolist() == [float("inf")] * 2 + [1.0, 1.0, 0.0, 0.0]
    assert len(run.cpu_seconds) == 6
    assert min(run.cpu_seconds) > 0
    assert "optuna" in run.versions


def test_a_declared_run_is_judged_by_the_problem_not_by_what_was_declared() -> None:
    class Liar(Cardinality):
        """Declares that any number may be on."""

        def declaration(self) -> Declaration:
            return replace(super().declaration(), constraints=())

    contestant = Declared(lambda seed, _: Scripted([True, False]))
    run = run_constrained_trials(Liar(3, 3), contestant, name="s", seed=0, trials=2)
    assert run.feasible == (True, False)


@pytest.mark.parametrize(
    "problem",
    [Cardinality(7, 2), Knapsack(7, 2), Ordering(4), Layers(3, 2, 2, 2)],
    ids=lambda problem: problem.name,
)
def test_qubo_keeps_the_constraints_and_repeats_nothing(problem: Problem[Any]) -> None:
    run = run_constrained_trials(problem, CONTESTANTS["qubo"], name="qubo", seed=1, trials=16)
    assert all(run.feasible)
    assert not any(run.repeated)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_same_seed_same_run_and_a_prefix_is_a_shorter_run(name: str) -> None:
    problem, contestant = Cardinality(6, 3), CONTESTANTS[name]
    long = run_constrained_trials(problem, contestant, name=name, seed=1, trials=14)
    short = run_constrained_trials(problem, contestant, name=name, seed=1, trials=12)
    other = run_constrained_trials(problem, contestant, name=name, seed=2, trials=12)
    assert _without_times(long.prefix(12)) == _without_times(short)
    assert len(long.prefix(12).feasible) == 12
    assert other.values != short.values


def _compare(cache: Path, **changes: Any) -> list[ConstrainedRun]:
    settings = {"problems": ["layers"], "seeds": [0, 1], "trials": 4, "cache": cache}
    settings |= changes
    return run_constrained(settings.pop("contestants", CHEAP), settings.pop("problems"), **settings)


def test_only_missing_runs_are_made(
    tmp_path: Path, made: list[tuple[str, str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _compare(tmp_path)
    assert made == [(name, "layers", seed, 4) for seed in (0, 1) for name in CHEAP]
    assert [(r.seed, r.sampler) for r in first] == [(s, n) for s in (0, 1) for n in CHEAP]

    made.clear()
    seen: list[ConstrainedRun] = []
    assert _compare(tmp_path, on_record=seen.append) == first
    assert seen == first
    assert _compare(tmp_path, trials=3) == [record.prefix(3) for record in first]
    assert made == []

    wider = _compare(tmp_path, problems=["layers", "ordering"], seeds=[1])
    assert made == [(name, "ordering", 1, 4) for name in CHEAP]
    assert wider[:2] == first[2:]

    made.clear()
    monkeypatch.setattr(runner, "fingerprint", lambda name, factory, sources: f"new-{name}")
    _compare(tmp_path)
    assert len(made) == 4


def test_each_problem_has_its_own_number_of_trials(
    tmp_path: Path, made: list[tuple[str, str, int, int]]
) -> None:
    problems = ["layers", "ordering"]
    only_random = {"random": CONTESTANTS["random"]}
    runs = _compare(tmp_path, contestants=only_random, problems=problems, seeds=[0], trials=None)
    assert [run.trials for run in runs] == [100, 200]
    assert [trials for *_, trials in made] == [100, 200]


def test_fingerprints_tell_problems_and_samplers_apart(
    tmp_path: Path, made: list[tuple[str, str, int, int]]
) -> None:
    prints = {
        record.fingerprint
        for record in _compare(tmp_path, problems=["layers", "ordering"], seeds=[0], trials=1)
    }
    assert len(prints) == len(made) == 4


def test_edited_problem_concerns_its_own_runs_only(
    tmp_path: Path, made: list[tuple[str, str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = ["layers", "ordering"]
    _compare(tmp_path / "cache", problems=problems)
    true_sources = runner._sources

    def edited(problem: Problem[Any]) -> list[Path]:
        *paths, own = true_sources(problem)
        if problem.name == "layers":
            copy = tmp_path / own.name
            copy.write_bytes(own.read_bytes() + b"# edited\n")
            own = copy
        return [*paths, own]

    monkeypatch.setattr(runner, "_sources", edited)
    made.clear()
    _compare(tmp_path / "cache", problems=problems)
    assert {table for _, table, *_ in made} == {"layers"}
    assert {path.name for path in true_sources(load_problem("layers"))} == {
        "problem.py",
        "contestants.py",
        "layers.py",
    }


def test_workers_make_the_same_runs(tmp_path: Path) -> None:
    for record in _compare(tmp_path, jobs=2):
        alone = run_constrained_trials(
            load_problem("layers"),
            CHEAP[record.sampler],
            name=record.sampler,
            seed=record.seed,
            trials=4,
            fingerprint=record.fingerprint,
        )
        assert _without_times(record) == _without_times(alone)


KILLED = """
import os, signal, sys
from pathlib import Path
from qhpo_problems.benchmarks.constrained import CONTESTANTS, run_constrained

def kill_at_second(record, seen=[]):
    seen.append(record)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run_constrained(
        {name: CONTESTANTS[name] for name in ("tpe", "random")}, ["layers"], seeds=[0, 1],
        trials=4, cache=Path(sys.argv[1]), on_record=kill_at_second,
    )
"""


def test_killed_comparison_continues_where_it_stopped(
    tmp_path: Path, made: list[tuple[str, str, int, int]]
) -> None:
    script, cache = tmp_path / "killed.py", tmp_path / "cache"
    script.write_text(KILLED)
    killed = subprocess.run([sys.executable, script, cache], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.json")}
    done = {(data["sampler"], data["seed"]) for data in map(json.loads, map(Path.read_text, kept))}
    assert len(done) == 2

    runs = _compare(cache)
    assert {(name, seed) for name, _, seed, _ in made} == {
        (run.sampler, run.seed) for run in runs
    } - done
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_mistakes_are_told_before_any_run(
    tmp_path: Path, made: list[tuple[str, str, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(QhpoError, match="got 'sat'"):
        _compare(tmp_path, problems=["layers", "sat"])
    with pytest.raises(QhpoError, match="at least one trial; got trials=0"):
        _compare(tmp_path, trials=0)
    monkeypatch.setattr(samplers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"the sampler gp needs the package torch"):
        _compare(tmp_path, contestants=dict(CONTESTANTS))
    assert made == []


def test_warm_up_runs_everyone_on_everything_beyond_the_random_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[tuple[str, type, int]] = []

    def recorded(problem: Problem[Any], contestant: Any, *, trials: int, **_: Any) -> None:
        runs.append((problem.name, type(contestant.sampler(0, problem)), trials))

    monkeypatch.setattr(runner, "run_constrained_trials", recorded)
    monkeypatch.setattr(optuna.logging, "set_verbosity", lambda level: None)
    runner._warm_up((CONTESTANTS["tpe"], CONTESTANTS["random"]))
    assert {(name, kind) for name, kind, _ in runs} == {
        (name, kind)
        for name in ("cardinality", "knapsack", "ordering", "layers")
        for kind in (TPESampler, RandomSampler)
    }
    assert all(trials > 10 for *_, trials in runs)
