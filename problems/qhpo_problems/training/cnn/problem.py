"""The problem cnn-digits: the architecture and training of a CNN on handwritten digits."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.cnn.model import (
    KERNEL_SIZES,
    MAX_BLOCKS,
    CNNConfig,
    build_cnn,
    count_parameters,
)
from qhpo_problems.training.convolution import ACTIVATIONS, POOLINGS
from qhpo_problems.training.settings import SETTINGS_SPACE

__all__ = ["CNN_SPACE", "EPOCHS", "PROBLEM", "make_objective", "network_size", "suggest_cnn"]

EPOCHS = 40
"""Passes over the 256 training images in one trial."""

_CHANNELS = tuple(f"channels_{block}" for block in range(1, MAX_BLOCKS + 1))

CNN_SPACE: dict[str, BaseDistribution] = {
    "blocks": IntDistribution(1, MAX_BLOCKS),
    **{name: IntDistribution(8, 40, step=8) for name in _CHANNELS},
    "kernel_size": CategoricalDistribution(KERNEL_SIZES),
    "pooling": CategoricalDistribution(POOLINGS),
    "batch_norm": CategoricalDistribution((True, False)),
    "activation": CategoricalDistribution(ACTIVATIONS),
    "dropout": FloatDistribution(0.0, 0.5, step=0.125),
}
"""What `suggest_cnn` asks a trial for.

The space is static: every trial has the channels of all three blocks, and those of blocks that it
does not have are ignored. Two trials that differ in an ignored one only train the same network and
get the same value.
"""


def suggest_cnn(trial: BaseTrial) -> CNNConfig:
    """The trial's architecture, by the parameters of `CNN_SPACE`."""
    params = suggest(trial, CNN_SPACE)
    blocks = params.pop("blocks")
    channels = [params.pop(name) for name in _CHANNELS]
    return CNNConfig(channels=tuple(channels[:blocks]), **params)


def network_size(blocks: int, kernel_size: int, batch_norm: bool, *channels: int) -> int:
    """Trainable numbers of the network that a trial describes.

    What else a trial chooses has none: pooling, activation and dropout.

    Args:
        blocks: How many blocks the network has.
        kernel_size: Height and width of every convolution.
        batch_norm: Whether every convolution is batch-normalized.
        *channels: Those of all `MAX_BLOCKS` blocks.
    """
    return count_parameters(
        CNNConfig(channels[:blocks], kernel_size, POOLINGS[0], batch_norm, ACTIVATIONS[0], 0.0)
    )


def make_objective(seed: int) -> Objective:
    """The validation error, 0 to 1, of the CNN that a trial describes.

    What a trial gets besides is that of `tuning.classifier_objective`.

    Args:
        seed: Splits the data and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.data import digits
    from qhpo_problems.training.tuning import classifier_objective

    return classifier_objective(
        digits(seed),
        suggest=suggest_cnn,
        build=build_cnn,
        count=count_parameters,
        epochs=EPOCHS,
        seed=seed,
    )


PROBLEM = Problem(
    name="cnn-digits",
    summary="A CNN on real 8x8 images of digits: architecture and training, 13 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn"),
    extra="torch",
    search_space={**CNN_SPACE, **SETTINGS_SPACE},
    size=Size(("blocks", "kernel_size", "batch_norm", *_CHANNELS), network_size),
)
