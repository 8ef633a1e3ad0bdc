from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from qhpo.errors import QhpoError
from qhpo_problems.formulations.layers import (
    Layer,
    input_gram,
    set_weights,
    weight_layers,
    weights,
)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(5, 3, bias=False), (7, 5)),
        (nn.Conv2d(2, 3, 3, bias=False), (4, 2, 6, 5)),
        (nn.Conv2d(2, 3, (3, 2), stride=2, padding=(1, 0), dilation=2, bias=False), (4, 2, 8, 9)),
    ],
)
def test_outputs_are_those_of_the_weight_matrix(layer: Layer, shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    gram, w = input_gram(nn.Sequential(layer), layer, inputs), weights(layer)
    outputs = layer(inputs).detach().double()
    rows = outputs.movedim(1, -1).flatten(0, -2).numpy()
    np.testing.assert_allclose(w @ gram @ w.T, rows.T @ rows / len(rows), rtol=1e-5, atol=1e-6)


def test_weights_can_be_replaced() -> None:
    layer = nn.Conv2d(2, 3, 2)
    values = np.arange(24.0).reshape(3, 8)
    set_weights(layer, values)
    np.testing.assert_array_equal(weights(layer), values)
    assert layer.weight.shape == (3, 2, 2, 2)


def test_the_gram_matrix_is_that_of_evaluation_mode_and_of_the_inputs_of_the_layer() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(0.9), nn.Linear(4, 1)).train()
    inputs = torch.randn((50, 2), generator=torch.Generator().manual_seed(1))
    last = model[3]
    assert isinstance(last, nn.Linear)
    gram = input_gram(model, last, inputs)
    hidden = model[:2](inputs).detach().numpy()
    np.testing.assert_allclose(gram, hidden.T @ hidden / 50, rtol=1e-5, atol=1e-6)


def test_layers_come_by_name_in_their_order() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    assert list(weight_layers(model)) == ["0", "3"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Sequential(nn.ReLU()), "at least one nn.Conv2d or nn.Linear .* got Sequential"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), r"groups=1.* got 0: Conv2d"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding="same")), "padding in numbers; got 0"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")), "'zeros'"),
    ],
)
def test_models_that_cannot_be_done_are_refused(model: nn.Module, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        weight_layers(model)


def test_a_layer_that_the_model_does_not_use_is_an_error() -> None:
    with pytest.raises(QhpoError, match="used by its model; got Linear"):
        input_gram(nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2), torch.zeros((1, 2)))
