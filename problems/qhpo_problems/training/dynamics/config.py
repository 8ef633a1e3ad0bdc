"""The architectures of recurrent forecasters, and how large each is, without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qhpo.errors import QhpoError

__all__ = ["CELLS", "MAX_LAYERS", "TARGETS", "ForecasterConfig", "count_parameters"]

CELLS = ("gru", "lstm", "rnn")
"""Recurrent cells; ``"rnn"`` is the simple one with tanh."""

MAX_LAYERS = 3
"""Recurrent layers, one upon the other."""

TARGETS = ("increment", "state")
"""What the last layer puts out: the change from the input to the next state, or that state."""

_GATES = {"gru": 3, "lstm": 4, "rnn": 1}


@dataclass(frozen=True)
class ForecasterConfig:
    """One architecture: recurrent layers, then a linear one.

    Attributes:
        cell: One of `CELLS`.
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
        for name, allowed in (("cell", CELLS), ("target", TARGETS)):
            if getattr(self, name) not in allowed:
                raise QhpoError(
                    f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}"
                )
        if not 1 <= len(self.units) <= MAX_LAYERS or min(self.units) < 1:
            raise QhpoError(
                f"units must have 1 to {MAX_LAYERS} entries of at least 1, one a layer; "
                f"got {self.units}; leave a layer out by giving fewer entries"
            )
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise QhpoError(
                f"noise must be finite and at least 0; got {self.noise}; 0 turns it off"
            )


def count_parameters(config: ForecasterConfig, variables: int) -> int:
    """Trainable numbers of the forecaster of a system of so many variables, by arithmetic.

    A gate of a layer with u units and w inputs has u (u + w + 2) of them, its two biases included.
    """
    total, width = 0, variables
    for units in config.units:
        total += _GATES[config.cell] * units * (units + width + 2)
        width = units
    return total + variables * (width + 1)
