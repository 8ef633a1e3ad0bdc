from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qhpo.errors import QhpoError
from qhpo_problems.training.transformer.model import (
    ATTENTIONS,
    POOLINGS,
    POSITIONS,
    TransformerConfig,
    build_transformer,
    count_parameters,
)
from qhpo_problems.training.transformer.text import CHAPTERS, LENGTH, PADDING, START, TOKENS

VALID = TransformerConfig(2, 10, 2, 4, 16, "learned", "attention", "softmax", 0.25)

configs = st.builds(
    TransformerConfig,
    layers=st.integers(1, 3),
    width=st.integers(1, 16).map(lambda half: 2 * half),
    heads=st.integers(1, 4),
    head_width=st.sampled_from((2, 4, 6, 8)),
    feed_forward=st.integers(1, 64),
    positions=st.sampled_from(POSITIONS),
    pooling=st.sampled_from(POOLINGS),
    attention=st.sampled_from(ATTENTIONS),
    dropout=st.floats(0, 1, exclude_max=True),
)


def examples(*lengths: int) -> Tensor:
    """One example of each length: the start, then words, then padding."""
    rows = [torch.arange(LENGTH) * 7 + 3 * row for row in range(len(lengths))]
    tokens = torch.stack([row % (TOKENS - 3) + 3 for row in rows])
    tokens[:, 0] = START
    return tokens.masked_fill(torch.arange(LENGTH) >= torch.tensor(lengths)[:, None], PADDING)


@settings(max_examples=40)
@given(configs)
def test_parameters_are_counted_as_torch_counts_them(config: TransformerConfig) -> None:
    with torch.device("meta"):
        model = build_transformer(config)
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())


def test_parameters_of_one_network_by_hand() -> None:
    config = TransformerConfig(1, 2, 3, 4, 5, "learned", "attention", "quantum", 0.0)
    # Embeddings 1003 * 2 and 13 * 2; projections (2 + 1) * 36 and (12 + 1) * 2; norms 3 * 4;
    # feed-forward (2 + 1) * 5 and (5 + 1) * 2; pooling 2; output (2 + 1) * 10.
    assert count_parameters(config) == 2006 + 26 + 108 + 26 + 12 + 15 + 12 + 2 + 30


@pytest.mark.parametrize(
    "choice",
    [
        *({"attention": kind, "positions": place} for kind in ATTENTIONS for place in POSITIONS),
        *({"pooling": kind} for kind in POOLINGS),
        {"layers": 3},
        {"width": 2, "heads": 1, "head_width": 2, "feed_forward": 1},
        {"head_width": 8, "attention": "quantum"},
    ],
    ids=str,
)
def test_every_choice_runs_forward_and_backward(choice: dict[str, Any]) -> None:
    model = build_transformer(replace(VALID, **choice))
    scores = model(examples(5, 13, 9))
    assert scores.shape == (3, len(CHAPTERS))
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("field", ["attention", "pooling", "positions"])
def test_categories_differ_in_what_they_compute(field: str) -> None:
    kinds = {"attention": ATTENTIONS, "pooling": POOLINGS, "positions": POSITIONS}[field]
    torch.manual_seed(0)
    weights = build_transformer(VALID).state_dict()
    outputs = []
    for kind in kinds:
        changes: dict[str, Any] = {field: kind}
        model = build_transformer(replace(VALID, **changes)).eval()
        model.load_state_dict({name: weights[name] for name in model.state_dict()})
        outputs.append(model(examples(5, 12)))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_does_not_matter(attention: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = build_transformer(replace(VALID, attention=attention, pooling=pooling)).eval()
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
    model = build_transformer(replace(VALID, positions=positions, pooling="mean")).eval()
    tokens = examples(8)
    other = tokens.clone()
    other[0, 1:8] = tokens[0, 1:8].flip(0)
    same = torch.allclose(model(tokens), model(other), atol=1e-6)
    assert same == (positions == "none")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("layers", 0, "layers must be at least 1; got 0"),
        ("width", 0, "width must be even and at least 2.*got 0"),
        ("width", 7, "width must be even and at least 2.*got 7"),
        ("heads", 0, "heads must be at least 1; got 0"),
        ("feed_forward", -1, "feed_forward must be at least 1; got -1"),
        ("head_width", 3, "head_width must be 2, 4, 6 or 8.*got 3"),
        ("head_width", 10, "head_width must be 2, 4, 6 or 8.*got 10"),
        ("positions", "wave", "positions must be one of none, .*got 'wave'"),
        ("pooling", "sum", "pooling must be one of mean, .*got 'sum'"),
        ("attention", "hard", "attention must be one of softmax, .*got 'hard'"),
        ("dropout", 1.0, "dropout must be .*got 1.0"),
        ("dropout", float("nan"), "dropout must be .*got nan"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
