"""How a model is trained, whatever the model: optimizer, step size, regularization, batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import BaseTrial

from qhpo.errors import QhpoError
from qhpo.problem import suggest
from qhpo_problems.training.fit.checks import check_choices, check_positive

__all__ = ["BATCH_SIZES", "OPTIMIZERS", "SETTINGS_SPACE", "TrainingSettings", "suggest_settings"]

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
"""Names that `TrainingSettings.optimizer` can have; ``"sgd"`` has Nesterov momentum 0.9."""

BATCH_SIZES = (16, 32, 64, 128)
"""Batch sizes that `suggest_settings` chooses from."""

SETTINGS_SPACE: dict[str, BaseDistribution] = {
    "optimizer": CategoricalDistribution(OPTIMIZERS),
    "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
    "batch_size": CategoricalDistribution(BATCH_SIZES),
}
"""What `suggest_settings` asks a trial for."""


@dataclass(frozen=True)
class TrainingSettings:
    """The choices of one training.

    Attributes:
        optimizer: One of `OPTIMIZERS`.
        learning_rate: Step size, above 0, constant over the training.
        weight_decay: At least 0. Added to the gradient as an L2 penalty, except by ``"adamw"``,
            which shrinks the weights directly.
        batch_size: Most examples in one step, at least 1.
        epochs: Passes over the training part, at least 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int

    def __post_init__(self) -> None:
        check_choices(self, optimizer=OPTIMIZERS)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise QhpoError(
                f"learning_rate must be finite and above 0; got {self.learning_rate}; "
                "1e-3 is a usual start"
            )
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise QhpoError(
                f"weight_decay must be finite and at least 0; got {self.weight_decay}; "
                "0 turns it off"
            )
        check_positive(self, "batch_size", "epochs")


def suggest_settings(trial: BaseTrial, epochs: int) -> TrainingSettings:
    """The trial's training settings, by the parameters of `SETTINGS_SPACE`.

    The number of epochs is the problem's, not the trial's: trials stay comparable epoch by epoch,
    which is what pruners compare.
    """
    return TrainingSettings(**suggest(trial, SETTINGS_SPACE), epochs=epochs)
