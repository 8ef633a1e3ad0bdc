from __future__ import annotations

import pytest
import torch
from torch import nn

from qhpo_problems.benchmarks.formulations import digits, pruning
from qhpo_problems.benchmarks.formulations.pruning import SUITE, measure_pruning
from qhpo_problems.formulations.layers import weight_layers
from qhpo_problems.training.data.digits import digits as split_of
from qhpo_problems.training.fit.loop import Fitted, fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.networks.configs import CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """Few channels and epochs."""
    architecture = CNNConfig((4, 6), 3, "max", True, "relu", 0.0)
    settings = TrainingSettings("adamw", 1e-2, 0.0, 32, 6)
    return fit(lambda: build_cnn(architecture), split_of(100), settings, seed=100)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, fitted: Fitted) -> nn.Module:
    monkeypatch.setattr(digits, "trained", lambda seed: (fitted, split_of(100)))
    monkeypatch.setattr(pruning, "_SPARSITIES", (0.25, 0.4))
    return fitted.model


@pytest.mark.usefixtures("small")
def test_cross_terms_keep_the_outputs_best() -> None:
    numbers = {m: measure_pruning("weights", m, 100) for m in SUITE.methods}
    for at_sparsity in zip(*numbers.values(), strict=True):
        for one in at_sparsity:
            assert set(one) == {metric.name for metric in SUITE.metrics}
        ours, *others = at_sparsity
        assert ours["change"] < min(other["change"] for other in others)
    worst = numbers["magnitude-by-layer"][-1]
    assert worst["tuned"] > worst["accuracy"]


@pytest.mark.parametrize("method", SUITE.methods)
@pytest.mark.parametrize("channels", [False, True])
def test_all_methods_remove_the_same_share(small: nn.Module, method: str, channels: bool) -> None:
    images = split_of(100).train.inputs[:64]
    for sparsity, model in zip(
        pruning._SPARSITIES, pruning._METHODS[method](small, images, channels, 0), strict=True
    ):
        layers = list(weight_layers(model).values())
        if channels:
            gone = [(layer.weight.flatten(1) == 0).all(dim=1) for layer in layers[:-1]]
            assert bool((layers[-1].weight != 0).all())
        else:
            gone = [layer.weight.flatten() == 0 for layer in layers]
        mask = torch.cat(gone)
        # Each layer of those that are pruned one by one rounds by itself.
        assert abs(int(mask.sum()) - sparsity * len(mask)) <= 0.5 * len(gone)


def test_removed_weights_stay_away_in_training(small: nn.Module) -> None:
    (half, *_) = pruning._METHODS["magnitude"](small, torch.zeros(0), False, 0)
    masked = pruning._masked(half).train()
    optimizer = torch.optim.SGD(masked.parameters(), lr=1.0)
    masked(split_of(100).train.inputs[:32]).square().sum().backward()
    optimizer.step()
    masked(split_of(100).train.inputs[:32])
    for before, after in zip(
        weight_layers(half).values(), weight_layers(masked).values(), strict=True
    ):
        assert bool((after.weight[before.weight == 0] == 0).all())
        assert not torch.equal(after.weight, before.weight)
