from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from qhpo.errors import QhpoError
from qhpo_problems.training.convolution import (
    ACTIVATIONS,
    POOLINGS,
    Blocks,
    build_blocks,
    count_blocks,
)

VALID = Blocks((4, 6), 3, "max", False, "relu")

architectures = st.builds(
    Blocks,
    channels=st.lists(st.integers(1, 48), min_size=1, max_size=4).map(tuple),
    kernel_size=st.sampled_from((1, 3, 5, 9)),
    pooling=st.sampled_from(POOLINGS),
    batch_norm=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
)


@settings(max_examples=60)
@given(architectures, st.integers(1, 6), st.sampled_from((1, 2)))
def test_size_is_what_torch_counts(blocks: Blocks, inputs: int, dimensions: int) -> None:
    with torch.device("meta"):
        model = nn.Sequential(*build_blocks(blocks, inputs, dimensions=dimensions))
    counted = sum(p.numel() for p in model.parameters())
    assert count_blocks(blocks, inputs, dimensions=dimensions) == counted


@settings(max_examples=30)
@given(architectures, st.sampled_from((1, 2)))
def test_every_block_halves_every_dimension(blocks: Blocks, dimensions: int) -> None:
    model = nn.Sequential(*build_blocks(blocks, 2, dimensions=dimensions))
    outputs = model(torch.rand(3, 2, *[16] * dimensions))
    side = 16 >> len(blocks.channels)
    assert outputs.shape == (3, blocks.channels[-1], *[side] * dimensions)


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize(("field", "values"), [("pooling", POOLINGS), ("activation", ACTIVATIONS)])
def test_categories_differ_in_what_they_compute(
    field: str, values: tuple[str, ...], dimensions: int
) -> None:
    images = torch.rand(2, 1, *[8] * dimensions, generator=torch.Generator().manual_seed(0))
    outputs = []
    for value in values:
        changes: dict[str, Any] = {field: value}
        torch.manual_seed(0)
        model = nn.Sequential(*build_blocks(replace(VALID, **changes), 1, dimensions=dimensions))
        outputs.append(model(images))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pooling", "median", "pooling must be one of max, average, stride; got 'median'"),
        ("activation", "sign", "activation must be one of relu, .*got 'sign'"),
    ],
)
def test_unknown_category(field: str, value: str, message: str) -> None:
    changes: dict[str, Any] = {field: value}
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **changes)
