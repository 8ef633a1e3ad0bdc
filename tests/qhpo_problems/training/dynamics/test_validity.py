from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from qhpo.errors import QhpoError
from qhpo_problems.training.data import Part
from qhpo_problems.training.dynamics.config import ForecasterConfig
from qhpo_problems.training.dynamics.forecaster import Forecaster
from qhpo_problems.training.dynamics.validity import MinusValidity, valid_steps


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
