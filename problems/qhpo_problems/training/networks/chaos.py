"""A recurrent network that says the next state, and the next of that, and how long that is right.

J. Pathak et al., "Hybrid forecasting of chaotic processes: using machine learning in conjunction
with a knowledge-based model", Chaos 28, 041101 (2018): the valid time is when the distance between
forecast and truth first exceeds 0.4 root mean squares of the state. States have mean 0 here, so
that the root mean square is the spread of the attractor and not its place, which makes the limit
the tighter one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.noise import GaussianNoise
from qhpo_problems.training.fit.split import Part
from qhpo_problems.training.networks.configs import ForecasterConfig
from qhpo_problems.training.networks.recurrent import RECURRENCES

__all__ = ["THRESHOLD", "Forecaster", "MinusValidity", "valid_steps"]

THRESHOLD = 0.4
"""Of the normalized error, Pathak et al. 2018."""

_Memory = Tensor | tuple[Tensor, Tensor] | None
"""Of a layer; None at the beginning of a sequence."""


class Forecaster(nn.Module):
    """Next states from states, one step of time ahead.

    Args:
        config: The architecture.
        variables: n, those of the system.
    """

    def __init__(self, config: ForecasterConfig, variables: int) -> None:
        super().__init__()
        widths = (variables, *config.units)
        self._layers = nn.ModuleList(
            RECURRENCES[config.cell](inputs, units, batch_first=True)
            for inputs, units in zip(widths, config.units, strict=False)
        )
        self._last = nn.Linear(config.units[-1], variables)
        self._increment = config.target == "increment"
        self._noise = GaussianNoise(config.noise)

    def forward(self, states: Tensor) -> Tensor:
        """What follows each state of a sequence, given the states before: (b, T, n) -> (b, T, n).

        In training, noise is added to the states.
        """
        return self._advance(self._noise(states), [None] * len(self._layers))[0]

    def forecast(self, states: Tensor) -> Iterator[Tensor]:
        """What follows a sequence, in closed loop: (b, T, n) -> (b, n), step by step without end.

        Each forecast is the next input; the true states end with the sequence.
        """
        said, memory = self._advance(states, [None] * len(self._layers))
        said = said[:, -1:]
        while True:
            yield said[:, 0]
            said, memory = self._advance(said, memory)

    def _advance(self, states: Tensor, memory: list[_Memory]) -> tuple[Tensor, list[_Memory]]:
        """Outputs for a piece of a sequence, and what the layers remember at its end."""
        hidden = states
        after: list[_Memory] = []
        for layer, before in zip(self._layers, memory, strict=True):
            hidden, left = layer(hidden, before)
            after.append(left)
        out = self._last(hidden)
        return (states + out if self._increment else out), after


def valid_steps(forecast: Iterable[Tensor], truth: Tensor) -> Tensor:
    """Steps before the normalized error first is not below `THRESHOLD`, shape (b,), int64.

    Args:
        forecast: The steps, each of shape (b, n), of variables with mean 0; NaN is never valid. No
            more are asked for than are needed.
        truth: Shape (b, steps, n).
    """
    limit = THRESHOLD * truth.square().sum(dim=2).mean().sqrt()
    valid = torch.ones(len(truth), dtype=torch.bool, device=truth.device)
    steps = torch.zeros_like(valid, dtype=torch.int64)
    for said, true in zip(forecast, truth.unbind(dim=1), strict=False):
        valid &= (said - true).norm(dim=1) < limit
        steps += valid
        if not valid.any():
            break
    return steps


@dataclass(frozen=True)
class MinusValidity:
    """Minus the mean valid time of a `Forecaster`, as `loop.fit` takes errors.

    A part has as inputs the states before each start, shape (b, T, n), and as targets those after
    it, shape (b, steps, n). No forecast is valid for longer than these.

    Attributes:
        step: Length of a step, in the unit of the valid time.
    """

    step: float

    def __call__(self, model: nn.Module, part: Part) -> float:
        """Minus the mean over the starts, 0 or below.

        Raises:
            QhpoError: If the model is not a `Forecaster`.
        """
        if not isinstance(model, Forecaster):
            raise QhpoError(
                f"validity is of a Forecaster; got {type(model).__name__}; "
                "judge other models by another error"
            )
        model.eval()
        with torch.inference_mode():
            steps = valid_steps(model.forecast(part.inputs), part.targets)
        return -self.step * float(steps.double().mean())
