from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qhpo_problems.training.data.sequences import padded
from qhpo_problems.training.networks.configs import CELLS, SEQUENCE_POOLINGS, RNNConfig
from qhpo_problems.training.networks.recurrent import RNN

FEATURES, OUTPUTS = 3, 4
SEQUENCES = [np.random.default_rng(steps).normal(size=(steps, FEATURES)) for steps in (5, 1, 9, 2)]

every_config = pytest.mark.parametrize(
    "config",
    [
        RNNConfig(cell, (5, 4), both, pooling, norm, 0.3)
        for cell, both, pooling, norm in product(
            CELLS, (False, True), SEQUENCE_POOLINGS, (False, True)
        )
    ],
    ids=lambda c: f"{c.cell}-{c.pooling}-{c.directions}-{'norm' if c.layer_norm else 'plain'}",
)


def build(config: RNNConfig) -> RNN:
    torch.manual_seed(0)
    return RNN(config, FEATURES, OUTPUTS).eval()


def plainly(model: RNN, sequence: np.ndarray[Any, Any]) -> Tensor:
    """What the network says of one sequence, without masks: the layers one after another."""
    states = torch.tensor(sequence, dtype=torch.float32)
    for recurrence, norm in zip(model.recurrences, model.norms, strict=True):
        states = norm(recurrence(states)[0])
    units = model.config.units[-1]
    match model.config.pooling:
        case "last":
            pooled = torch.cat([states[-1, :units], states[0, units:]])
        case "mean":
            pooled = states.mean(dim=0)
        case "max":
            pooled = states.amax(dim=0)
        case _:
            assert model.score is not None
            pooled = model.score(states)[:, 0].softmax(dim=0) @ states
    scores: Tensor = model.linear(pooled)
    return scores


@every_config
def test_a_batch_says_of_each_what_is_said_of_it_alone(config: RNNConfig) -> None:
    model = build(config)
    with torch.no_grad():
        together = model(padded(SEQUENCES))
        alone = torch.stack([plainly(model, sequence) for sequence in SEQUENCES])
    assert together.shape == (4, OUTPUTS)
    assert torch.allclose(together, alone, atol=1e-6)


@every_config
def test_what_stands_in_the_padding_changes_nothing(config: RNNConfig) -> None:
    model = build(config)
    inputs = padded(SEQUENCES)
    longer = nn.functional.pad(inputs, (0, 0, 0, 6))
    longer[..., 1:] += 100.0 * (longer[..., :1] == 0)
    with torch.no_grad():
        assert torch.equal(model(longer), model(inputs))


@every_config
def test_every_parameter_and_every_step_takes_part(config: RNNConfig) -> None:
    model = build(config)  # without dropout, which could drop all of a step
    inputs = padded(SEQUENCES).requires_grad_()
    model(inputs).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert inputs.grad is not None
    reached = inputs.grad[..., 1:].abs().sum(dim=-1) > 0
    exists = inputs[..., 0] > 0
    assert not reached[~exists].any()
    if config.pooling != "max":
        assert reached[exists].all()


def test_dropout_is_of_the_training_alone() -> None:
    model = build(RNNConfig("gru", (5,), False, "mean", False, 0.5))
    inputs = padded(SEQUENCES)
    assert torch.equal(model(inputs), model(inputs))
    model.train()
    assert not torch.equal(model(inputs), model(inputs))
