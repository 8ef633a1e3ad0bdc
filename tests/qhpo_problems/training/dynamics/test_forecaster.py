from itertools import islice, product

import pytest
import torch

from qhpo.errors import QhpoError
from qhpo_problems.training.dynamics.config import (
    TARGETS,
    ForecasterConfig,
    count_parameters,
)
from qhpo_problems.training.dynamics.forecaster import Forecaster
from qhpo_problems.training.recurrent.model import CELLS


def forecaster(cell: str = "gru", target: str = "increment", noise: float = 0.0) -> Forecaster:
    torch.manual_seed(0)
    return Forecaster(ForecasterConfig(cell, (5, 4), target, noise), 3).eval()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("units", [(4,), (5, 3), (2, 7, 4)])
def test_the_size_is_what_torch_counts(cell: str, units: tuple[int, ...]) -> None:
    config = ForecasterConfig(cell, units, "state", 0.0)
    counted = sum(p.numel() for p in Forecaster(config, 3).parameters())
    assert count_parameters(config, 3) == counted


@pytest.mark.parametrize(("cell", "target"), list(product(CELLS, TARGETS)))
def test_a_forecast_is_what_follows_when_it_is_fed_back(cell: str, target: str) -> None:
    model = forecaster(cell, target)
    sequence = torch.randn(2, 6, 3)
    with torch.no_grad():
        steps = list(islice(model.forecast(sequence), 4))
        for step in steps:
            torch.testing.assert_close(step, model(sequence)[:, -1])
            sequence = torch.cat([sequence, step[:, None]], dim=1)


@pytest.mark.parametrize("cell", CELLS)
def test_no_output_knows_a_later_state(cell: str) -> None:
    model = forecaster(cell)
    sequence = torch.randn(2, 6, 3)
    other = sequence.clone()
    other[:, 4:] += 1.0
    with torch.no_grad():
        one, two = model(sequence), model(other)
    torch.testing.assert_close(one[:, :4], two[:, :4])
    assert (one[:, 4:] != two[:, 4:]).any()


def test_increments_are_added_to_the_states() -> None:
    states = torch.randn(2, 6, 3)
    with torch.no_grad():
        difference = forecaster(target="increment")(states) - forecaster(target="state")(states)
    torch.testing.assert_close(difference, states)


def test_noise_is_of_training_only() -> None:
    model = forecaster(noise=0.1)
    states = torch.zeros(50, 40, 3)
    with torch.no_grad():
        torch.testing.assert_close(model(states), forecaster()(states))
        model.train()
        noisy = model(states)
    assert (noisy != forecaster()(states)).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("cnn", (4,), "state", 0.0), "cell must be one of gru, lstm, rnn; got 'cnn'"),
        (("gru", (4,), "value", 0.0), "target must be one of increment, state; got 'value'"),
        (("gru", (4, 4, 4, 4), "state", 0.0), r"1 to 3 entries.*got 4: \(4, 4, 4, 4\)"),
        (("gru", (4, 0), "state", 0.0), r"at least 1.*got \(4, 0\)"),
        (("gru", (4,), "state", -1.0), r"noise must be .*got -1\.0"),
        (("gru", (4,), "state", float("nan")), "got nan"),
    ],
)
def test_what_is_no_architecture(
    values: tuple[str, tuple[int, ...], str, float], message: str
) -> None:
    with pytest.raises(QhpoError, match=message):
        ForecasterConfig(*values)
