"""Architectures of all networks, and how large each is, by arithmetic and without torch.

A size is the number of trainable numbers of the network that another module builds of the same
arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qhpo.errors import QhpoError
from qhpo_problems.training.data.shapes import DIGITS, DISEASES, Grid, Texts
from qhpo_problems.training.fit.checks import (
    check_choices,
    check_dropout,
    check_noise,
    check_positive,
    check_widths,
)

__all__ = [
    "ACTIVATIONS",
    "ATTENTIONS",
    "CELLS",
    "ENCODINGS",
    "ENTANGLEMENTS",
    "HALVINGS",
    "MAX_LAYERS",
    "MAX_QUBITS",
    "POSITIONS",
    "READOUTS",
    "SEQUENCE_POOLINGS",
    "SUMMARIES",
    "TARGETS",
    "TEXT_POOLINGS",
    "CNNConfig",
    "ForecasterConfig",
    "RNNConfig",
    "TransformerConfig",
    "VQCConfig",
    "count_cnn",
    "count_forecaster",
    "count_recurrence",
    "count_rnn",
    "count_transformer",
    "count_vqc",
]

HALVINGS = ("max", "average", "stride")
"""How a block of a CNN halves; ``"stride"``: the convolution itself takes every second sample."""

ACTIVATIONS = ("relu", "gelu", "silu", "tanh")
"""Nonlinearities after each convolution."""

SUMMARIES = ("all", "average", "max")
"""What a CNN's last layer sees of a channel: all that is left of it, or one number."""


@dataclass(frozen=True)
class CNNConfig:
    """Noise, blocks of a convolution, a normalization, an activation and a halving, a linear layer.

    Attributes:
        channels: Output channels of each block, first to last.
        kernel_size: Length along each dimension that a convolution sees; odd, so that padding can
            keep the length.
        pooling: One of `HALVINGS`.
        batch_norm: Whether every convolution is batch-normalized (it then has no bias of its own).
        activation: One of `ACTIVATIONS`.
        dropout: Share of the linear layer's inputs dropped in training, at least 0 and below 1.
        summary: One of `SUMMARIES`.
        noise: Standard deviation of the normal noise that training adds to the inputs, in their
            unit; at least 0, or None for a network without a layer for that.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    channels: tuple[int, ...]
    kernel_size: int
    pooling: str
    batch_norm: bool
    activation: str
    dropout: float
    summary: str = "all"
    noise: float | None = None

    def __post_init__(self) -> None:
        check_choices(self, pooling=HALVINGS, activation=ACTIVATIONS, summary=SUMMARIES)
        check_positive(self, "kernel_size")
        if self.kernel_size % 2 == 0:
            raise QhpoError(f"kernel_size must be odd; got {self.kernel_size}; 3 is usual")
        check_dropout(self.dropout)
        check_noise(self.noise or 0.0)

    def features(self, grid: Grid = DIGITS) -> int:
        """Inputs of the linear layer.

        Raises:
            QhpoError: If there is no block, one has no channel, or there are too many blocks.
        """
        # Every block halves the length, so that this many leave one sample.
        check_widths("channels", self.channels, grid.length.bit_length() - 1, "block")
        if self.summary != "all":
            return self.channels[-1]
        left = replace(grid, channels=self.channels[-1], length=grid.length >> len(self.channels))
        return left.size


def count_cnn(config: CNNConfig, grid: Grid = DIGITS) -> int:
    """Size of ``convolution.build_cnn(config, grid)``.

    A sum of products of neighbouring widths: over blocks i of ``k**D * c_(i-1) * c_i``, plus
    ``c_i`` for a bias or ``2 * c_i`` for batch normalization; and the linear layer.
    """
    last = (config.features(grid) + 1) * grid.classes
    widths = (grid.channels, *config.channels)
    products = sum(before * after for before, after in zip(widths, config.channels, strict=False))
    weights: int = config.kernel_size**grid.dimensions * products
    return weights + (2 if config.batch_norm else 1) * sum(config.channels) + last


CELLS = ("gru", "lstm", "rnn")
"""Recurrences; ``"rnn"`` is the plain one, with the hyperbolic tangent."""

MAX_LAYERS = 3
"""Most recurrent layers of a network."""

SEQUENCE_POOLINGS = ("last", "mean", "max", "attention")
"""How the steps of a sequence become one vector.

