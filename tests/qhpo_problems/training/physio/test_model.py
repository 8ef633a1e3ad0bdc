from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.convolution import ACTIVATIONS, POOLINGS
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

VALID = PhysioConfig((4, 6), 3, "max", False, "relu", "average", 0.0, 0.0)

configs = st.builds(
    PhysioConfig,
    channels=st.lists(st.integers(1, 48), min_size=1, max_size=MAX_BLOCKS).map(tuple),
    kernel_size=st.sampled_from(KERNEL_SIZES),
    pooling=st.sampled_from(POOLINGS),
    batch_norm=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
    readout=st.sampled_from(READOUTS),
    noise=st.floats(0, 2),
    dropout=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=30)
@given(configs)
def test_every_network_is_counted_and_learns_from_windows(config: PhysioConfig) -> None:
    model = build_physio(config)
    assert count_parameters(config) == sum(p.numel() for p in model.parameters())
    scores = model(torch.rand(3, SENSORS, LENGTH))
    assert scores.shape == (3, CLASSES)
    scores.square().sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def test_parameters_of_one_network_by_hand() -> None:
    config = PhysioConfig((2, 3), 3, "max", False, "relu", "average", 0.0, 0.0)
    # (6 * 3 + 1) * 2 = 38, (2 * 3 + 1) * 3 = 21, (3 + 1) * 7 = 28
    assert count_parameters(config) == 87


def test_readouts_differ_in_what_they_compute() -> None:
    windows = torch.rand(2, SENSORS, LENGTH, generator=torch.Generator().manual_seed(0))
    average, most = (build_physio(replace(VALID, readout=readout)) for readout in READOUTS)
    # Positive weights, so that no unit is silent.
    with torch.no_grad():
        for parameter in average.parameters():
            parameter.fill_(0.01)
    most.load_state_dict(average.state_dict())
    assert (most(windows) > average(windows)).all()


def test_noise_is_for_training_only() -> None:
    model = build_physio(replace(VALID, noise=1.0))
    windows = torch.rand(2, SENSORS, LENGTH)
    assert not torch.equal(model.train()(windows), model(windows))
    assert torch.equal(model.eval()(windows), model(windows))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("channels", (8, 8, 8, 8, 8), "channels must have 1 to 4 entries.*got 5"),
        ("kernel_size", 4, "kernel_size must be one of 3, 5, 9; got 4"),
        ("activation", "sign", "activation must be one of .*got 'sign'"),
        ("readout", "last", "readout must be one of average, max; got 'last'"),
        ("noise", -0.5, "noise must be finite and at least 0; got -0.5"),
        ("dropout", 1.0, "dropout must be .*got 1.0"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(VALID, **{field: value})
