"""The architectures of recurrent forecasters, and how large each is, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from qhpo_problems.training.checks import check_choices, check_noise, check_widths
from qhpo_problems.training.recurrent.model import CELLS, count_layer

__all__ = ["MAX_LAYERS", "TARGETS", "ForecasterConfig", "count_parameters"]

MAX_LAYERS = 3
"""Recurrent layers, one upon the other."""

TARGETS = ("increment", "state")
"""What the last layer puts out: the change from the input to the next state, or that state."""


@dataclass(frozen=True)
class ForecasterConfig:
    """One architecture: recurrent layers, then a linear one.

    Attributes:
        cell: One of `recurrent.model.CELLS`.
        units: Of each recurrent layer, first to last; 1 to `MAX_LAYERS` of them.
        target: One of `TARGETS`.
        noise: Standard deviation of the normal noise that is added to the inputs in training, in
            the unit of the inputs; at least 0. It makes a forecaster that is fed with its own
            outputs stay near the attractor: H. Jaeger and H. Haas, "Harnessing nonlinearity:
            predicting chaotic systems and saving energy in wireless communication", Science 304,
            78 (2004).

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    cell: str
    units: tuple[int, ...]
    target: str
    noise: float

    def __post_init__(self) -> None:
        check_choices(self, cell=CELLS, target=TARGETS)
        check_widths("units", self.units, MAX_LAYERS, "layer")
        check_noise(self.noise)


def count_parameters(config: ForecasterConfig, variables: int) -> int:
    """Trainable numbers of the forecaster of a system of so many variables, by arithmetic.

    Those of the recurrent layers, see `recurrent.model.count_layer`, and of the linear one.
    """
    total, width = 0, variables
    for units in config.units:
        total += count_layer(config.cell, width, units)
        width = units
    return total + variables * (width + 1)
