from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo_problems.training.data.shapes import DIGITS, EXERCISES, Grid
from qhpo_problems.training.networks.configs import ACTIVATIONS, HALVINGS, SUMMARIES, CNNConfig
from qhpo_problems.training.networks.convolution import build_cnn

VALID = CNNConfig((4, 6), 3, "max", False, "relu", 0.0)

configs = st.builds(
    CNNConfig,
    channels=st.lists(st.integers(1, 48), min_size=1, max_size=3).map(tuple),
    kernel_size=st.sampled_from((1, 3, 5, 9)),
    pooling=st.sampled_from(HALVINGS),
    batch_norm=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
    dropout=st.floats(0, 1, exclude_max=True),
    summary=st.sampled_from(SUMMARIES),
    noise=st.none() | st.floats(0, 2),
)
grids = pytest.mark.parametrize("grid", [DIGITS, EXERCISES])


def examples(grid: Grid, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, grid.channels, *[grid.length] * grid.dimensions)
    return torch.rand(shape, generator=generator)


@grids
@settings(max_examples=30)
@given(config=configs)
def test_every_network_runs_forward_and_backward(grid: Grid, config: CNNConfig) -> None:
    model = build_cnn(config, grid)
    scores = model(examples(grid, 3))
    assert scores.shape == (3, grid.classes)
    scores.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@grids
@pytest.mark.parametrize("pooling", HALVINGS)
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_every_block_halves_every_dimension(grid: Grid, pooling: str, blocks: int) -> None:
    config = replace(VALID, channels=(4,) * blocks, pooling=pooling)
    left = build_cnn(config, grid)[:-3](examples(grid, 2))
    assert left.shape == (2, 4, *[grid.length >> blocks] * grid.dimensions)


@grids
@pytest.mark.parametrize(
    ("field", "values"),
    [("pooling", HALVINGS), ("activation", ACTIVATIONS), ("summary", SUMMARIES[1:])],
)
def test_categories_differ_in_what_they_compute(
    field: str, values: tuple[str, ...], grid: Grid
) -> None:
    outputs = []
    for value in values:
        changes: dict[str, Any] = {field: value}
        torch.manual_seed(0)
        outputs.append(build_cnn(replace(VALID, **changes), grid)(examples(grid, 2)))
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first, second)


def test_a_maximum_is_more_than_an_average() -> None:
    average, most = (build_cnn(replace(VALID, summary=s), EXERCISES) for s in ("average", "max"))
    # Positive weights, so that no unit is silent.
    with torch.no_grad():
        for parameter in average.parameters():
            parameter.fill_(0.01)
    most.load_state_dict(average.state_dict())
    windows = examples(EXERCISES, 2)
    assert (most(windows) > average(windows)).all()


def test_noise_is_for_training_only() -> None:
    model = build_cnn(replace(VALID, noise=1.0))
    images = examples(DIGITS, 2)
    assert not torch.equal(model.train()(images), model(images))
    assert torch.equal(model.eval()(images), model(images))
