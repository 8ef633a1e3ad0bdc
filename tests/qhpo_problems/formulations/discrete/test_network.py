from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from qhpo.errors import QhpoError
from qhpo_problems.formulations.discrete import (
    descended,
    last_layer,
    last_layer_inputs,
    levels_of,
    moments_of,
    train_last_layer,
)
from qhpo_problems.training.data.digits import digits
from qhpo_problems.training.fit.loop import Fitted, error_share, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Split
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn


@pytest.fixture(scope="module")
def trained() -> tuple[Fitted, Split]:
    """Few channels and epochs."""
    architecture, split = CNNConfig((4, 6), 3, "max", True, "relu", 0.2), digits(100)
    settings = TrainingSettings("adamw", 1e-2, 0.0, 32, 6)
    return fit(lambda: build_cnn(architecture), split, settings, seed=100), split


@pytest.mark.parametrize("bits", ["ternary", 2, 4])
def test_only_the_last_layer_changes(trained: tuple[Fitted, Split], bits: str | int) -> None:
    (fitted, split), levels = trained, levels_of(bits)
    before = {name: value.clone() for name, value in fitted.model.state_dict().items()}
    small = train_last_layer(fitted.model, split.train.inputs, split.train.targets, bits=bits)
    assert all(torch.equal(v, before[n]) for n, v in fitted.model.state_dict().items())
    changed = {n for n, v in small.state_dict().items() if not torch.equal(v, before[n])}
    last = max(int(name.partition(".")[0]) for name in before)
    assert changed == {f"{last}.weight", f"{last}.bias"}
    weights = last_layer(small).weight.detach().double().numpy()
    assert max(len(np.unique(row)) for row in weights) <= levels.top + 1
    assert error_share(small, split.test) < error_share(fitted.model, split.test) + 0.15


def test_the_loss_is_less_than_that_of_the_descent(trained: tuple[Fitted, Split]) -> None:
    fitted, split = trained
    features = last_layer_inputs(fitted.model, split.train.inputs)
    targets = np.where(split.train.targets.numpy()[:, None] == np.arange(10), 1.0, -1.0)
    small = train_last_layer(fitted.model, split.train.inputs, split.train.targets, bits=3)
    with torch.no_grad():
        left = small(split.train.inputs).double().numpy() - targets
    weights = last_layer(small).weight.detach().double().numpy()
    loss = np.square(left).sum() + np.square(weights).sum()
    moments = moments_of(features, targets, 1.0)
    assert loss == pytest.approx(moments.losses(weights).sum(), rel=1e-4)
    assert loss < moments.losses(descended(moments, levels_of(3)).values).sum()


def test_a_layer_without_bias_gets_one() -> None:
    network = nn.Sequential(nn.Linear(4, 3, bias=False))
    inputs = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    small = train_last_layer(network, inputs, inputs[:, :3].argmax(dim=1))
    assert network[0].bias is None
    assert last_layer(small).bias.shape == (3,)


def test_networks_and_targets_that_do_not_fit() -> None:
    inputs, targets = torch.ones(2, 4), torch.tensor([0, 1])
    with pytest.raises(QhpoError, match="got Sequential without one"):
        train_last_layer(nn.Sequential(nn.ReLU()), inputs, targets)
    with pytest.raises(QhpoError, match="got Sequential, which does more after Linear"):
        train_last_layer(nn.Sequential(nn.Linear(4, 2), nn.Sigmoid()), inputs, targets)
    with pytest.raises(QhpoError, match=r"0 to 1, one an output.*shape \(2,\) of \[0 2\]"):
        train_last_layer(nn.Linear(4, 2), inputs, 2 * targets)
    with pytest.raises(QhpoError, match=r"classes of 2 inputs.*shape \(1,\)"):
        train_last_layer(nn.Linear(4, 2), inputs, targets[:1])
