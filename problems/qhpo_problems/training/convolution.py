"""Blocks of convolutions, over samples in time as over the pixels of an image, and their size.

Symbol | meaning                                                   | range
b      | blocks; each halves the length of what it sees            | at least 1
c_i    | channels that block i puts out; c_0 those of the input    | at least 1
D      | dimensions of the input: 1 for signals, 2 for images      | 1 or 2
k      | length along each dimension that a convolution sees       | odd
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo_problems.training.checks import check_choices

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ACTIVATIONS", "POOLINGS", "Blocks", "build_blocks", "count_blocks"]

POOLINGS = ("max", "average", "stride")
"""How a block halves; ``"stride"``: the convolution itself takes every second place."""

ACTIVATIONS = ("relu", "gelu", "silu", "tanh")
"""Nonlinearities after each convolution."""


@dataclass(frozen=True)
class Blocks:
    """Blocks of a convolution, a normalization, an activation and a halving each.

    Attributes:
        channels: Output channels of each block, first to last.
        kernel_size: Length that every convolution sees; odd, so that padding can keep the size.
        pooling: One of `POOLINGS`.
        batch_norm: Whether every convolution is batch-normalized (it then has no bias of its own).
        activation: One of `ACTIVATIONS`.

    Raises:
        QhpoError: If pooling or activation is none of these.
    """

    channels: tuple[int, ...]
    kernel_size: int
    pooling: str
    batch_norm: bool
    activation: str

    def __post_init__(self) -> None:
        check_choices(self, pooling=POOLINGS, activation=ACTIVATIONS)


def build_blocks(blocks: Blocks, inputs: int, *, dimensions: int) -> list[nn.Module]:
    """Layers from inputs, shape (n, c_0, length, ...), to (n, c_b, length / 2**b, ...).

    Weights are drawn from torch's global generator, as by every torch layer.

    Args:
        blocks: The architecture.
        inputs: c_0, channels of the input.
        dimensions: D.
    """
    from torch import nn

    convolution, norm, max_pool, average_pool = (
        getattr(nn, f"{layer}{dimensions}d")
        for layer in ("Conv", "BatchNorm", "MaxPool", "AvgPool")
    )
    activations = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
    pools = {"max": max_pool, "average": average_pool}
    layers: list[nn.Module] = []
    for outputs in blocks.channels:
        layers.append(
            convolution(
                inputs,
                outputs,
                blocks.kernel_size,
                stride=2 if blocks.pooling == "stride" else 1,
                padding=blocks.kernel_size // 2,
                bias=not blocks.batch_norm,
            )
        )
        if blocks.batch_norm:
            layers.append(norm(outputs))
        layers.append(activations[blocks.activation]())
        if blocks.pooling in pools:
            layers.append(pools[blocks.pooling](2))
        inputs = outputs
    return layers


def count_blocks(blocks: Blocks, inputs: int, *, dimensions: int) -> int:
    """Trainable numbers of ``build_blocks`` with the same arguments, by arithmetic.

    A sum of products of neighbouring widths: over blocks i of ``k**D * c_(i-1) * c_i``, plus
    ``c_i`` for a bias or ``2 * c_i`` for batch normalization.
    """
    widths = (inputs, *blocks.channels)
    products = sum(before * after for before, after in zip(widths, blocks.channels, strict=False))
    per_channel = 2 if blocks.batch_norm else 1
    weights: int = blocks.kernel_size**dimensions * products
    return weights + per_channel * sum(blocks.channels)
