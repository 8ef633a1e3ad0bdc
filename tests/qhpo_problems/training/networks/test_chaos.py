from collections.abc import Iterator
from itertools import islice, product

import pytest
import torch
from torch import Tensor, nn

from qhpo.errors import QhpoError
from qhpo_problems.training.fit.split import Part
from qhpo_problems.training.networks.chaos import Forecaster, MinusValidity, valid_steps
from qhpo_problems.training.networks.configs import CELLS, TARGETS, ForecasterConfig


def forecaster(cell: str = "gru", target: str = "increment", noise: float = 0.0) -> Forecaster:
    torch.manual_seed(0)
    return Forecaster(ForecasterConfig(cell, (5, 4), target, noise), 3).eval()


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


def truth(starts: int = 3, steps: int = 8) -> Tensor:
    """Every state has length 1."""
    return nn.functional.normalize(torch.randn(starts, steps, 2, dtype=torch.float64), dim=2)


def test_steps_before_the_error_first_reaches_the_threshold() -> None:
    true = truth()
    error = torch.full((3, 8), 0.39, dtype=torch.float64)
    error[0, 5] = 0.41
    error[1, 0] = 0.41
    error[0, 7] = 0.0
    forecasts = true * (1 + error[:, :, None])
    assert valid_steps(forecasts.unbind(dim=1), true).tolist() == [5, 0, 8]


def test_the_error_is_in_units_of_the_root_mean_square() -> None:
    true = truth()
    forecasts = true * 1.3
    assert valid_steps((100 * forecasts).unbind(dim=1), 100 * true).tolist() == [8, 8, 8]
    assert valid_steps((forecasts + 0.3).unbind(dim=1), true).max() < 8


def test_nan_is_never_valid() -> None:
    true = truth()
    forecasts = true.clone()
    forecasts[1, 3] = torch.nan
    assert valid_steps(forecasts.unbind(dim=1), true).tolist() == [8, 3, 8]


def test_no_step_is_made_when_all_forecasts_have_failed() -> None:
    true = truth()

    def steps() -> Iterator[Tensor]:
        yield true[:, 0]
        yield true[:, 1] + 9.0
        raise AssertionError

    assert valid_steps(steps(), true).tolist() == [1, 1, 1]


def test_a_forecaster_of_its_own_forecasts_is_valid_to_the_end() -> None:
    torch.manual_seed(0)
    model = Forecaster(ForecasterConfig("gru", (6,), "increment", 0.5), 2)
    states = torch.randn(4, 5, 2)
    with torch.no_grad():
        steps = [step for step, _ in zip(model.eval().forecast(states), range(7), strict=False)]
    part = Part(states, torch.stack(steps, dim=1))
    model.train()
    assert MinusValidity(0.5)(model, part) == -3.5
    assert not model.training


def test_other_models_are_refused() -> None:
    with pytest.raises(QhpoError, match="of a Forecaster; got Linear"):
        MinusValidity(1.0)(nn.Linear(2, 2), Part(torch.zeros(1, 1, 2), torch.zeros(1, 1, 2)))
