"""Small one-dimensional convolutional networks for windows of six signals of a smartwatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo_problems.training.checks import (
    check_choices,
    check_dropout,
    check_noise,
    check_widths,
)
from qhpo_problems.training.convolution import Blocks, build_blocks, count_blocks

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CLASSES",
    "KERNEL_SIZES",
    "LENGTH",
    "MAX_BLOCKS",
    "READOUTS",
    "SENSORS",
    "PhysioConfig",
    "build_physio",
    "count_parameters",
]

LENGTH = 64
"""Samples of a window, 2.56 s."""

SENSORS = 6
"""Signals of a window: acceleration along three axes, angular velocity about them."""

CLASSES = 7
"""Exercises to tell apart: the network's outputs."""

MAX_BLOCKS = 4
"""Every block halves the length, so that four leave four samples."""

KERNEL_SIZES = (3, 5, 9)
"""Samples that a convolution sees; odd, so that padding can keep the length."""

READOUTS = ("average", "max")
"""How what the last block says at every moment becomes one number a channel."""


@dataclass(frozen=True)
class PhysioConfig(Blocks):
    """One architecture: noise, blocks, a readout over time, dropout and one linear layer.

    Attributes:
        channels: As in `convolution.Blocks`; 1 to `MAX_BLOCKS` of them.
        kernel_size: Samples that every convolution sees, one of `KERNEL_SIZES`.
        pooling: As in `convolution.Blocks`, as are ``batch_norm`` and ``activation``.
        readout: One of `READOUTS`.
        noise: Standard deviation of the normal noise that training adds to the inputs, in
            standard deviations of the signals; at least 0.
        dropout: Share of the linear layer's inputs dropped in training, at least 0 and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    readout: str
    noise: float
    dropout: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_widths("channels", self.channels, MAX_BLOCKS, "block")
        check_choices(self, kernel_size=KERNEL_SIZES, readout=READOUTS)
        check_noise(self.noise)
        check_dropout(self.dropout)


def build_physio(config: PhysioConfig) -> nn.Sequential:
    """The network: windows, float, shape (n, SENSORS, LENGTH), to scores, shape (n, CLASSES).

    Weights, noise and dropout are drawn from torch's global generator, as by every torch layer.
    """
    from torch import nn

    from qhpo_problems.training.noise import GaussianNoise

    readouts = {"average": nn.AdaptiveAvgPool1d, "max": nn.AdaptiveMaxPool1d}
    return nn.Sequential(
        GaussianNoise(config.noise),
        *build_blocks(config, SENSORS, dimensions=1),
        readouts[config.readout](1),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(config.channels[-1], CLASSES),
    )


def count_parameters(config: PhysioConfig) -> int:
    """Trainable numbers of ``build_physio(config)``, by arithmetic, without building it.

    Those of the blocks, see `convolution.count_blocks`, and of the linear layer.
    """
    return count_blocks(config, SENSORS, dimensions=1) + (config.channels[-1] + 1) * CLASSES
