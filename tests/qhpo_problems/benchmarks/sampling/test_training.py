"""The suite of trainings: what a run keeps of its trials, and what is shown of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler

from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import Objective, Problem
from qhpo_problems.benchmarks import Record, load_suite, run_suite
from qhpo_problems.benchmarks.sampling import training
from qhpo_problems.benchmarks.sampling.methods import LEARNING, Told
from qhpo_problems.benchmarks.sampling.tuning import run_training
from qhpo_problems.training import problems

NAN, INFINITE = math.nan, math.inf


def _problem(validation: Sequence[float], test: Sequence[float]) -> Problem:
    """Trials of one parameter, 0 or 1 in turn, with these errors one after the other."""

    def make_objective(seed: int) -> Objective:
        def objective(trial: optuna.Trial) -> float:
            trial.suggest_int("x", trial.number % 2, trial.number % 2)
            trial.set_user_attr("test_error", test[trial.number])
            return validation[trial.number]

        return objective

    return Problem("made", "Made up.", "minimize", make_objective)


def _luckiest(seed: int) -> RandomSampler:
    return RandomSampler(seed=seed)


def _latest(study: optuna.Study, sampler: Any) -> Any:
    return study.get_trials()[-1]


def _columns(rows: Sequence[Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_row_holds_the_test_errors_of_the_best_and_of_the_recommended_trial() -> None:
    problem = _problem([0.5, 0.3, 0.4, 0.3], [0.9, 0.6, 0.1, 0.2])
    rows = run_training(problem, Told(_luckiest, _latest), seed=0, trials=4)
    assert _columns(rows, "validation", "test", "recommended") == [
        (0.5, 0.9, 0.9),
        (0.3, 0.6, 0.6),
        (0.3, 0.6, 0.1),
        (0.3, 0.6, 0.2),  # the first of equals is the best
    ]
    assert _columns(rows, "repeated", "diverged") == [
        (False, False),
        (False, False),
        (True, False),
        (True, False),
    ]


def test_a_training_that_diverges_is_counted_and_is_never_the_best() -> None:
    problem = _problem([NAN, INFINITE, 0.4, NAN], [NAN, 0.9, 0.5, 0.1])
    rows = run_training(problem, LEARNING["tpe"], seed=0, trials=4)
    assert _columns(rows, "validation", "test", "diverged") == [
        (None, None, True),
        (None, None, True),
        (0.4, 0.5, False),
        (0.4, 0.5, True),
    ]
    assert _columns(rows, "recommended")[0] == (None,)
    assert _columns(rows, "recommended")[2:] == [(0.5,), (0.5,)]


def test_every_training_goes_on_to_its_end() -> None:
    """The most hopeless of many trials, which Optuna's default pruner would end."""

    def make_objective(seed: int) -> Objective:
        def objective(trial: optuna.Trial) -> float:
            trial.suggest_int("x", 0, 1)
            error = 0.9 if trial.number == 11 else 0.1
            for step in range(1, 4):
                trial.report(error, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
            trial.set_user_attr("test_error", error)
            return error

        return objective

    problem = Problem("made", "Made up.", "minimize", make_objective)
    rows = run_training(problem, LEARNING["random"], seed=0, trials=12)
    assert [row["diverged"] for row in rows] == [False] * 12


def test_durations_are_there_and_a_trial_takes_no_less_than_nothing() -> None:
    problem = _problem([0.1] * 3, [0.1] * 3)
    for row in run_training(problem, LEARNING["random"], seed=0, trials=3):
        assert row["cpu_seconds"] is not None
        assert row["cpu_seconds"] > 0
        assert row["trial_seconds"] is not None
        assert row["trial_seconds"] > 0


def test_a_real_training_gives_the_same_errors_again_and_another_seed_gives_others() -> None:
    def errors(seed: int) -> list[tuple[Any, ...]]:
        rows = run_training(problems.CNN_DIGITS, LEARNING["random"], seed=seed, trials=1)
        return _columns(rows, "validation", "test", "recommended")

    (first,) = errors(1)
    assert errors(1) == [first]
    assert errors(2) != [first]
    assert 0 < first[0] < 1
    assert first[1] == first[2]


def test_every_problem_of_one_objective_with_a_test_error_is_a_table() -> None:
    declared = [value for value in vars(problems).values() if isinstance(value, Problem)]
    assert {problem.name for problem in declared if not problem.metrics} == set(
        load_suite("training").tables
    )


def test_a_missing_package_is_told_before_the_first_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: list[Any]
) -> None:
    lacking = replace(problems.RNN_VOWELS, packages=("no_such_package",))
    monkeypatch.setattr(training, "_PROBLEMS", {"cnn-digits": problems.CNN_DIGITS, "x": lacking})
    suite = replace(training.SUITE, tables={"cnn-digits": "", "x": ""})
    with pytest.raises(MissingExtraError, match="the problem x needs the package no_such_package"):
        run_suite(suite, ["random"], ["cnn-digits", "x"], seeds=[0], cache=tmp_path)
    assert made == []


def test_an_unknown_problem_is_refused_with_the_known_ones() -> None:
    with pytest.raises(QhpoError, match=r"must be one of: cnn-digits, .*; got 'cnn'"):
        training.installed("cnn")


def test_the_report_has_errors_with_standard_errors_and_paired_differences(
    sheets: Callable[..., dict[str, dict[str, dict[str, Any]]]],
) -> None:
    def record(method: str, seed: int, recommended: float) -> Record:
        row = {
            "validation": 0.1 * (seed + 1),
            "test": recommended + 0.1,
            "recommended": recommended,
            "repeated": False,
            "diverged": False,
            "cpu_seconds": 0.5,
            "trial_seconds": 2.0,
        }
        return Record(method, "cnn-digits", seed, {"optuna": "1.0"}, "f00d", (row, row))

    shown = sheets(
        training.SUITE,
        [
            *(record("qubo", 0, 0.2), record("qubo", 1, 0.4)),
            *(record("random", 0, 0.3), record("random", 1, 0.5)),
        ],
    )
    validation, best, recommended, behind, costs = shown.values()
    assert next(iter(shown)) == "cnn-digits, 2 trials, 2 seeds: lowest validation error"
    assert validation["qubo"] == pytest.approx({"validation @2": 0.15, "validation @2 ±": 0.05})
    assert best["qubo"]["test @2"] == pytest.approx(0.4)
    assert recommended["qubo"] == pytest.approx({"test @2": 0.3, "test @2 ±": 0.1})
    # What a seed does to both cancels.
    assert behind["random"] == pytest.approx({"behind @2": 0.1, "behind @2 ±": 0.0})
    assert costs["qubo"] == {"repeats": 0, "diverged": 0, "suggestion": 0.5, "trial": 2.0}