``"last"`` takes what each direction knows when it has read all; ``"attention"`` is a mean whose
weights are the softmax over the steps of a learnt linear score.
"""

TARGETS = ("increment", "state")
"""What a forecaster's last layer says: the change from the input to the next state, or that."""


@dataclass(frozen=True)
class RNNConfig:
    """Layers of a recurrence, a normalization and dropout; a pooling over steps, a linear layer.

    Attributes:
        cell: One of `CELLS`.
        units: Of each layer and direction, first to last; 1 to `MAX_LAYERS` of them.
        bidirectional: Whether every layer also reads backwards, with weights of its own.
        pooling: One of `SEQUENCE_POOLINGS`.
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
        check_choices(self, cell=CELLS, pooling=SEQUENCE_POOLINGS)
        check_dropout(self.dropout)

    @property
    def directions(self) -> int:
        """How often every layer reads the sequence."""
        return 2 if self.bidirectional else 1


@dataclass(frozen=True)
class ForecasterConfig:
    """Recurrent layers that see and say states of a system, then a linear layer.

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
        check_choices(self, cell=CELLS, target=TARGETS)
        check_widths("units", self.units, MAX_LAYERS, "layer")
        check_noise(self.noise)


def count_recurrence(cell: str, inputs: int, units: int) -> int:
    """Trainable numbers of one direction of a recurrent layer.

    They are ``b * u * (d + u + 2)`` with d inputs and u units. The blocks b of rows in the weight
    matrices are gates and the candidate of the new state; torch keeps two biases a row.
    """
    return {"rnn": 1, "gru": 3, "lstm": 4}[cell] * units * (inputs + units + 2)


def count_rnn(config: RNNConfig, features: int, outputs: int) -> int:
    """Size of ``recurrent.RNN(config, features, outputs)``."""
    total, inputs = 0, features
    for units in config.units:
        width = units * config.directions
        total += config.directions * count_recurrence(config.cell, inputs, units)
        total += 2 * width if config.layer_norm else 0
        inputs = width
    total += inputs + 1 if config.pooling == "attention" else 0
    return total + (inputs + 1) * outputs


def count_forecaster(config: ForecasterConfig, variables: int) -> int:
    """Size of ``chaos.Forecaster(config, variables)``."""
    total, width = 0, variables
    for units in config.units:
        total += count_recurrence(config.cell, width, units)
        width = units
    return total + variables * (width + 1)


ATTENTIONS = ("softmax", "linear", "cosine", "quantum")
"""Similarities of queries q and keys k, e numbers each.

- ``"softmax"``: ``exp(q.k / sqrt(e))`` (Vaswani et al. 2017, "Attention Is All You Need").
- ``"linear"``: ``f(q).f(k)`` with ``f(x) = elu(x) + 1`` (Katharopoulos et al. 2020, "Transformers
  are RNNs").
- ``"quantum"``: the squared overlap of the states of e qubits that a circuit makes of q and k, see
  `circuits.fidelity`.
- ``"cosine"``: what a circuit of one layer without entanglement gives, the product over numbers
  of ``cos((q_i - k_i) / 2)^2``: what entanglement adds shows against it.
"""

POSITIONS = ("none", "sinusoidal", "learned", "rotary")
"""How a token's place enters: not at all; added to its embedding, as waves or as learned numbers;
or by turning pairs of numbers of queries and keys (Su et al. 2021, "RoFormer")."""

TEXT_POOLINGS = ("mean", "max", "first", "attention")
"""How tokens become one vector: mean or maximum over all but padding, the first token (which is no
word), or a weighted mean with learned weights."""


