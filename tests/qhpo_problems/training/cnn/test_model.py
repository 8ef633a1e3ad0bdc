from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.cnn.model import (
    ACTIVATIONS,
    CLASSES,
    KERNEL_SIZES,
    MAX_BLOCKS,
    POOLINGS,
    SIDE,
    CNNConfig,
    build_cnn,
    count_parameters,
)

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


@settings(max_examples=60)
@given(configs)
def test_parameters_are_counted_as_torch_counts_them(config: CNNConfig) -> None:
    model = build_cnn(config)
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())


def test_parameters_of_one_network_by_hand() -> None:
    config = CNNConfig((2, 3), 3, "max", False, "relu", 0.0)
    # (9 + 1) * 2 = 20, (2 * 9 + 1) * 3 = 57, (3 * 2 * 2 + 1) * 10 = 130
    assert count_parameters(config) == 207


@pytest.mark.parametrize(
    "choice",
    [
        *({"channels": (5, 6, 7)[:blocks]} for blocks in range(1, MAX_BLOCKS + 1)),
        *({"kernel_size": size} for size in KERNEL_SIZES),
        *({"pooling": kind} for kind in POOLINGS),
        *({"batch_norm": on} for on in (True, False)),
        *({"activation": name} for name in ACTIVATIONS),
        *({"dropout": share} for share in (0.0, 0.5)),
    ],
    ids=str,
)
def test_every_choice_runs_forward_and_backward(choice: dict[str, Any]) -> None:
    model = build_cnn(replace(VALID, **choice))
    scores = model(torch.rand(3, 1, SIDE, SIDE))
    assert scores.shape == (3, CLASSES)
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("field", ["pooling", "activation"])
def test_categories_differ_in_what_they_compute(field: str) -> None:
    images = torch.rand(2, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    weights = build_cnn(replace(VALID, batch_norm=False)).state_dict()
    outputs = []
    for value in {"pooling": POOLINGS, "activation": ACTIVATIONS}[field]:
        changes: dict[str, Any] = {"batch_norm": False, field: value}
        model = build_cnn(replace(VALID, **changes)).eval()
        # Layers without parameters shift the indices; the order of the weights is the same.
        model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
        outputs.append(model(images))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("channels", (), r"1 to 3 entries.*got 0: \(\)"),
        ("channels", (8, 8, 8, 8), "1 to 3 entries.*got 4"),
        ("channels", (8, 0), r"at least 1; got \(8, 0\)"),
        ("kernel_size", 4, "kernel_size must be one of 3, 5; got 4"),
        ("pooling", "median", "pooling must be one of max, average, stride; got 'median'"),
        ("activation", "sign", "activation must be one of .*got 'sign'"),
        ("dropout", 1.0, "dropout must be .*got 1.0"),
        ("dropout", -0.1, "dropout must be .*got -0.1"),
        ("dropout", float("nan"), "dropout must be .*got nan"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
