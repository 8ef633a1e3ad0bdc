"""Samplers with pruners on problems whose trainings take time: what is counted, and what is not.

The seconds here are made up: they pass where a test lets them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler

from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import Objective, Problem
from qhpo_problems.benchmarks import Record, load_suite, run_suite
from qhpo_problems.benchmarks.sampling import training
from qhpo_problems.benchmarks.sampling.curves.methods import REFERENCE, Stopping
from qhpo_problems.benchmarks.sampling.curves.stopping import SUITE
from qhpo_problems.benchmarks.sampling.curves.trained import load_unit, run_trained, store_unit
from qhpo_problems.benchmarks.sampling.methods import PEERS, Told
from qhpo_problems.benchmarks.sampling.tuning import run_training
from qhpo_problems.training import problems

EPOCHS = 4


class Seconds:
    """A clock of CPU seconds that stands still between calls of `passes`."""

    def __init__(self) -> None:
        self.now = 0.0

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    clock = Seconds()
    monkeypatch.setattr(time, "thread_time", clock)
    return clock


@pytest.fixture
def problem(seconds: Seconds) -> Problem:
    """Trainings of four epochs, a second each, of errors 0.9, 0.8, 0.7, ... trial by trial."""

    def make_objective(seed: int) -> Objective:
        def objective(trial: optuna.Trial) -> float:
            trial.suggest_float("x", 0.0, 1.0)
            error = 0.9 - trial.number / 10
            for epoch in range(1, EPOCHS + 1):
                seconds.passes(1.0)
                trial.report(error, epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
            trial.set_user_attr("test_error", error + 0.05)
            return error

        return objective

    space = {"x": FloatDistribution(0.0, 1.0)}
    return Problem("made", "Made up.", "minimize", make_objective, search_space=space)


def _method(
    pruner: Callable[[], BasePruner] = NopPruner, sampler: type[RandomSampler] = RandomSampler
) -> Stopping:
    return Stopping(Told(lambda seed: sampler(seed=seed)), pruner)


def _columns(rows: Sequence[Mapping[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_row_stands_for_a_unit_and_a_trial_that_is_cut_off_counts_for_nothing(
    problem: Problem,
) -> None:
    """Trials end after 4, 8, 12, ... seconds, units after 3, 6, 9, ..."""
    rows = run_trained(problem, _method(), seed=0, budget=4, unit=3.0)
    assert _columns(rows, "validation", "test", "ended", "complete") == [
        (1.0, 1.0, 0, 0),
        (0.9, pytest.approx(0.95), 1, 1),
        (pytest.approx(0.8), pytest.approx(0.85), 2, 2),
        # The third trial ends with the last unit, after 12 seconds.
        (pytest.approx(0.7), pytest.approx(0.75), 3, 3),
    ]
    rows = run_trained(problem, _method(), seed=0, budget=1, unit=11.0)
    assert _columns(rows, "ended", "complete") == [(2, 2)]


def test_what_follows_the_last_report_takes_time_too(seconds: Seconds, problem: Problem) -> None:
    objective = problem.objective(0)

    def longer(trial: optuna.Trial) -> Any:
        value = objective(trial)
        seconds.passes(2.0)
        return value

    slow = replace(problem, make_objective=lambda seed: longer)
    rows = run_trained(slow, _method(), seed=0, budget=2, unit=5.0)
    # A trial ends after six seconds, when the unit of five is full already.
    assert _columns(rows, "complete") == [(0,), (1,)]


class _StopsOdd(BasePruner):
    """Stops every second trial at its first report."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.number % 2 == 1


def test_a_stopped_trial_costs_what_it_was_trained_for_and_is_never_the_best(
    problem: Problem,
) -> None:
    """Of ten seconds a whole trial takes four, and a stopped one a single one."""
    (row,) = run_trained(problem, _method(_StopsOdd), seed=0, budget=1, unit=10.0)
    assert (row["ended"], row["complete"]) == (4, 2)
    assert row["validation"] == pytest.approx(0.7)


