"""Ranges that change from trial to trial: one model, nothing repeated, the range asked for kept."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import create_trial

from tests.qhpo.promises.cases import keys, make_study, messages, storage_at

Objective = Callable[[optuna.Trial], float]


def _bowl(low: int, high: int, step: int = 1) -> Objective:
    return lambda t: (
        (t.suggest_int("a", low, high, step=step) - 2) ** 2
        + (t.suggest_int("b", 0, 5) - 3) ** 2
        + (t.suggest_categorical("c", ["x", "y", "z"]) != "y")
    )


def _leaves(trial: optuna.Trial) -> float:
    depth = trial.suggest_int("depth", 1, 4)
    return abs(trial.suggest_int("leaves", 2, 2**depth) - 9) + abs(depth - 4)


def _below(trial: optuna.Trial) -> float:
    a = trial.suggest_int("a", 0, 5)
    return (a - 4) ** 2 + (trial.suggest_int("b", 0, a) - 3) ** 2


def _below_float(trial: optuna.Trial) -> float:
    a = trial.suggest_float("a", 0, 1)
    return (a - 0.8) ** 2 + (trial.suggest_float("b", 0, a) - 0.3) ** 2


def _below_log(trial: optuna.Trial) -> float:
    a = trial.suggest_float("a", 1e-3, 1, log=True)
    b = trial.suggest_float("b", 1e-4, a, log=True)
    return (math.log10(a) + 1) ** 2 + (math.log10(b) + 2) ** 2


def _no_repeats(study: optuna.Study) -> bool:
    return len(set(keys(study))) == len(study.trials)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, 5), (0, 7)),
        ((0, 7), (0, 4)),
        ((0, 5), (3, 9)),
        ((0, 8, 2), (0, 7)),
        ((0, 7), (1, 7, 3)),
    ],
    ids=["wider", "narrower", "elsewhere", "finer", "coarser"],
)
def test_a_study_resumed_with_another_range_repeats_nothing(
    seed: int,
    before: tuple[int, ...],
    after: tuple[int, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = make_study(None, seed=seed)
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(_bowl(*before), n_trials=12)
        study.optimize(_bowl(*after), n_trials=18)
    assert _no_repeats(study)
    assert messages(caplog) == []
    # All are suggested jointly, and the range that is asked for now is the one suggested from.
    trial = study.ask()
    _bowl(*after)(trial)
    assert set(trial.relative_params) == {"a", "b", "c"}
    assert trial.relative_params["a"] == trial.params["a"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("objective", "size"), [(_leaves, 26), (_below, 21)])
def test_a_range_that_depends_on_another_value_is_gone_through(
    seed: int, objective: Objective, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    study = make_study(None, seed=seed)
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(objective, n_trials=size)
        assert _no_repeats(study)
        assert messages(caplog) == []
        study.optimize(objective, n_trials=2)
    # One message, and it is true.
    (message,) = messages(caplog)
    assert "every configuration of the search space has been tried" in message


@pytest.mark.parametrize("seed", range(3))
def test_a_range_of_a_conditional_parameter(seed: int) -> None:
    study = make_study(None, seed=seed)

    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kernel", ["linear", "poly"]) == "linear":
            return 2.0 + trial.suggest_int("c", 0, 4)
        degree = trial.suggest_int("degree", 1, 4)
        return abs(degree - 3) + abs(trial.suggest_int("leaves", 2, 2**degree) - 6)

    study.optimize(objective, n_trials=31)
    assert _no_repeats(study)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objective", [_below_float, _below_log])
def test_ranges_of_floats_that_depend_on_another_value(seed: int, objective: Objective) -> None:
    study = make_study(None, seed=seed, n_startup_trials=6)
    study.optimize(objective, n_trials=30)
    assert _no_repeats(study)
    assert study.best_value < 0.05


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("high", [3, 9])
def test_a_trial_of_another_range_that_was_added(
    seed: int, high: int, caplog: pytest.LogCaptureFixture
) -> None:
    study = make_study(None, seed=seed)
    space: dict[str, BaseDistribution] = {"a": IntDistribution(0, high), "b": IntDistribution(0, 5)}
    study.add_trial(create_trial(params={"a": 3, "b": 2}, distributions=space, value=9.0))
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(_bowl(0, 5), n_trials=30)
    assert _no_repeats(study)
    assert messages(caplog) == []
    assert {0, 1, 2, 3, 4, 5} >= {t.params["a"] for t in study.trials}
    assert {t.params["a"] for t in study.trials} - {0, 1, 2, 3}


@pytest.mark.parametrize("objective", [_leaves, _below])
def test_in_a_database(tmp_path: Path, objective: Objective) -> None:
    path = str(tmp_path / "study.db")
    sampler = make_study(None).sampler
    study = optuna.create_study(storage=storage_at(path), sampler=sampler, study_name="s")
    study.optimize(objective, n_trials=10)
    again = optuna.load_study(
        study_name="s", storage=storage_at(path), sampler=make_study(None).sampler
    )
    again.optimize(objective, n_trials=11)
    assert _no_repeats(again)


@pytest.mark.parametrize("seed", range(2))
def test_threads(seed: int) -> None:
    study = make_study(None, seed=seed)
    study.optimize(_bowl(0, 5), n_trials=10, n_jobs=2)
    study.optimize(_bowl(0, 7), n_trials=20, n_jobs=2)
    assert _no_repeats(study)


def test_what_is_told_of_a_running_trial_is_what_it_was_given() -> None:
    study = make_study(None)
    study.optimize(_bowl(0, 7), n_trials=8)
    for _ in range(4):
        trial = study.ask()
        _bowl(0, 1)(trial)
        assert trial.params["a"] <= 1
    # Four are running at once, and none is another.
    running = [tuple(t.params.items()) for t in study.trials[8:]]
    assert len(set(running)) == 4


def test_a_value_that_is_fixed_in_advance_may_lie_outside_of_the_recent_range() -> None:
    study = make_study(None)
    study.optimize(_bowl(0, 7), n_trials=6)
    study.optimize(_bowl(0, 3), n_trials=8)
    study.enqueue_trial({"a": 6})
    study.optimize(_bowl(0, 7), n_trials=1)
    assert study.trials[-1].params["a"] == 6


@pytest.mark.parametrize(
    ("added", "value"),
    [
        (FloatDistribution(0.0, 1.0), 0.5),
        (IntDistribution(0, 5), 1),
        (CategoricalDistribution(["p", "q"]), "p"),
    ],
    ids=["no log scale", "whole numbers", "choices"],
)
def test_of_different_kinds_the_one_asked_for_counts(added: BaseDistribution, value: Any) -> None:
    study = make_study(None)
    study.add_trial(create_trial(params={"rate": value}, distributions={"rate": added}, value=9.0))

    def objective(trial: optuna.Trial) -> float:
        return _below(trial) + trial.suggest_float("rate", 0.1, 1, log=True)

    study.optimize(objective, n_trials=12)
    trial = study.ask()
    objective(trial)
    assert set(trial.relative_params) == {"a", "b", "rate"}
    assert len(set(keys(study)[1:])) == 13


def test_what_lies_far_beyond_is_told_and_not_modelled(caplog: pytest.LogCaptureFixture) -> None:
    study = make_study(None)
    space: dict[str, BaseDistribution] = {"a": IntDistribution(0, 999), "b": IntDistribution(0, 5)}
    study.add_trial(create_trial(params={"a": 900, "b": 2}, distributions=space, value=9.0))
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(_bowl(0, 7), n_trials=30)
    assert study.best_value == 0.0
    (message,) = messages(caplog)
    assert "trial 0 has 900" in message


def test_a_range_is_wider_than_all_that_has_been_tried(caplog: pytest.LogCaptureFixture) -> None:
    study = make_study(None)
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(_bowl(0, 2), n_trials=54)
        study.optimize(_bowl(0, 3), n_trials=18)
        assert _no_repeats(study)
        assert messages(caplog) == []
        study.optimize(_bowl(0, 3), n_trials=1)
    assert len(messages(caplog)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_last_parameter_may_have_a_wider_range(seed: int) -> None:
    # The old program's answer after the same values is not the new one's.
    def objective(high: int) -> Objective:
        return lambda t: t.suggest_int("b", 0, 3) - t.suggest_int("z", 0, high)

    study = make_study(None, seed=seed)
    study.optimize(objective(2), n_trials=10)
    study.optimize(objective(4), n_trials=10)
    assert _no_repeats(study)
    assert study.best_value == -4


@pytest.mark.parametrize("seed", range(2))
def test_a_declared_range_and_trials_beyond_it(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    space: dict[str, BaseDistribution] = {
        "a": IntDistribution(0, 5),
        "b": IntDistribution(0, 5),
        "c": CategoricalDistribution(["x", "y", "z"]),
    }
    study = make_study(space, seed=seed)
    for a in (3, 9):
        wide = {**space, "a": IntDistribution(0, 9)}
        params = {"a": a, "b": 1, "c": "x"}
        study.add_trial(create_trial(params=params, distributions=wide, value=9.0))
    with caplog.at_level(logging.INFO, logger="qhpo"):
        study.optimize(_bowl(0, 9), n_trials=30)
    assert _no_repeats(study)
    assert messages(caplog) == []
    assert all(t.params["a"] <= 5 for t in study.trials[2:])


def test_two_objectives() -> None:
    study = optuna.create_study(
        sampler=make_study(None).sampler, directions=["minimize", "maximize"]
    )
    for high in (5, 7, 3):
        study.optimize(lambda t, h=high: (_bowl(0, h)(t), t.params["a"]), n_trials=12)  # type: ignore[misc]
    assert _no_repeats(study)
    assert all(t.params["a"] <= 3 for t in study.trials[24:])


def test_the_same_suggestion_in_any_process(tmp_path: Path) -> None:
    path = str(tmp_path / "study.db")
    study = optuna.create_study(storage=storage_at(path), sampler=make_study(None).sampler)
    study.optimize(_bowl(0, 5), n_trials=8)
    study.optimize(_bowl(0, 7), n_trials=8)
    copies = [optuna.create_study(sampler=make_study(None).sampler) for _ in range(2)]
    for copy in copies:
        copy.add_trials(study.trials)
    # One has seen the study grow, two read it anew.
    for each in (study, *copies):
        each.optimize(_bowl(1, 6), n_trials=4)
    assert keys(copies[0]) == keys(study) == keys(copies[1])
