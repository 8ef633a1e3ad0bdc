"""Trials that tests of several problems run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna

from qhpo.problem import Objective

__all__ = ["evaluate"]


def evaluate(
    objective: Objective, params: dict[str, Any], directions: Sequence[str] = ("minimize",)
) -> optuna.trial.FrozenTrial:
    """One trial with the given parameters, in a study of its own."""
    study = optuna.create_study(directions=directions, pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    return study.trials[0]
