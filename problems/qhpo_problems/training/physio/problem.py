"""The problem cnn-physio: the architecture and training of a CNN on a smartwatch's signals."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.convolution import ACTIVATIONS, POOLINGS
from qhpo_problems.training.physio.model import (
    KERNEL_SIZES,
    MAX_BLOCKS,
    READOUTS,
    PhysioConfig,
    build_physio,
    count_parameters,
)
from qhpo_problems.training.settings import SETTINGS_SPACE

__all__ = ["EPOCHS", "PHYSIO_SPACE", "PROBLEM", "make_objective", "network_size", "suggest_physio"]

EPOCHS = 20
"""Passes over the training windows, about 700, in one trial."""

_CHANNELS = tuple(f"channels_{block}" for block in range(1, MAX_BLOCKS + 1))

PHYSIO_SPACE: dict[str, BaseDistribution] = {
    "blocks": IntDistribution(1, MAX_BLOCKS),
    **{name: IntDistribution(8, 32, step=8) for name in _CHANNELS},
    "kernel_size": CategoricalDistribution(KERNEL_SIZES),
    "pooling": CategoricalDistribution(POOLINGS),
    "readout": CategoricalDistribution(READOUTS),
    "batch_norm": CategoricalDistribution((True, False)),
    "activation": CategoricalDistribution(ACTIVATIONS),
    "noise": FloatDistribution(0.0, 1.0, step=0.25),
    "dropout": FloatDistribution(0.0, 0.5, step=0.125),
}
"""What `suggest_physio` asks a trial for.

The space is static: every trial has the channels of all blocks, and those of blocks that it does
not have are ignored.
"""


def suggest_physio(trial: BaseTrial) -> PhysioConfig:
    """The trial's architecture, by the parameters of `PHYSIO_SPACE`."""
    params = suggest(trial, PHYSIO_SPACE)
    blocks = params.pop("blocks")
    channels = [params.pop(name) for name in _CHANNELS]
    return PhysioConfig(channels=tuple(channels[:blocks]), **params)


def network_size(blocks: int, kernel_size: int, batch_norm: bool, *channels: int) -> int:
    """Trainable numbers of the network that a trial describes.

    What else a trial chooses has none: pooling, readout, activation, noise and dropout.

    Args:
        blocks: How many blocks the network has.
        kernel_size: Samples that every convolution sees.
        batch_norm: Whether every convolution is batch-normalized.
        *channels: Those of all `MAX_BLOCKS` blocks.
    """
    return count_parameters(
        PhysioConfig(
            channels=channels[:blocks],
            kernel_size=kernel_size,
            pooling=POOLINGS[0],
            readout=READOUTS[0],
            batch_norm=batch_norm,
            activation=ACTIVATIONS[0],
            noise=0.0,
            dropout=0.0,
        )
    )


def make_objective(seed: int) -> Objective:
    """The share of windows of the validation persons, 0 to 1, that the trial's CNN gets wrong.

    What a trial gets besides is that of `tuning.classifier_objective`.

    Args:
        seed: Splits the persons and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.physio.data import exercises
    from qhpo_problems.training.tuning import classifier_objective

    return classifier_objective(
        exercises(seed),
        suggest=suggest_physio,
        build=build_physio,
        count=count_parameters,
        epochs=EPOCHS,
        seed=seed,
    )


PROBLEM = Problem(
    name="cnn-physio",
    summary="A CNN on a smartwatch's signals of shoulder physiotherapy: 16 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn", "seglearn"),
    extra="torch,data",
    search_space={**PHYSIO_SPACE, **SETTINGS_SPACE},
    size=Size(("blocks", "kernel_size", "batch_norm", *_CHANNELS), network_size),
)
