from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.cnn.model import ACTIVATIONS, POOLINGS
from qhpo_problems.training.physio.model import (
    CLASSES,
    KERNEL_SIZES,
    LENGTH,
    MAX_BLOCKS,
    READOUTS,
    SENSORS,
    PhysioConfig,
    build_physio,
    count_parameters,
)

VALID = PhysioConfig((4, 6), 3, "max", "average", True, "relu", 0.25, 0.25)

configs = st.builds(
    PhysioConfig,
    channels=st.lists(st.integers(1, 48), min_size=1, max_size=MAX_BLOCKS).map(tuple),
    kernel_size=st.sampled_from(KERNEL_SIZES),
    pooling=st.sampled_from(POOLINGS),
    readout=st.sampled_from(READOUTS),
    batch_norm=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
    noise=st.floats(0, 2),
    dropout=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=60)
@given(configs)
def test_parameters_are_counted_as_torch_counts_them(config: PhysioConfig) -> None:
    model = build_physio(config)
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())


def test_parameters_of_one_network_by_hand() -> None:
    config = PhysioConfig((2, 3), 3, "max", "average", False, "relu", 0.0, 0.0)
    # (6 * 3 + 1) * 2 = 38, (2 * 3 + 1) * 3 = 21, (3 + 1) * 7 = 28
    assert count_parameters(config) == 87


@pytest.mark.parametrize(
    "choice",
    [
        *({"channels": (5, 6, 7, 8)[:blocks]} for blocks in range(1, MAX_BLOCKS + 1)),
        *({"kernel_size": size} for size in KERNEL_SIZES),
        *({"pooling": kind} for kind in POOLINGS),
        *({"readout": kind} for kind in READOUTS),
        *({"batch_norm": on} for on in (True, False)),
        *({"activation": name} for name in ACTIVATIONS),
        *({"noise": deviation} for deviation in (0.0, 1.0)),
        *({"dropout": share} for share in (0.0, 0.5)),
    ],
    ids=str,
)
def test_every_choice_runs_forward_and_backward(choice: dict[str, Any]) -> None:
    model = build_physio(replace(VALID, **choice))
    scores = model(torch.rand(3, SENSORS, LENGTH))
    assert scores.shape == (3, CLASSES)
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("field", ["pooling", "readout", "activation"])
def test_categories_differ_in_what_they_compute(field: str) -> None:
    windows = torch.rand(2, SENSORS, LENGTH, generator=torch.Generator().manual_seed(0))
    weights = build_physio(replace(VALID, batch_norm=False)).state_dict()
    outputs = []
    values = {"pooling": POOLINGS, "readout": READOUTS, "activation": ACTIVATIONS}
    for value in values[field]:
        changes: dict[str, Any] = {"batch_norm": False, field: value}
        model = build_physio(replace(VALID, **changes)).eval()
        # Layers without parameters shift the indices; the order of the weights is the same.
        model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
        outputs.append(model(windows))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second)


def test_noise_is_for_training_only() -> None:
    model = build_physio(replace(VALID, noise=1.0, dropout=0.0, batch_norm=False))
    windows = torch.rand(2, SENSORS, LENGTH)
    assert not torch.equal(model.train()(windows), model(windows))
    assert torch.equal(model.eval()(windows), model(windows))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("channels", (), r"1 to 4 entries.*got 0: \(\)"),
        ("channels", (8, 8, 8, 8, 8), "1 to 4 entries.*got 5"),
        ("channels", (8, 0), r"at least 1; got \(8, 0\)"),
        ("kernel_size", 4, "kernel_size must be one of 3, 5, 9; got 4"),
        ("pooling", "median", "pooling must be one of max, average, stride; got 'median'"),
        ("readout", "last", "readout must be one of average, max; got 'last'"),
        ("activation", "sign", "activation must be one of .*got 'sign'"),
        ("noise", -0.5, "noise must be finite and at least 0; got -0.5"),
        ("noise", float("nan"), "noise must be .*got nan"),
        ("noise", float("inf"), "noise must be .*got inf"),
        ("dropout", 1.0, "dropout must be .*got 1.0"),
        ("dropout", -0.1, "dropout must be .*got -0.1"),
        ("dropout", float("nan"), "dropout must be .*got nan"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
