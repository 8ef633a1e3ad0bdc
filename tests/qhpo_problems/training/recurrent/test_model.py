from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.recurrent.model import (
    CELLS,
    MAX_LAYERS,
    POOLINGS,
    RNNConfig,
    count_parameters,
)
from qhpo_problems.training.recurrent.network import RNN

VALID = RNNConfig("gru", (4, 6), True, "attention", True, 0.25)

configs = st.builds(
    RNNConfig,
    cell=st.sampled_from(CELLS),
    units=st.lists(st.integers(1, 20), min_size=1, max_size=MAX_LAYERS).map(tuple),
    bidirectional=st.booleans(),
    pooling=st.sampled_from(POOLINGS),
    layer_norm=st.booleans(),
    dropout=st.floats(0, 1, exclude_max=True),
)


@settings(max_examples=60)
@given(configs, st.integers(1, 5), st.integers(1, 5))
def test_parameters_are_counted_as_torch_counts_them(
    config: RNNConfig, features: int, outputs: int
) -> None:
    with torch.device("meta"):
        model = RNN(config, features, outputs)
    assert count_parameters(config, features, outputs) == sum(
        parameter.numel() for parameter in model.parameters()
    )


def test_parameters_of_one_network_by_hand() -> None:
    # 2 * 4 * 3 * (2 + 3 + 2) = 168, norm 2 * 6, attention 6 + 1, linear (6 + 1) * 5
    config = RNNConfig("lstm", (3,), True, "attention", True, 0.0)
    assert count_parameters(config, 2, 5) == 168 + 12 + 7 + 35


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell", "qrnn"),
        ("units", ()),
        ("units", (1, 2, 3, 4)),
        ("units", (8, 0)),
        ("pooling", "min"),
        ("dropout", -0.1),
        ("dropout", 1.0),
    ],
)
def test_invalid_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(QhpoError, match=f"^{name} must .*got ") as raised:
        replace(VALID, **{name: value})
    assert str(value) in str(raised.value)
