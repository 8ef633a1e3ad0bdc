"""A recurrent network that says the next state, and the next of that, and so on."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from qhpo_problems.training.dynamics.config import ForecasterConfig
from qhpo_problems.training.noise import GaussianNoise
from qhpo_problems.training.recurrent.network import RECURRENCES

__all__ = ["Forecaster"]

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
