"""Trials that tests of several problems run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from optuna.trial import BaseTrial

from qhpo.problem import Objective
from qhpo_problems.training.fit.settings import TrainingSettings, suggest_settings

__all__ = ["evaluate", "shorten"]


def evaluate(
    objective: Objective, params: dict[str, Any], directions: Sequence[str] = ("minimize",)
) -> optuna.trial.FrozenTrial:
    """One trial with the given parameters, in a study of its own."""
    study = optuna.create_study(directions=directions, pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def shorten(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Let all problems train for so many epochs."""

    def few(trial: BaseTrial, full: int) -> TrainingSettings:
        return suggest_settings(trial, min(full, epochs))

    monkeypatch.setattr("qhpo_problems.training.fit.training.suggest_settings", few)
