"""Small transformers that classify short texts.

Glossary:
    n, t, h   examples in a batch; tokens of each; heads.
    d, e      numbers of a token between the layers, ``width``; of one head, ``head_width``.
    q, k, v   queries, keys, values: shape (n, h, t, e).
    s         similarity of a query and a key, at least 0: shape (n, h, t, t). Whatever the kind of
              attention, its weights are s over the sum of s over all keys that are no padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from qhpo_problems.training.data.shapes import DISEASES, Texts
from qhpo_problems.training.data.text import PADDING
from qhpo_problems.training.networks.circuits import fidelity, product_fidelity
from qhpo_problems.training.networks.configs import TransformerConfig

__all__ = ["SIMILARITIES", "Attention", "Transformer", "rotate", "sinusoids"]


class Transformer(nn.Module):
    """Tokens to class scores; layers normalize first (Xiong et al. 2020, "On Layer Normalization").

    Args:
        config: The architecture.
        texts: What it sees and says.
    """

    def __init__(self, config: TransformerConfig, texts: Texts = DISEASES) -> None:
        super().__init__()
        self.embedding = nn.Embedding(texts.tokens, config.width)
        places = (texts.length, config.width)
        self.positions = {
            "learned": lambda: nn.Parameter(0.1 * torch.randn(*places)),
            "sinusoidal": lambda: nn.Buffer(sinusoids(*places), persistent=False),
        }.get(config.positions, lambda: None)()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.pooling = config.pooling
        if config.pooling == "attention":
            self.score = nn.Linear(config.width, 1, bias=False)
        self.output = nn.Linear(config.width, texts.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Class scores, shape (n, classes), of tokens, int64, shape (n, length)."""
        words = tokens != PADDING
        x = self.embedding(tokens)
        if self.positions is not None:
            x = x + self.positions
        for layer in self.layers:
            x = layer(x, words)
        scores: Tensor = self.output(self._pool(self.norm(x), words))
        return scores

    def _pool(self, x: Tensor, words: Tensor) -> Tensor:
        """One vector, shape (n, d), of all tokens that are no padding, shape (n, t, d)."""
        seen = words.unsqueeze(-1)
        match self.pooling:
            case "mean":
                return (x * seen).sum(dim=1) / seen.sum(dim=1)
            case "max":
                return x.masked_fill(~seen, -math.inf).amax(dim=1)
            case "first":
                return x[:, 0]
            case _:
                scores: Tensor = self.score(x)
                weights = scores.masked_fill(~seen, -math.inf).softmax(dim=1)
                return (x * weights).sum(dim=1)


class _Layer(nn.Module):
    """Attention, then a feed-forward part; each adds to what it gets."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.width, config.feed_forward),
            nn.GELU(),
            nn.Linear(config.feed_forward, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), words))
        added: Tensor = self.dropout(self.feed_forward(self.forward_norm(x)))
        return x + added


class Attention(nn.Module):
    """Each token becomes a mean of all tokens' values, weighted by similarity.

    Args:
        config: The architecture.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.rotary = config.heads, config.positions == "rotary"
        self.similarity = SIMILARITIES[config.attention]
        inner = config.heads * config.head_width
        self.query_key_value = nn.Linear(config.width, 3 * inner)
        self.output = nn.Linear(inner, config.width)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """Of tokens, shape (n, t, d), and where they are no padding, bool, (n, t): (n, t, d)."""
        # (n, t, 3 * h * e) to three times (n, h, t, e).
        projected = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = projected.permute(2, 0, 3, 1, 4)
        if self.rotary:
            q, k = rotate(q), rotate(k)
        s = self.similarity(q, k) * words[:, None, None, :]
        # Similarities of quantum states can all vanish: their sum must not.
        weights = s / s.sum(dim=-1, keepdim=True).clamp_min(1e-9)
        mixed = (weights @ v).transpose(1, 2).flatten(2)
        output: Tensor = self.output(mixed)
        return output


def _softmax(queries: Tensor, keys: Tensor) -> Tensor:
    products = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    # A factor common to all keys cancels; this one keeps the exponential in range.
    return (products - products.amax(dim=-1, keepdim=True)).exp()


def _linear(queries: Tensor, keys: Tensor) -> Tensor:
    return (functional.elu(queries) + 1) @ (functional.elu(keys) + 1).transpose(-2, -1)


SIMILARITIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "softmax": _softmax,
    "linear": _linear,
    "cosine": product_fidelity,
    "quantum": fidelity,
}
"""By name in `configs.ATTENTIONS`: q and k, each (..., t, e), to s, shape (..., t, t)."""


def sinusoids(length: int, width: int) -> Tensor:
    """Sine and cosine of the place, shape (length, width).

    The wavelengths grow from 2 pi to 10,000 * 2 pi.
    """
    angles = _angles(length, width)
    waves = torch.stack((angles.sin(), angles.cos()), dim=-1)
    return waves.flatten(-2)


def rotate(x: Tensor) -> Tensor:
    """Turn each pair of numbers, shape (..., t, e), by an angle that grows with the place t.

    A product of a query and a key so turned depends on their distance, not on their places.
    """
    angles = _angles(*x.shape[-2:]).to(x)
    cosine, sine = angles.cos(), angles.sin()
    first, second = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((cosine * first - sine * second, sine * first + cosine * second), -1)
    return turned.flatten(-2)


def _angles(length: int, width: int) -> Tensor:
    """Place over wavelength / 2 pi, in radians: shape (length, width / 2), width even."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.arange(length).unsqueeze(-1) * rates
