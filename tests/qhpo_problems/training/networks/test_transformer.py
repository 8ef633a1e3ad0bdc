import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from qhpo_problems.training.data.shapes import DISEASES
from qhpo_problems.training.data.text import PADDING, START
from qhpo_problems.training.networks.configs import (
    ATTENTIONS,
    POSITIONS,
    TEXT_POOLINGS,
    TransformerConfig,
)
from qhpo_problems.training.networks.transformer import (
    SIMILARITIES,
    Attention,
    Transformer,
    rotate,
    sinusoids,
)

CONFIG = TransformerConfig(1, 8, 2, 4, 16, "none", "mean", "softmax", 0.0)
VALID = TransformerConfig(2, 10, 2, 4, 16, "learned", "attention", "softmax", 0.25)


def examples(*lengths: int) -> Tensor:
    """One example of each length: the start, then words, then padding."""
    rows = [torch.arange(DISEASES.length) * 7 + 3 * row for row in range(len(lengths))]
    tokens = torch.stack([row % (DISEASES.tokens - 3) + 3 for row in rows])
    tokens[:, 0] = START
    return tokens.masked_fill(
        torch.arange(DISEASES.length) >= torch.tensor(lengths)[:, None], PADDING
    )


def test_softmax_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    attention = Attention(CONFIG)
    x, words = torch.randn(3, 7, 8), torch.arange(7) < torch.tensor([[2], [7], [4]])
    q, k, v = (
        part.unflatten(-1, (2, 4)).transpose(1, 2)
        for part in attention.query_key_value(x).chunk(3, dim=-1)
    )
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=words[:, None, None, :])
    expected = attention.output(mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, words), expected)


def test_softmax_stays_finite_where_the_exponential_does_not() -> None:
    weights = SIMILARITIES["softmax"](torch.full((2, 4), 90.0), torch.full((2, 4), 90.0))
    assert weights.isfinite().all()
    torch.testing.assert_close(weights, torch.ones(2, 2))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_each_token_becomes_a_mean_of_values(kind: str) -> None:
    torch.manual_seed(0)
    attention = Attention(replace(CONFIG, attention=kind))
    x, words = torch.randn(2, 6, 8), torch.arange(6) < torch.tensor([[6], [3]])
    with torch.no_grad():
        attention.query_key_value.weight[16:] = 0.0
        attention.query_key_value.bias[16:] = 1.5
        attention.output.weight.copy_(torch.eye(8))
        attention.output.bias.zero_()
    torch.testing.assert_close(attention(x, words), torch.full((2, 6, 8), 1.5))


@pytest.mark.parametrize("kind", ATTENTIONS)
def test_similarities_are_not_negative(kind: str) -> None:
    torch.manual_seed(0)
    q, k = 3 * torch.randn(2, 5, 4), 3 * torch.randn(2, 5, 4)
    assert SIMILARITIES[kind](q, k).min() >= 0


def test_vanishing_similarities_give_finite_weights() -> None:
    attention = Attention(replace(CONFIG, width=2, heads=1, head_width=2, attention="cosine"))
    with torch.no_grad():
        attention.query_key_value.weight.zero_()
        attention.query_key_value.bias.copy_(torch.tensor([math.pi, math.pi, 0, 0, 1, 1]))
    x = torch.randn(1, 3, 2, requires_grad=True)
    mixed = attention(x, torch.ones(1, 3, dtype=torch.bool))
    mixed.sum().backward()
    assert mixed.isfinite().all()
    assert attention.query_key_value.weight.grad.isfinite().all()


def test_sinusoids_by_hand() -> None:
    waves = sinusoids(3, 4)
    for place in range(3):
        slow = place / 10_000**0.5
        expected = [math.sin(place), math.cos(place), math.sin(slow), math.cos(slow)]
        assert waves[place].tolist() == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_products_of_turned_vectors_depend_on_the_distance(seed: int, half: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, k = torch.randn(2, 2 * half, generator=generator)
    products = rotate(q.expand(9, -1)) @ rotate(k.expand(9, -1)).T
    torch.testing.assert_close(products[0, 0], q @ k)
    for distance in range(-8, 9):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), atol=1e-4, rtol=0)
    assert not torch.allclose(products[0, 1], products[0, 0])


@pytest.mark.parametrize(
    "choice",
    [
        *({"attention": kind, "positions": place} for kind in ATTENTIONS for place in POSITIONS),
        *({"pooling": kind} for kind in TEXT_POOLINGS),
        {"layers": 3},
        {"width": 2, "heads": 1, "head_width": 2, "feed_forward": 1},
        {"head_width": 8, "attention": "quantum"},
    ],
    ids=str,
)
def test_every_choice_runs_forward_and_backward(choice: dict[str, Any]) -> None:
    model = Transformer(replace(VALID, **choice))
    scores = model(examples(5, 13, 9))
    assert scores.shape == (3, DISEASES.classes)
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("field", ["attention", "pooling", "positions"])
def test_categories_differ_in_what_they_compute(field: str) -> None:
    kinds = {"attention": ATTENTIONS, "pooling": TEXT_POOLINGS, "positions": POSITIONS}[field]
    torch.manual_seed(0)
    weights = Transformer(VALID).state_dict()
    outputs = []
    for kind in kinds:
        changes: dict[str, Any] = {field: kind}
        model = Transformer(replace(VALID, **changes)).eval()
        model.load_state_dict({name: weights[name] for name in model.state_dict()})
        outputs.append(model(examples(5, 12)))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pooling", TEXT_POOLINGS)
def test_padding_does_not_matter(attention: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = Transformer(replace(VALID, attention=attention, pooling=pooling)).eval()
    tokens = examples(5, 9, 13)
    before = model(tokens)
    with torch.no_grad():
        model.get_parameter("embedding.weight")[PADDING] += 5 * torch.randn(VALID.width)
    torch.testing.assert_close(model(tokens), before)
    # Nor do the other examples of the batch.
    torch.testing.assert_close(model(tokens[1:2]), before[1:2])


@pytest.mark.parametrize("positions", POSITIONS)
def test_only_positions_tell_the_order_of_words(positions: str) -> None:
    torch.manual_seed(0)
    model = Transformer(replace(VALID, positions=positions, pooling="mean")).eval()
    tokens = examples(8)
    other = tokens.clone()
    other[0, 1:8] = tokens[0, 1:8].flip(0)
    same = torch.allclose(model(tokens), model(other), atol=1e-6)
    assert same == (positions == "none")
