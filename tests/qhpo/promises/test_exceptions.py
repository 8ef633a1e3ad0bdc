"""A condition need not explain every trial: a few may lack a parameter that the others have."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import create_trial

from qhpo import QUBOSampler
from tests.qhpo.promises.cases import LIGHT, keys, make_study, messages

X = FloatDistribution(-5, 5)


def _add(study: optuna.Study, params: Mapping[str, Any], dist: BaseDistribution) -> None:
    space = dict.fromkeys(params, dist)
    study.add_trial(create_trial(params=dict(params), distributions=space, value=10.0))


def _valley(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    return (x - y) ** 2 + 0.1 * (x - 3) ** 2


def test_a_trial_that_was_added_without_a_parameter_costs_nothing() -> None:
    total = 0.0
    for seed in range(4):
        study = optuna.create_study(sampler=QUBOSampler(seed=seed))
        _add(study, {"x": 1.0}, X)
        study.optimize(_valley, n_trials=30)
        total += study.best_value / 4
    assert total < 0.1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lacking", [["x"], ["y"], ["x", "y"]])
def test_what_a_few_trials_lack_is_suggested_with_the_rest(seed: int, lacking: list[str]) -> None:
    study = make_study(None, seed=seed, n_startup_trials=10)
    for name in lacking:
        _add(study, {name: 1.0}, X)
    study.optimize(_valley, n_trials=14)
    trial = study.ask()
    trial.suggest_float("x", -5, 5)
    assert set(trial.relative_params) == {"x", "y"}


@pytest.mark.parametrize("seed", range(3))
def test_the_best_trial_may_lack_a_parameter(seed: int) -> None:
    study = make_study(None, seed=seed, n_startup_trials=5)
    space: dict[str, BaseDistribution] = {"x": X}
    study.add_trial(create_trial(params={"x": 1.0}, distributions=space, value=-10.0))
    study.optimize(_valley, n_trials=20)
    trial = study.ask()
    trial.suggest_float("x", -5, 5)
    assert set(trial.relative_params) == {"x", "y"}


@pytest.mark.parametrize("seed", range(4))
def test_early_returns_are_not_repeated(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    study = make_study(None, seed=seed, n_startup_trials=6)

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_int("x", 0, 5), trial.suggest_int("y", 0, 3)
        if (x, y) in ((2, 1), (4, 0)):
            return 9.0
        return (x - 3) ** 2 + y + abs(trial.suggest_int("z", 0, 2) - 1)

    with caplog.at_level(logging.WARNING, logger="qhpo"):
        study.optimize(objective, n_trials=68)
    # Of 24 pairs two have no z: that is all there is.
    assert len(set(keys(study))) == 68
    assert messages(caplog) == []


def test_a_learnt_condition_survives_an_exception() -> None:
    study = make_study(None, n_startup_trials=8)

    def objective(trial: optuna.Trial) -> float:
        n = trial.suggest_int("n", 1, 3)
        value = float(n) + trial.suggest_float("u", 0, 1)
        if trial.number == 20:
            return 9.0
        return value + (trial.suggest_float("v", 0, 1) if n >= 2 else 0.5)

    study.optimize(objective, n_trials=30)
    study.enqueue_trial({"n": 3})
    trial = study.ask()
    trial.suggest_int("n", 1, 3)
    assert set(trial.relative_params) == {"n", "u", "v"}
    study.enqueue_trial({"n": 1})
    trial = study.ask()
    trial.suggest_int("n", 1, 3)
    assert set(trial.relative_params) == {"n", "u"}


@pytest.mark.parametrize("seed", range(3))
def test_a_parameter_on_its_own_is_not_repeated_beside_the_same(seed: int) -> None:
    sampler = QUBOSampler(seed=seed, n_startup_trials=3, _settings=LIGHT)
    study = optuna.create_study(sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        a, b = trial.suggest_int("a", 0, 2), trial.suggest_int("b", 0, 1)
        tuned = trial.suggest_int("tuned", 0, 40) if (a + b) % 2 else 20
        return a + abs(tuned - 10)

    study.optimize(objective, n_trials=40)
    assert len(set(keys(study)[4:])) == 36


@pytest.mark.parametrize("seed", range(2))
def test_many_trials_that_lack_a_parameter_leave_it_with_the_rest(seed: int) -> None:
    study = make_study(None, seed=seed)
    for i in range(15):
        _add(study, {"x": i / 3 - 2}, X)
    study.optimize(_valley, n_trials=5)
    trial = study.ask()
    trial.suggest_float("x", -5, 5)
    assert set(trial.relative_params) == {"x", "y"}


@pytest.mark.parametrize("seed", range(3))
def test_a_parameter_that_is_renamed(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    study = make_study(None, seed=seed)

    def ask(trial: optuna.Trial, name: str) -> float:
        return abs(trial.suggest_int("z", 0, 5) - 3) + abs(trial.suggest_int(name, 0, 4) - 2)

    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(lambda t: ask(t, "x"), n_trials=20)
        study.optimize(lambda t: ask(t, "y"), n_trials=29)
    assert len(set(keys(study))) == 49
    trial = study.ask()
    ask(trial, "y")
    assert set(trial.relative_params) == {"y", "z"}
    (message,) = messages(caplog)
    assert "none of the last trials has asked for the parameter 'x'" in message


def test_a_program_that_comes_to_ask_for_more() -> None:
    study = make_study(None)

    def ask(trial: optuna.Trial) -> float:
        return abs(trial.suggest_int("z", 0, 5) - 3) + abs(trial.suggest_int("x", 0, 4) - 2)

    study.optimize(ask, n_trials=25)
    study.optimize(lambda t: ask(t) + _more(t), n_trials=30)
    assert len(set(keys(study))) == 55
    # The best of before is the best again.
    assert study.best_params["z"] == 3
    assert any(t.params == {"z": 3, "x": 2, "w": 0} for t in study.trials)


def _more(trial: optuna.Trial) -> float:
    return trial.suggest_int("w", 0, 2) - 0.5


def test_pruned_and_returned_before_anything_is_asked_for() -> None:
    study = make_study(None)

    def objective(trial: optuna.Trial) -> float:
        if trial.number % 7 == 3:
            raise optuna.TrialPruned
        if trial.number % 7 == 5:
            return 9.0
        return _valley(trial)

    study.optimize(objective, n_trials=22)
    trial = study.ask()
    trial.suggest_float("x", -5, 5)
    assert set(trial.relative_params) == {"x", "y"}


@pytest.mark.parametrize("seed", range(2))
def test_where_an_objective_returns_early_is_known_and_left(seed: int) -> None:
    study = make_study(None, seed=seed, n_startup_trials=10)

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
        # No rule of one or two parameters by themselves says where.
        if x + y > 1:
            return 30.0
        return (x - y) ** 2 + 0.1 * x**2 + (trial.suggest_float("z", -5, 5) - x) ** 2

    study.optimize(objective, n_trials=40)
    assert sum("z" in trial.params for trial in study.trials[20:]) > 10
    assert study.best_value < 5.0
