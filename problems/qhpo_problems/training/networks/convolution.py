"""Convolutional networks, over samples in time as over the pixels of an image."""

from __future__ import annotations

from torch import nn

from qhpo_problems.training.data.shapes import DIGITS, Grid
from qhpo_problems.training.fit.noise import GaussianNoise
from qhpo_problems.training.networks.configs import CNNConfig

__all__ = ["build_cnn"]

_LAYERS = {
    1: (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d),
    2: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d),
}
_SUMMARIES = {
    (1, "average"): nn.AdaptiveAvgPool1d,
    (1, "max"): nn.AdaptiveMaxPool1d,
    (2, "average"): nn.AdaptiveAvgPool2d,
    (2, "max"): nn.AdaptiveMaxPool2d,
}
_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


def build_cnn(config: CNNConfig, grid: Grid = DIGITS) -> nn.Sequential:
    """The network: samples, float, shape (n, channels, length, ...), to scores, shape (n, classes).

    Weights are drawn from torch's global generator, as by every torch layer.

    Args:
        config: The architecture.
        grid: What it sees and says.

    Raises:
        QhpoError: If the channels are too few or too many for the grid.
    """
    features = config.features(grid)
    convolution, norm, max_pool, average_pool = _LAYERS[grid.dimensions]
    pools = {"max": max_pool, "average": average_pool}
    layers: list[nn.Module] = [] if config.noise is None else [GaussianNoise(config.noise)]
    inputs = grid.channels
    for outputs in config.channels:
        layers.append(
            convolution(
                inputs,
                outputs,
                config.kernel_size,
                stride=2 if config.pooling == "stride" else 1,
                padding=config.kernel_size // 2,
                bias=not config.batch_norm,
            )
        )
        if config.batch_norm:
            layers.append(norm(outputs))
        layers.append(_ACTIVATIONS[config.activation]())
        if config.pooling in pools:
            layers.append(pools[config.pooling](2))
        inputs = outputs
    if config.summary != "all":
        layers.append(_SUMMARIES[grid.dimensions, config.summary](1))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(features, grid.classes)
    )
