"""Forecasters of returns, trained side by side on ever more of the past.

Symbols as in `data.stocks`; z is what a network says, in units of sigma, shape (n, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from qhpo_problems.training.data.sequences import lengths
from qhpo_problems.training.data.stocks import LEVEL
from qhpo_problems.training.fit.loop import Loss
from qhpo_problems.training.fit.split import Part

__all__ = ["Forecasters", "relative_rmse", "squared_loss"]


class Forecasters(nn.Module):
    """K networks of one architecture, which share no weight and say one return each.

    As they share none, one training of the whole trains each as if it were alone, and after every
    epoch all of them have had as many: a report then is of all validation months.

    Args:
        build: Makes an untrained network: inputs to numbers, shape (n, 1).
        sigma: What the networks' inputs are divided by and their outputs multiplied with, (K,).
    """

    sigma: Tensor

    def __init__(self, build: Callable[[], nn.Module], sigma: Tensor) -> None:
        super().__init__()
        self.networks = nn.ModuleList(build() for _ in sigma)
        self.register_buffer("sigma", sigma)

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns, shape (n, K), for inputs as those of `data.stocks.WalkForward`."""
        rows = torch.arange(len(inputs), device=inputs.device)
        last = inputs[rows, lengths(inputs) - 1, LEVEL]
        exists, features = inputs[..., :1], inputs[..., 1:]
        said = [
            network(torch.cat([exists, features / sigma], dim=-1)) * sigma
            for network, sigma in zip(self.networks, self.sigma, strict=True)
        ]
        # The networks forecast a log price less the anchor; the last price makes it a return.
        return torch.cat(said, dim=1) - last[:, None]


def squared_loss(sigma: Tensor) -> Loss:
    """The sum over forecasters of the mean of ``((forecast - return) / sigma)^2``.

    The mean is over those rows of a batch from which a forecaster learns; one that learns from
    none of them adds 0.
    """

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        returns, learns = targets[:, :1], targets[:, 1:]
        squares = learns * ((outputs - returns) / sigma.to(outputs)) ** 2
        return (squares.sum(dim=0) / learns.sum(dim=0).clamp(min=1)).sum()

    return loss


def relative_rmse(model: nn.Module, part: Part) -> float:
    """Root mean square error over that of the naive forecast on the same months, at least 0.

    The naive forecast is that the price stays what it is, so 1 is as good as naive. A row counts
    with the forecaster that is judged on it. Infinite if a forecast is not a number. Puts the model
    into evaluation mode.
    """
    model.eval()
    with torch.inference_mode():
        outputs = model(part.inputs)
    returns, judged = part.targets[:, 0].double(), part.targets[:, 1:]
    forecasts = torch.where(judged > 0, outputs, 0).sum(dim=1).double()
    ratio = float(((forecasts - returns).square().sum() / returns.square().sum()).sqrt())
    return math.inf if math.isnan(ratio) else ratio
