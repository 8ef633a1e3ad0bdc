"""One training as one Optuna trial: reports for pruners, attributes for whoever looks later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import optuna
from torch import nn
from torch.nn import functional

from qhpo_problems.training.fit.checkpoints import keep
from qhpo_problems.training.fit.loop import Epoch, Error, Loss, error_share, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Part, Split

__all__ = ["Task", "Whole", "validation_error"]


@dataclass(frozen=True)
class Whole:
    """What the model that is kept is trained on: everything there is.

    Attributes:
        build: Makes the untrained model.
        part: The data.
        loss: What the training lowers, as in `loop.fit`.
    """

    build: Callable[[], nn.Module]
    part: Part
    loss: Loss = functional.cross_entropy


@dataclass(frozen=True)
class Task:
    """What one trial trains, and on what; a classifier, unless loss and error say otherwise.

    Attributes:
        build: Makes the untrained model.
        split: The data.
        loss: What the training lowers, as in `loop.fit`.
        error: What epochs are judged by, as in `loop.fit`.
        all_data: What the model that is kept learns from; None where it is all parts of the split.
    """

    build: Callable[[], nn.Module]
    split: Split
    loss: Loss = functional.cross_entropy
    error: Error = error_share
    all_data: Whole | None = None

    @property
    def whole(self) -> Whole:
        """What the model that is kept learns from, and how."""
        return self.all_data or Whole(self.build, self.split.joined(), self.loss)


def validation_error(
    trial: optuna.Trial, task: Task, settings: TrainingSettings, *, seed: int
) -> float:
    """Train a model for a trial; the lowest validation error of its epochs.

    Of a classifier, which is the default, that is a share, 0 to 1.

    The step of a report is the number of finished epochs, from 1. User attributes of the trial:
    ``epochs`` that ran and ``train_seconds`` (wall-clock, without waiting for other threads), also
    when pruned, and ``test_error`` of the weights that the returned value belongs to. These weights
    are kept where the study has a folder for them, see `checkpoints.keep`.

    Args:
        trial: Gets the reports and the attributes, and says when to stop.
        task: What to train.
        settings: How to train.
        seed: The same for all trials of a study, so that none is luckier than another.

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

    fitted = fit(
        task.build,
        task.split,
        settings,
        seed=seed,
        on_epoch=report,
        loss=task.loss,
        error=task.error,
    )
    record(len(fitted.history), fitted.seconds)
    trial.set_user_attr("test_error", fitted.test_error)
    keep(trial, fitted.model.state_dict())
    return fitted.best.validation_error
