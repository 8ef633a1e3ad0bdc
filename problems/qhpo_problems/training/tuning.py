"""One training as one Optuna trial: reports for pruners, attributes for whoever looks later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import optuna
from optuna.trial import BaseTrial
from torch import nn
from torch.nn import functional

from qhpo.problem import Objective
from qhpo_problems.training.checkpoints import keep
from qhpo_problems.training.data import Split
from qhpo_problems.training.loop import Epoch, Error, Loss, error_share, fit
from qhpo_problems.training.settings import TrainingSettings, suggest_settings

__all__ = ["classifier_objective", "validation_error"]

ConfigT = TypeVar("ConfigT")


def classifier_objective(
    split: Split,
    *,
    suggest: Callable[[BaseTrial], ConfigT],
    build: Callable[[ConfigT], nn.Module],
    count: Callable[[ConfigT], int],
    epochs: int,
    seed: int,
) -> Objective:
    """The validation error, 0 to 1, of the classifier that a trial describes.

    Besides the attributes of `validation_error`, each trial gets ``parameters``, the size of its
    network.

    Args:
        split: The data.
        suggest: Asks a trial for its architecture; training settings are asked for after it.
        build: Makes the untrained network of an architecture.
        count: Trainable numbers of that network.
        epochs: Passes over the training part in one trial.
        seed: Of every training.
    """

    def objective(trial: optuna.Trial) -> float:
        config = suggest(trial)
        settings = suggest_settings(trial, epochs)
        trial.set_user_attr("parameters", count(config))
        return validation_error(trial, lambda: build(config), split, settings, seed=seed)

    return objective


def validation_error(
    trial: optuna.Trial,
    build: Callable[[], nn.Module],
    split: Split,
    settings: TrainingSettings,
    *,
    seed: int,
    loss: Loss = functional.cross_entropy,
    error: Error = error_share,
) -> float:
    """Train a model for a trial; the lowest validation error of its epochs.

    Of a classifier, which is the default, that is a share, 0 to 1.

    The step of a report is the number of finished epochs, from 1. User attributes of the trial:
    ``epochs`` that ran and ``train_seconds`` (wall-clock, without waiting for other threads), also
    when pruned, and ``test_error`` of the weights that the returned value belongs to. These weights
    are kept where the study has a folder for them, see `checkpoints.keep`.

    Args:
        trial: Gets the reports and the attributes, and says when to stop.
        build: Makes the untrained model.
        split: The data.
        settings: How to train.
        seed: The same for all trials of a study, so that none is luckier than another.
        loss: What the training lowers, as in `loop.fit`.
        error: What epochs are judged by, as in `loop.fit`.

    Raises:
        optuna.TrialPruned: If the study's pruner stops the trial.
    """

    def report(epoch: Epoch) -> None:
        trial.report(epoch.validation_error, epoch.number)
        if trial.should_prune():
            record(epoch.number, epoch.seconds)
            raise optuna.TrialPruned(f"pruned after {epoch.number} of {settings.epochs} epochs")

    def record(epochs: int, seconds: float) -> None:
        trial.set_user_attr("epochs", epochs)
        trial.set_user_attr("train_seconds", seconds)

    fitted = fit(build, split, settings, seed=seed, on_epoch=report, loss=loss, error=error)
    record(len(fitted.history), fitted.seconds)
    trial.set_user_attr("test_error", fitted.test_error)
    keep(trial, fitted.model.state_dict())
    return fitted.best.validation_error
