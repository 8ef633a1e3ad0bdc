"""The problem cnn-digits: the architecture and training of a CNN on handwritten digits."""

from __future__ import annotations

import optuna
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem
from qhpo_problems.training.cnn_model import (
    ACTIVATIONS,
    KERNEL_SIZES,
    MAX_BLOCKS,
    POOLINGS,
    CNNConfig,
    build_cnn,
    count_parameters,
)
from qhpo_problems.training.settings import suggest_settings

__all__ = ["EPOCHS", "PROBLEM", "make_objective", "suggest_cnn"]

EPOCHS = 40
"""Passes over the 256 training images in one trial."""


def suggest_cnn(trial: BaseTrial) -> CNNConfig:
    """The trial's architecture.

    Parameters: ``blocks``, ``channels_1`` to ``channels_3`` (ordinal), ``kernel_size``,
    ``pooling``, ``batch_norm``, ``activation`` and ``dropout``.

    The space is static: every trial has all three ``channels``, and those of blocks that it does
    not have are ignored. Two trials that differ in an ignored one only train the same network
    and get the same value.
    """
    blocks = trial.suggest_int("blocks", 1, MAX_BLOCKS)
    channels = [
        trial.suggest_int(f"channels_{block}", 8, 40, step=8) for block in range(1, MAX_BLOCKS + 1)
    ]
    return CNNConfig(
        channels=tuple(channels[:blocks]),
        kernel_size=trial.suggest_categorical("kernel_size", KERNEL_SIZES),
        pooling=trial.suggest_categorical("pooling", POOLINGS),
        batch_norm=trial.suggest_categorical("batch_norm", (True, False)),
        activation=trial.suggest_categorical("activation", ACTIVATIONS),
        dropout=trial.suggest_float("dropout", 0.0, 0.5, step=0.125),
    )


def make_objective(seed: int) -> Objective:
    """The validation error, 0 to 1, of the CNN that a trial describes.

    Besides the attributes of `tuning.validation_error`, each trial gets ``parameters``, the size
    of its network.

    Args:
        seed: Splits the data and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.data import digits
    from qhpo_problems.training.tuning import validation_error

    split = digits(seed)

    def objective(trial: optuna.Trial) -> float:
        config = suggest_cnn(trial)
        settings = suggest_settings(trial, EPOCHS)
        trial.set_user_attr("parameters", count_parameters(config))
        return validation_error(trial, lambda: build_cnn(config), split, settings, seed=seed)

    return objective


PROBLEM = Problem(
    name="cnn-digits",
    summary="A CNN on real 8x8 images of digits: architecture and training, 13 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn"),
    extra="torch",
)
