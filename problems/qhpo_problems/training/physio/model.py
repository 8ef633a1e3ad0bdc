"""Small one-dimensional convolutional networks for windows of six signals of a smartwatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo.errors import QhpoError
from qhpo_problems.training.cnn.model import ACTIVATIONS, POOLINGS

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
class PhysioConfig:
    """One architecture.

    Each block is a convolution over time, a normalization, an activation and a halving; after the
    last come a readout over time, dropout and one linear layer.

    Attributes:
        channels: Output channels of each block, first to last; 1 to `MAX_BLOCKS` of them.
        kernel_size: Samples that every convolution sees, one of `KERNEL_SIZES`.
        pooling: How a block halves the length, one of `cnn.model.POOLINGS`.
        readout: One of `READOUTS`.
        batch_norm: Whether every convolution is batch-normalized (it then has no bias of its own).
        activation: One of `cnn.model.ACTIVATIONS`.
        noise: Standard deviation of the normal noise that training adds to the inputs, in
            standard deviations of the signals; at least 0.
        dropout: Share of the linear layer's inputs dropped in training, at least 0 and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    channels: tuple[int, ...]
    kernel_size: int
    pooling: str
    readout: str
    batch_norm: bool
    activation: str
    noise: float
    dropout: float

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= MAX_BLOCKS:
            raise QhpoError(
                f"channels must have 1 to {MAX_BLOCKS} entries, one a block, as each block halves "
                f"the {LENGTH} samples; got {len(self.channels)}: {self.channels}"
            )
        if min(self.channels) < 1:
            raise QhpoError(
                f"channels must all be at least 1; got {self.channels}; "
                "leave a block out by giving fewer entries"
            )
        for name, allowed in (
            ("kernel_size", KERNEL_SIZES),
            ("pooling", POOLINGS),
            ("readout", READOUTS),
            ("activation", ACTIVATIONS),
        ):
            if getattr(self, name) not in allowed:
                choices = ", ".join(map(str, allowed))
                raise QhpoError(f"{name} must be one of {choices}; got {getattr(self, name)!r}")
        if not 0 <= self.noise < float("inf"):
            raise QhpoError(
                f"noise must be finite and at least 0; got {self.noise}; 0 turns it off"
            )
        if not 0 <= self.dropout < 1:
            raise QhpoError(
                f"dropout must be at least 0 and below 1; got {self.dropout}; 0 turns it off"
            )


def build_physio(config: PhysioConfig) -> nn.Sequential:
    """The network: windows, float, shape (n, SENSORS, LENGTH), to scores, shape (n, CLASSES).

    Weights, noise and dropout are drawn from torch's global generator, as by every torch layer.
    """
    from torch import nn

    from qhpo_problems.training.noise import GaussianNoise

    activations = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
    pools = {"max": nn.MaxPool1d, "average": nn.AvgPool1d}
    readouts = {"average": nn.AdaptiveAvgPool1d, "max": nn.AdaptiveMaxPool1d}
    layers: list[nn.Module] = [GaussianNoise(config.noise)]
    inputs = SENSORS
    for outputs in config.channels:
        layers.append(
            nn.Conv1d(
                inputs,
                outputs,
                config.kernel_size,
                stride=2 if config.pooling == "stride" else 1,
                padding=config.kernel_size // 2,
                bias=not config.batch_norm,
            )
        )
        if config.batch_norm:
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(activations[config.activation]())
        if config.pooling in pools:
            layers.append(pools[config.pooling](2))
        inputs = outputs
    layers += [readouts[config.readout](1), nn.Flatten()]
    layers += [nn.Dropout(config.dropout), nn.Linear(inputs, CLASSES)]
    return nn.Sequential(*layers)


def count_parameters(config: PhysioConfig) -> int:
    """Trainable numbers of ``build_physio(config)``, by arithmetic, without building it.

    With c the channels, c_0 = SENSORS and k the kernel size, the sum over blocks i of
    ``k * c_(i-1) * c_i``, plus ``c_i`` for a bias or ``2 * c_i`` for batch normalization, plus the
    linear layer's.
    """
    widths = (SENSORS, *config.channels)
    weights = config.kernel_size * sum(
        inputs * outputs for inputs, outputs in zip(widths, config.channels, strict=False)
    )
    per_channel = 2 if config.batch_norm else 1
    return weights + per_channel * sum(config.channels) + (widths[-1] + 1) * CLASSES
