"""A plateau does not hold a study: what is beside it is found."""

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest

from qhpo import QUBOSampler

Objective = Callable[[optuna.Trial], float]


def _other_branch(trial: optuna.Trial) -> float:
    """One branch has the same value everywhere, the other goes down to 0."""
    if trial.suggest_categorical("option", ["a", "b"]) == "a":
        trial.suggest_float("nothing", 0.0, 10.0)
        return 1.0
    return abs(trial.suggest_float("x", 0.0, 10.0) - 1.23)


def _deep_branch(trial: optuna.Trial) -> float:
    """The same, three parameters deep."""
    kernel = trial.suggest_categorical("kernel", ["linear", "poly", "rbf"])
    if kernel == "linear":
        return 1.0
    if kernel == "rbf":
        trial.suggest_float("gamma", 1e-3, 10.0, log=True)
        return 1.0
    degree = trial.suggest_int("degree", 1, 5)
    if degree < 3:
        return 1.0
    return 0.1 * abs(degree - 4) + abs(trial.suggest_float("coef", 0.0, 10.0) - 6.1) / 3.0


def _few_values(trial: optuna.Trial) -> float:
    """A metric of few values, the same for most configurations."""
    x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("y", 0.0, 1.0)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    distance = (x - 0.3) ** 2 + (y - 0.7) ** 2
    return 1.0 if kind != "b" or distance > 0.05 else round(distance * 40.0) / 4.0


@pytest.mark.parametrize("objective", [_other_branch, _deep_branch, _few_values])
@pytest.mark.parametrize("seed", range(4))
def test_what_lies_beside_it_is_found(objective: Objective, seed: int) -> None:
    study = optuna.create_study(sampler=QUBOSampler(seed=seed))
    study.optimize(objective, n_trials=50)
    assert study.best_value < 0.3
