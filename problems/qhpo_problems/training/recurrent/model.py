"""A family of small recurrent networks for sequences, and how large each member is.

Symbol | meaning                                                         | shape or unit
n      | sequences                                                       | at least 1
T      | steps of the longest sequence                                   | at least 1
d      | features of a step                                              | at least 1
x      | input of the network: whether the step exists, then d features  | (n, T, 1 + d)
h      | units of a layer, times 2 if it reads in both directions        | at least 1
"""

from __future__ import annotations

from dataclasses import dataclass

from qhpo_problems.training.checks import check_choices, check_dropout, check_widths

__all__ = ["CELLS", "MAX_LAYERS", "POOLINGS", "RNNConfig", "count_layer", "count_parameters"]

CELLS = ("gru", "lstm", "rnn")
"""Recurrences; ``"rnn"`` is the plain one, with the hyperbolic tangent."""

MAX_LAYERS = 3
"""Most layers of a network."""

POOLINGS = ("last", "mean", "max", "attention")
"""How the steps become one vector.

``"last"`` takes what each direction knows when it has read all; ``"attention"`` is a mean whose
weights are the softmax over the steps of a learnt linear score.
"""

# Blocks of rows in a cell's weight matrices: gates, and the candidate of the new state.
_BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True)
class RNNConfig:
    """One architecture.

    Each layer is a recurrence, a normalization and dropout; after the last come the pooling over
    the steps and one linear layer.

    Attributes:
        cell: One of `CELLS`.
        units: Of each layer and direction, first to last; 1 to `MAX_LAYERS` of them.
        bidirectional: Whether every layer also reads backwards, with weights of its own.
        pooling: One of `POOLINGS`.
        layer_norm: Whether every layer's outputs are normalized, step by step.
        dropout: Share of every layer's outputs dropped in training, at least 0 and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool
    pooling: str
    layer_norm: bool
    dropout: float

    def __post_init__(self) -> None:
        check_widths("units", self.units, MAX_LAYERS, "layer")
        check_choices(self, cell=CELLS, pooling=POOLINGS)
        check_dropout(self.dropout)

    @property
    def directions(self) -> int:
        """How often every layer reads the sequence."""
        return 2 if self.bidirectional else 1


def count_layer(cell: str, inputs: int, units: int) -> int:
    """Trainable numbers of one direction of a layer.

    They are ``b * u * (d + u + 2)`` with d inputs and u units, and b = 1 for the plain recurrence,
    3 for the GRU and 4 for the LSTM (torch keeps two biases a row).

    Args:
        cell: One of `CELLS`.
        inputs: d, at least 1.
        units: u, at least 1.
    """
    return _BLOCKS[cell] * units * (inputs + units + 2)


def count_parameters(config: RNNConfig, features: int, outputs: int) -> int:
    """Trainable numbers of ``network.RNN(config, features, outputs)``, by arithmetic.

    Those of every direction of every layer, see `count_layer`, of the normalizations, the attention
    and the linear layer.
    """
    total, inputs = 0, features
    for units in config.units:
        width = units * config.directions
        total += config.directions * count_layer(config.cell, inputs, units)
        total += 2 * width if config.layer_norm else 0
        inputs = width
    total += inputs + 1 if config.pooling == "attention" else 0
    return total + (inputs + 1) * outputs
