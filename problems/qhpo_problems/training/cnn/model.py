"""A family of small convolutional networks for the 8x8 digits, and how large each member is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo_problems.training.checks import check_choices, check_dropout, check_widths
from qhpo_problems.training.convolution import Blocks, build_blocks, count_blocks

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CLASSES",
    "KERNEL_SIZES",
    "MAX_BLOCKS",
    "SIDE",
    "CNNConfig",
    "build_cnn",
    "count_parameters",
]

SIDE = 8
"""Height and width of an input image in pixels."""

CLASSES = 10
"""Digits to tell apart: the network's outputs."""

MAX_BLOCKS = 3
"""Every block halves the image, so that three leave one pixel."""

KERNEL_SIZES = (3, 5)
"""Odd, so that padding can keep the image's size."""


@dataclass(frozen=True)
class CNNConfig(Blocks):
    """One architecture: blocks, then dropout and one linear layer.

    Attributes:
        channels: As in `convolution.Blocks`; 1 to `MAX_BLOCKS` of them.
        kernel_size: Height and width of every convolution, one of `KERNEL_SIZES`.
        pooling: As in `convolution.Blocks`, as are ``batch_norm`` and ``activation``.
        dropout: Share of the linear layer's inputs dropped in training, at least 0 and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    dropout: float

    def __post_init__(self) -> None:
        super().__post_init__()
        check_widths("channels", self.channels, MAX_BLOCKS, "block")
        check_choices(self, kernel_size=KERNEL_SIZES)
        check_dropout(self.dropout)


def build_cnn(config: CNNConfig) -> nn.Sequential:
    """The network: images, float, shape (n, 1, SIDE, SIDE), to class scores, shape (n, CLASSES).

    Weights are drawn from torch's global generator, as by every torch layer.
    """
    from torch import nn

    return nn.Sequential(
        *build_blocks(config, 1, dimensions=2),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(_features(config), CLASSES),
    )


def count_parameters(config: CNNConfig) -> int:
    """Trainable numbers of ``build_cnn(config)``, by arithmetic, without building it.

    Those of the blocks, see `convolution.count_blocks`, and of the linear layer.
    """
    return count_blocks(config, 1, dimensions=2) + (_features(config) + 1) * CLASSES


def _features(config: CNNConfig) -> int:
    """Inputs of the linear layer: the last block's channels times its pixels."""
    side: int = SIDE >> len(config.channels)
    return config.channels[-1] * side**2
