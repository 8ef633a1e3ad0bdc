"""A family of small convolutional networks for the 8x8 digits, and how large each member is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo.errors import QhpoError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "ACTIVATIONS",
    "CLASSES",
    "KERNEL_SIZES",
    "MAX_BLOCKS",
    "POOLINGS",
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

POOLINGS = ("max", "average", "stride")
"""How a block halves its image; ``"stride"``: the convolution itself takes every second pixel."""

ACTIVATIONS = ("relu", "gelu", "silu", "tanh")
"""Nonlinearities after each convolution."""


@dataclass(frozen=True)
class CNNConfig:
    """One architecture.

    Each block is a convolution, a normalization, an activation and a halving; after the last come
    dropout and one linear layer.

    Attributes:
        channels: Output channels of each block, first to last; 1 to `MAX_BLOCKS` of them.
        kernel_size: Height and width of every convolution, one of `KERNEL_SIZES`.
        pooling: One of `POOLINGS`.
        batch_norm: Whether every convolution is batch-normalized (it then has no bias of its own).
        activation: One of `ACTIVATIONS`.
        dropout: Share of the linear layer's inputs dropped in training, at least 0 and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    channels: tuple[int, ...]
    kernel_size: int
    pooling: str
    batch_norm: bool
    activation: str
    dropout: float

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= MAX_BLOCKS:
            raise QhpoError(
                f"channels must have 1 to {MAX_BLOCKS} entries, one a block, as each block halves "
                f"the {SIDE} pixels; got {len(self.channels)}: {self.channels}"
            )
        if min(self.channels) < 1:
            raise QhpoError(
                f"channels must all be at least 1; got {self.channels}; "
                "leave a block out by giving fewer entries"
            )
        for name, allowed in (
            ("kernel_size", KERNEL_SIZES),
            ("pooling", POOLINGS),
            ("activation", ACTIVATIONS),
        ):
            if getattr(self, name) not in allowed:
                choices = ", ".join(map(str, allowed))
                raise QhpoError(f"{name} must be one of {choices}; got {getattr(self, name)!r}")
        if not 0 <= self.dropout < 1:
            raise QhpoError(
                f"dropout must be at least 0 and below 1; got {self.dropout}; 0 turns it off"
            )


def build_cnn(config: CNNConfig) -> nn.Sequential:
    """The network: images, float, shape (n, 1, SIDE, SIDE), to class scores, shape (n, CLASSES).

    Weights are drawn from torch's global generator, as by every torch layer.
    """
    from torch import nn

    activations = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
    pools = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
    layers: list[nn.Module] = []
    inputs = 1
    for outputs in config.channels:
        layers.append(
            nn.Conv2d(
                inputs,
                outputs,
                config.kernel_size,
                stride=2 if config.pooling == "stride" else 1,
                padding=config.kernel_size // 2,
                bias=not config.batch_norm,
            )
        )
        if config.batch_norm:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(activations[config.activation]())
        if config.pooling in pools:
            layers.append(pools[config.pooling](2))
        inputs = outputs
    layers += [nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(_features(config), CLASSES)]
    return nn.Sequential(*layers)


def count_parameters(config: CNNConfig) -> int:
    """Trainable numbers of ``build_cnn(config)``, by arithmetic, without building it.

    A sum of products of neighbouring widths: with c the channels, c_0 = 1 and k the kernel size,
    the sum over blocks i of ``k * k * c_(i-1) * c_i``, plus ``c_i`` for a bias or ``2 * c_i``
    for batch normalization, plus the linear layer's.
    """
    widths = (1, *config.channels)
    weights = sum(
        config.kernel_size**2 * inputs * outputs
        for inputs, outputs in zip(widths, config.channels, strict=False)
    )
    per_channel = 2 if config.batch_norm else 1
    linear = (_features(config) + 1) * CLASSES
    return weights + per_channel * sum(config.channels) + linear


def _features(config: CNNConfig) -> int:
    """Inputs of the linear layer: the last block's channels times its pixels."""
    side: int = SIDE >> len(config.channels)
    return config.channels[-1] * side**2