@dataclass(frozen=True)
class TransformerConfig:
    """Embedding, layers of attention and feed-forward, a pooling over tokens, a linear layer.

    Attributes:
        layers: At least 1.
        width: Numbers of a token between the layers: even, at least 2.
        heads: Of each layer, at least 1.
        head_width: Numbers of a query and a key, and qubits of ``"quantum"``: even, 2 to 8.
        feed_forward: Hidden units of each layer's feed-forward part, at least 1.
        positions: One of `POSITIONS`.
        pooling: One of `TEXT_POOLINGS`.
        attention: One of `ATTENTIONS`.
        dropout: Share of what each part of a layer adds that is dropped in training, at least 0
            and below 1.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    layers: int
    width: int
    heads: int
    head_width: int
    feed_forward: int
    positions: str
    pooling: str
    attention: str
    dropout: float

    def __post_init__(self) -> None:
        check_positive(self, "layers", "heads", "feed_forward")
        if self.width < 2 or self.width % 2:
            raise QhpoError(
                f"width must be even and at least 2, as waves come in pairs; got {self.width}"
            )
        if self.head_width not in (2, 4, 6, 8):
            raise QhpoError(
                "head_width must be 2, 4, 6 or 8, pairs to turn and qubits to simulate; "
                f"got {self.head_width}; take more heads for a wider layer"
            )
        check_choices(self, positions=POSITIONS, pooling=TEXT_POOLINGS, attention=ATTENTIONS)
        check_dropout(self.dropout)


def count_transformer(config: TransformerConfig, texts: Texts = DISEASES) -> int:
    """Size of ``transformer.Transformer(config, texts)``.

    With d the width, m = h * e the numbers of all heads and f the hidden units: the embedding of
    every token (and of every place, if learned), in each layer the projections to queries, keys
    and values and back, two normalizations and two linear layers, then one normalization, the
    pooling's weights if it has any, and the linear layer's. The kind of attention, dropout and
    the other positions have none.
    """
    d, m, f = config.width, config.heads * config.head_width, config.feed_forward
    embedding = (texts.tokens + (texts.length if config.positions == "learned" else 0)) * d
    layer = (d + 1) * 3 * m + (m + 1) * d + 2 * 2 * d + (d + 1) * f + (f + 1) * d
    pooling = d if config.pooling == "attention" else 0
    return embedding + config.layers * layer + 2 * d + pooling + (d + 1) * texts.classes


MAX_QUBITS = 8
"""A circuit of so many has 256 amplitudes, few enough for training by exact simulation."""

ENCODINGS = ("rx", "ry", "reuploading", "dense", "iqp")
"""How angles enter a circuit, see `circuits.variational_state`."""

ENTANGLEMENTS = ("none", "line", "ring", "all")
"""Which pairs of qubits are coupled, see `statevector.pairs`."""

READOUTS = ("z", "zz")
"""What is measured, see `circuits.observables`."""


@dataclass(frozen=True)
class VQCConfig:
    """A linear layer to angles (squashed to -pi to pi), a circuit with weights, a linear layer.

    Attributes:
        qubits: 2 to `MAX_QUBITS`.
        depth: Layers of trained rotations, at least 1.
        encoding: One of `ENCODINGS`.
        entanglement: One of `ENTANGLEMENTS`.
        readout: One of `READOUTS`.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    qubits: int
    depth: int
    encoding: str
    entanglement: str
    readout: str

    def __post_init__(self) -> None:
        if not 2 <= self.qubits <= MAX_QUBITS:
            raise QhpoError(
                f"qubits must be 2 to {MAX_QUBITS}, few enough to simulate; got {self.qubits}"
            )
        check_positive(self, "depth")
        check_choices(self, encoding=ENCODINGS, entanglement=ENTANGLEMENTS, readout=READOUTS)

    @property
    def angles(self) -> int:
        """Outputs of the first linear layer: two a qubit with ``"dense"``, else one."""
        return self.qubits * (2 if self.encoding == "dense" else 1)

    @property
    def expectations(self) -> int:
        """Inputs of the last linear layer: with ``"zz"`` also one for each pair of neighbours."""
        return 2 * self.qubits - 1 if self.readout == "zz" else self.qubits


def count_vqc(config: VQCConfig, grid: Grid = DIGITS) -> int:
    """Size of ``circuits.build_vqc(config, grid)``: two linear layers and the circuit's angles."""
    first = (grid.size + 1) * config.angles
    return first + 2 * config.depth * config.qubits + (config.expectations + 1) * grid.classes
