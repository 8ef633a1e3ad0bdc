import pytest
import torch

from qhpo_problems.training.data.chaos import HORIZON, STARTS, Series
from qhpo_problems.training.data.systems import LORENZ, MACKEY_GLASS, System


@pytest.fixture(scope="module")
def series() -> Series:
    return Series(LORENZ, 0)


def test_windows_say_what_follows_each_state(series: Series) -> None:
    split = series.split(40)
    assert split.train.inputs.shape == (30 * 6, 40, 3)
    torch.testing.assert_close(split.train.inputs[:, 1:], split.train.targets[:, :-1])
    torch.testing.assert_close(split.train.targets[0, -1], split.train.inputs[1, 0])
    states = series.split(1).train.inputs
    torch.testing.assert_close(states.mean(dim=(0, 1)), torch.zeros(3), atol=0.02, rtol=0)
    torch.testing.assert_close(states.std(dim=(0, 1)), torch.ones(3), atol=0.02, rtol=0)


def test_starts_are_others_in_each_part(series: Series) -> None:
    split = series.split(40)
    for part in (split.validation, split.test):
        assert part.inputs.shape == (STARTS, 20, 3)
        assert part.targets.shape == (STARTS, HORIZON, 3)
        # What follows a start is the next state of the same trajectory.
        steps = torch.cat([part.inputs, part.targets], dim=1).diff(dim=1).norm(dim=2)
        assert steps[:, 19].max() <= steps.max() < 3.0
        assert steps[:, 19].mean() == pytest.approx(steps.mean().item(), rel=0.5)
    assert not torch.isin(split.test.inputs[:, 0], split.validation.inputs[:, 0]).any()


@pytest.mark.parametrize("system", [LORENZ, MACKEY_GLASS])
def test_a_forecast_is_ten_lyapunov_times_long(system: System) -> None:
    assert HORIZON * system.step == pytest.approx(10.0, rel=0.1)


def test_the_same_seed_gives_the_same_data(series: Series) -> None:
    again, other = Series(LORENZ, 0).split(80), Series(LORENZ, 1).split(80)
    assert torch.equal(again.train.inputs, series.split(80).train.inputs)
    assert not torch.equal(again.train.inputs, other.train.inputs)
