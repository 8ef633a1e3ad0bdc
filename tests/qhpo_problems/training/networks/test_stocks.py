import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qhpo_problems.training.data.stocks import log_prices, walk_forward
from qhpo_problems.training.fit.loop import fit
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.fit.split import Part, Split
from qhpo_problems.training.networks.configs import RNNConfig
from qhpo_problems.training.networks.recurrent import RNN
from qhpo_problems.training.networks.stocks import Forecasters, relative_rmse, squared_loss

CONFIG = RNNConfig("gru", (4,), False, "last", False, 0.0)


class Nothing(nn.Module):
    """Says 0 of everything."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.zeros(len(inputs), 1)


class Said(nn.Module):
    """Says what it was made with."""

    def __init__(self, outputs: list[list[float]]) -> None:
        super().__init__()
        self.outputs = torch.tensor(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.outputs


def seeded() -> RNN:
    torch.manual_seed(0)
    return RNN(CONFIG, 2, 1)


def test_saying_nothing_from_the_last_price_is_the_naive_forecast() -> None:
    task = walk_forward(log_prices(), window=6, anchor="last", all_returns=False)
    model = Forecasters(Nothing, task.sigma)
    assert relative_rmse(model, task.split.validation) == 1.0
    assert relative_rmse(model, task.split.test) == 1.0


def test_saying_nothing_from_the_mean_forecasts_the_mean() -> None:
    logs = log_prices()
    task = walk_forward(logs, window=6, anchor="mean", all_returns=False)
    months = np.arange(99, 123)
    forecasts = np.stack([logs[month - 6 : month].mean(axis=0) for month in months])
    squares = ((forecasts - logs[months]) ** 2).sum() / (
        (logs[months - 1] - logs[months]) ** 2
    ).sum()
    model = Forecasters(Nothing, task.sigma)
    assert relative_rmse(model, task.split.test) == pytest.approx(squares**0.5, rel=1e-5)


def test_forecasts_scale_with_sigma() -> None:
    logs = log_prices()
    once, twice = (
        walk_forward(factor * logs, window=6, anchor="mean", all_returns=True)
        for factor in (1.0, 2.0)
    )
    torch.manual_seed(0)
    networks = [RNN(CONFIG, 7, 1) for _ in once.sigma]
    forecasts = []
    for task in (once, twice):
        model = Forecasters(iter(networks).__next__, task.sigma)
        forecasts.append(model(task.split.test.inputs))
    assert forecasts[0].shape == (len(once.split.test), 4)
    assert forecasts[0].std() > 0.01
    assert torch.allclose(forecasts[1], 2 * forecasts[0], atol=1e-5)


def test_error_counts_each_row_with_who_is_judged_on_it() -> None:
    part = Part(torch.zeros(2, 1, 3), torch.tensor([[3.0, 1.0, 0.0], [4.0, 0.0, 1.0]]))
    # Errors 3 - 2 and 4 - 6; the naive forecast's are 3 and 4.
    model = Said([[2.0, math.nan], [1e9, 6.0]]).train()
    assert relative_rmse(model, part) == pytest.approx(math.sqrt(5 / 25))
    assert not model.training


def test_error_of_a_forecast_that_is_no_number() -> None:
    part = Part(torch.zeros(1, 1, 3), torch.tensor([[3.0, 1.0]]))
    assert relative_rmse(Said([[math.nan]]), part) == math.inf


def test_loss_by_hand() -> None:
    loss = squared_loss(torch.tensor([1.0, 2.0, 1.0]))
    outputs = torch.tensor([[1.0, 5.0, 7.0], [4.0, 2.0, 7.0]])
    targets = torch.tensor([[3.0, 1.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0]])
    # Of the first (1 - 3)^2; of the second the mean of ((5 - 3) / 2)^2 and 0; none of the third.
    assert loss(outputs, targets).item() == pytest.approx(4 + 0.5)


def test_side_by_side_everyone_is_trained_as_if_alone() -> None:
    task = walk_forward(log_prices(), window=3, anchor="last", all_returns=False)
    settings = TrainingSettings("adam", 1e-2, 1e-3, batch_size=64, epochs=1)

    def trained(columns: list[int]) -> nn.ModuleList:
        sigma = task.sigma[columns]
        keep = torch.tensor([0, *(1 + column for column in columns)])
        parts = (task.split.train, task.split.validation, task.split.test)
        split = Split(*(Part(part.inputs, part.targets[:, keep]) for part in parts))
        network = seeded()
        fitted = fit(
            lambda: Forecasters(lambda: copy.deepcopy(network), sigma),
            split,
            settings,
            seed=0,
            loss=squared_loss(sigma),
            error=relative_rmse,
        )
        networks = fitted.model.networks
        assert isinstance(networks, nn.ModuleList)
        return networks

    together = trained([0, 1, 2, 3])
    weights = []
    for column, network in enumerate(together):
        (alone,) = trained([column])
        for name, value in network.state_dict().items():
            assert torch.allclose(value, alone.state_dict()[name], atol=1e-6)
        weights.append(torch.cat([value.flatten() for value in network.state_dict().values()]))
    assert not torch.allclose(weights[0], weights[3], atol=1e-4)
