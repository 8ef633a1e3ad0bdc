from typing import Any

import optuna
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.settings import (
    BATCH_SIZES,
    OPTIMIZERS,
    SETTINGS_SPACE,
    TrainingSettings,
    suggest_settings,
)

VALID: dict[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "batch_size": 1,
    "epochs": 1,
}


def test_suggested_settings_are_what_the_trial_says() -> None:
    params = {"optimizer": "sgd", "learning_rate": 0.02, "weight_decay": 1e-4, "batch_size": 64}
    settings = suggest_settings(optuna.trial.FixedTrial(params), epochs=7)
    assert settings == TrainingSettings("sgd", 0.02, 1e-4, 64, epochs=7)


def test_a_trial_asks_for_exactly_what_is_declared() -> None:
    study = optuna.create_study()
    trial = study.ask()
    suggest_settings(trial, epochs=1)
    assert trial.distributions == SETTINGS_SPACE
    assert trial.distributions["optimizer"].choices == OPTIMIZERS  # type: ignore[attr-defined]
    assert trial.distributions["batch_size"].choices == BATCH_SIZES  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", "lion"),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("weight_decay", -1e-9),
        ("weight_decay", float("nan")),
        ("batch_size", 0),
        ("epochs", 0),
    ],
)
def test_invalid_value_is_named(name: str, value: Any) -> None:
    TrainingSettings(**VALID)
    with pytest.raises(QhpoError, match=f"^{name} must be .*got '?{value}"):
        TrainingSettings(**VALID | {name: value})