def test_suggestions_and_decisions_take_none_of_the_time(
    seconds: Seconds, problem: Problem
) -> None:
    class Slow(RandomSampler):
        def sample_independent(self, *args: Any) -> Any:
            seconds.passes(100.0)
            return super().sample_independent(*args)

    class SlowPruner(BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            seconds.passes(10.0)
            return False

    rows = run_trained(problem, _method(SlowPruner, Slow), seed=0, budget=3, unit=4.0)
    assert _columns(rows, "complete") == [(1,), (2,), (3,)]
    # Beside each mean there is a zero, for the time before anything has ended.
    assert rows[-1]["cpu_seconds"] == pytest.approx(300 / 4)
    assert rows[-1]["decision_seconds"] == pytest.approx(120 / 13)


def test_the_unit_is_the_mean_time_of_trainings_to_their_end(
    problem: Problem, tmp_path: Path
) -> None:
    path = tmp_path / "times" / "made.json"
    store_unit(problem, path)
    assert json.loads(path.read_text()) == [EPOCHS] * 10
    assert load_unit(path) == EPOCHS
    path.write_text("[1.0, 4.0]")
    assert load_unit(path) == 2.5


def test_a_real_training_is_the_same_under_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = run_training(problems.CNN_DIGITS, PEERS["random"], seed=1, trials=1)
    # A second between a look at the clock and the next: forty epochs and what follows them.
    ticks = count()
    monkeypatch.setattr(time, "thread_time", lambda: float(next(ticks)))
    method = Stopping(PEERS["random"], NopPruner)
    (row,) = run_trained(problems.CNN_DIGITS, method, seed=1, budget=1, unit=41.0)
    assert row["complete"] == 1
    assert (row["validation"], row["test"]) == (whole["validation"], whole["test"])


def test_every_problem_declares_what_its_trials_ask_for() -> None:
    """So all of a suggestion is made before the clock of a training starts."""
    for name in SUITE.tables:
        assert training.installed(name).search_space
    assert load_suite("stopping") is SUITE
    assert SUITE.always == (REFERENCE,)


def test_a_missing_package_is_told_before_the_first_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Any]
) -> None:
    lacking = replace(problems.CNN_PHYSIO, packages=("no_such_package",))
    monkeypatch.setattr(training, "_PROBLEMS", {"cnn-physio": lacking})
    expected = "the problem cnn-physio needs the package no_such_package"
    with pytest.raises(MissingExtraError, match=expected):
        run_suite(SUITE, ["tpe+none"], ["cnn-physio"], seeds=[0], cache=tmp_path)
    assert made == []


def test_a_problem_that_is_no_table_is_refused_with_those_that_are(tmp_path: Path) -> None:
    expected = "must be among cnn-digits, cnn-physio, transformer-text; got 'rnn-vowels'"
    with pytest.raises(QhpoError, match=expected):
        run_suite(SUITE, ["tpe+none"], ["rnn-vowels"], seeds=[0], cache=tmp_path)


def test_all_methods_on_a_problem_share_the_unit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Any], problem: Problem
) -> None:
    monkeypatch.setattr(training, "_PROBLEMS", {"cnn-digits": problem})
    methods = ["random+model", "tpe+none"]
    suite = replace(SUITE, warm_up=None)
    run_suite(suite, methods, ["cnn-digits"], seeds=[0, 1], trials=2, cache=tmp_path)
    assert [name for name, *_ in made] == ["training times", *methods * 2]
    assert len(list((tmp_path / "training_times" / "cnn-digits").iterdir())) == 1


def test_a_change_of_qhpo_measures_no_unit_anew_while_runs_of_peers_are_kept() -> None:
    assert "tpe+none" in SUITE.peers
    assert SUITE.inputs is not None
    assert SUITE.inputs.is_peer
    # And whatever else does, makes all runs anew.
    method = SUITE.methods["tpe+none"]
    assert set(SUITE.inputs.sources("cnn-digits")) <= set(SUITE.sources(method, "cnn-digits"))


def test_the_report_has_all_problems_and_each_with_their_shares_of_the_time(
    sheets: Callable[..., dict[str, dict[str, dict[str, Any]]]],
) -> None:
    def record(method: str, table: str, errors: Sequence[float]) -> Record:
        rows = [
            {
                "validation": error,
                "test": error + 0.1,
                "ended": 2.0,
                "complete": 1.0,
                "cpu_seconds": 0.5,
                "decision_seconds": 0.25,
            }
            for error in errors
        ]
        return Record(method, table, 0, {"optuna": "1.0"}, "f00d", tuple(rows))

    shown = sheets(
        SUITE,
        [
            *(record(REFERENCE, table, (1.0, 0.8, 0.6, 0.4)) for table in ("a", "b")),
            record("qubo+model", "a", (1.0, 0.4, 0.4, 0.4)),
            record("qubo+model", "b", (1.0, 1.0, 1.0, 0.4)),
        ],
    )
    titles = [title.partition(": ") for title in shown]
    assert [group for group, *_ in titles] == [
        *["2 problems, 1 seed, the time of 4 trainings"] * 5,
        *["a, 1 seed, the time of 4 trainings"] * 2,
        *["b, 1 seed, the time of 4 trainings"] * 2,
    ]
    every, shares, *_, of_a, shares_of_a, _, shares_of_b = shown.values()
    assert every["qubo+model"] == pytest.approx({"validation @4": 0.4, "test @4": 0.5})
    assert shares["qubo+model"] == pytest.approx({"by validation error": 1.0, "by test error": 1.0})
    assert of_a[REFERENCE]["validation @4"] == pytest.approx(0.4)
    assert shares_of_a["qubo+model"]["by validation error"] == pytest.approx(0.5)
    assert shares_of_b["qubo+model"]["by test error"] == pytest.approx(1.0)
