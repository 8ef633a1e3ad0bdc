"""A layer that adds noise to what a network sees in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["GaussianNoise"]


class GaussianNoise(nn.Module):
    """Adds independent normal noise in training mode; in evaluation mode it changes nothing.

    C. M. Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural
    Computation 7, 1995.

    Args:
        deviation: Standard deviation of the noise in the units of the inputs, at least 0. With 0
            no random numbers are drawn.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs, of any shape, with noise or as they are."""
        if not self.training or self.deviation == 0:
            return inputs
        return inputs + self.deviation * torch.randn_like(inputs)
