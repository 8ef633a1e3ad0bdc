from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.cnn.model import (
    CLASSES,
    KERNEL_SIZES,
    MAX_BLOCKS,
    SIDE,
    CNNConfig,
    build_cnn,
    count_parameters,
)
from qhpo_problems.training.convolution import ACTIVATIONS, POOLINGS

VALID = CNNConfig((4, 6), 3, "max", True, "relu", 0.25)

configs = st.builds(
    CNNConfig,
    channels=st.lists(st.integers(1, 48), min_size=1, max_size=MAX_BLOCKS).map(tuple),
    kernel_size=st.sampled_from(KERNEL_SIZES),
    pooling=st.sampled_from(POOLINGS),
    batch_norm=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
    dropout=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=30)
@given(configs)
def test_every_network_is_counted_and_runs_forward_and_backward(config: CNNConfig) -> None:
    model = build_cnn(config)
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())
    scores = model(torch.rand(3, 1, SIDE, SIDE))
    assert scores.shape == (3, CLASSES)
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_parameters_of_one_network_by_hand() -> None:
    config = CNNConfig((2, 3), 3, "max", False, "relu", 0.0)
    # (9 + 1) * 2 = 20, (2 * 9 + 1) * 3 = 57, (3 * 2 * 2 + 1) * 10 = 130
    assert count_parameters(config) == 207


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("channels", (8, 8, 8, 8), "channels must have 1 to 3 entries.*got 4"),
        ("kernel_size", 4, "kernel_size must be one of 3, 5; got 4"),
        ("pooling", "median", "pooling must be one of .*got 'median'"),
        ("dropout", 1.0, "dropout must be .*got 1.0"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
