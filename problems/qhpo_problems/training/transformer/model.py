"""A family of small transformers that classify short texts, and how large each member is.

Glossary:
    n, t, h   examples in a batch; tokens of each, `LENGTH`; heads.
    d, e      numbers of a token between the layers, ``width``; of one head, ``head_width``.
    q, k, v   queries, keys, values: shape (n, h, t, e).
    s         similarity of a query and a key, at least 0: shape (n, h, t, t). Whatever the kind of
              attention, its weights are s over the sum of s over all keys that are no padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo.errors import QhpoError
from qhpo_problems.training.checks import check_choices, check_dropout, check_positive
from qhpo_problems.training.transformer.text import CHAPTERS, LENGTH, TOKENS

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "ATTENTIONS",
    "POOLINGS",
    "POSITIONS",
    "TransformerConfig",
    "build_transformer",
    "count_parameters",
]

ATTENTIONS = ("softmax", "linear", "cosine", "quantum")
"""Similarities of queries and keys.

- ``"softmax"``: ``exp(q.k / sqrt(e))`` (Vaswani et al. 2017, "Attention Is All You Need").
- ``"linear"``: ``f(q).f(k)`` with ``f(x) = elu(x) + 1`` (Katharopoulos et al. 2020, "Transformers
  are RNNs").
- ``"quantum"``: the squared overlap of the states of e qubits that a circuit makes of q and k, see
  `quantum.kernel`.
- ``"cosine"``: what a circuit of one layer without entanglement gives, the product over numbers
  of ``cos((q_i - k_i) / 2)^2``: what entanglement adds shows against it.
"""

POSITIONS = ("none", "sinusoidal", "learned", "rotary")
"""How a token's place enters: not at all; added to its embedding, as waves or as learned numbers;
or by turning pairs of numbers of queries and keys (Su et al. 2021, "RoFormer")."""

POOLINGS = ("mean", "max", "first", "attention")
"""How tokens become one vector: mean or maximum over all but padding, the first token (which is no
word), or a weighted mean with learned weights."""


@dataclass(frozen=True)
class TransformerConfig:
    """One architecture: embedding, layers of attention and feed-forward, pooling, a linear layer.

    Attributes:
        layers: At least 1.
        width: Numbers of a token between the layers: even, at least 2.
        heads: Of each layer, at least 1.
        head_width: Numbers of a query and a key, and qubits of ``"quantum"``: even, 2 to 8.
        feed_forward: Hidden units of each layer's feed-forward part, at least 1.
        positions: One of `POSITIONS`.
        pooling: One of `POOLINGS`.
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
        check_choices(self, positions=POSITIONS, pooling=POOLINGS, attention=ATTENTIONS)
        check_dropout(self.dropout)


def build_transformer(config: TransformerConfig) -> nn.Module:
    """The network: tokens, int64, shape (n, LENGTH), to class scores, shape (n, len(CHAPTERS)).

    Weights are drawn from torch's global generator, as by every torch layer.
    """
    from qhpo_problems.training.transformer.layers import Transformer

    return Transformer(config)


def count_parameters(config: TransformerConfig) -> int:
    """Trainable numbers of ``build_transformer(config)``, by arithmetic, without building it.

    With d the width, m = h * e the numbers of all heads and f the hidden units: the embedding of
    every token (and of every place, if learned), in each layer the projections to queries, keys
    and values and back, two normalizations and two linear layers, then one normalization, the
    pooling's weights if it has any, and the linear layer's. The kind of attention, dropout and
    the other positions have none.
    """
    d, m, f = config.width, config.heads * config.head_width, config.feed_forward
    embedding = (TOKENS + (LENGTH if config.positions == "learned" else 0)) * d
    layer = (d + 1) * 3 * m + (m + 1) * d + 2 * 2 * d + (d + 1) * f + (f + 1) * d
    pooling = d if config.pooling == "attention" else 0
    return embedding + config.layers * layer + 2 * d + pooling + (d + 1) * len(CHAPTERS)
