"""The problem rnn-stocks: what a forecasting RNN sees, its architecture and its training."""

from __future__ import annotations

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.checks import check_seed
from qhpo_problems.training.recurrent.model import CELLS, RNNConfig, count_parameters
from qhpo_problems.training.settings import SETTINGS_SPACE, suggest_settings

__all__ = [
    "EPOCHS",
    "FORECASTER_SPACE",
    "INPUTS",
    "PROBLEM",
    "WINDOWS",
    "WINDOW_SPACE",
    "make_objective",
    "network_size",
    "suggest_forecaster",
]

EPOCHS = 10
"""Passes over the training months in one trial."""

WINDOWS = (3, 6, 12)
"""Most months that a forecast sees."""

INPUTS = {"own": 2, "all": 7}
"""Features of a month: the company's own return and log price, and the returns of all five."""

FORECASTER_SPACE: dict[str, BaseDistribution] = {
    "cell": CategoricalDistribution(CELLS),
    "layers": IntDistribution(1, 2),
    "units": IntDistribution(4, 24, step=4),
    "pooling": CategoricalDistribution(("last", "mean")),
    "dropout": FloatDistribution(0.0, 0.5, step=0.125),
}
"""What `suggest_forecaster` asks a trial for; every layer has the same units."""

WINDOW_SPACE: dict[str, BaseDistribution] = {
    "window": CategoricalDistribution(WINDOWS),
    "inputs": CategoricalDistribution(tuple(INPUTS)),
    "anchor": CategoricalDistribution(("last", "mean")),
}
"""What a trial's forecasts see; the words are those of `data.walk_forward`."""


def suggest_forecaster(trial: BaseTrial) -> RNNConfig:
    """The trial's architecture, by the parameters of `FORECASTER_SPACE`."""
    return _config(**suggest(trial, FORECASTER_SPACE))


def network_size(cell: str, layers: int, units: int, inputs: str) -> int:
    """Trainable numbers of one forecaster; pooling, dropout, window and anchor have none."""
    return count_parameters(_config(cell, layers, units, "last", 0.0), INPUTS[inputs], 1)


def make_objective(seed: int) -> Objective:
    """The validation error of the forecaster that a trial describes: 1 is as good as naive.

    It is the root mean square error of one-month-ahead forecasts of log prices over that of the
    naive forecast, which is the last price. The validation is walk-forward: a year is forecast by
    a network that was trained on all months before it, then the next, for the three years to March
    2008. The test error is of the 24 months after them, which a fourth network forecasts, trained
    on all that came before and for as many epochs as the validation says.

    Besides the attributes of `tuning.validation_error`, each trial gets ``parameters``, the size
    of one network.

    Args:
        seed: Of every training, 0 to 2**32 - 1; who learns from which months is given by time.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.recurrent.network import RNN
    from qhpo_problems.training.stocks.data import log_prices, walk_forward
    from qhpo_problems.training.stocks.forecaster import Forecasters, relative_rmse, squared_loss
    from qhpo_problems.training.tuning import validation_error

    check_seed(seed)
    logs = log_prices()

    def objective(trial: optuna.Trial) -> float:
        config = suggest_forecaster(trial)
        seen = suggest(trial, WINDOW_SPACE)
        settings = suggest_settings(trial, EPOCHS)
        features = INPUTS[seen["inputs"]]
        trial.set_user_attr("parameters", count_parameters(config, features, 1))
        task = walk_forward(
            logs,
            window=seen["window"],
            anchor=seen["anchor"],
            all_returns=seen["inputs"] == "all",
        )
        return validation_error(
            trial,
            lambda: Forecasters(lambda: RNN(config, features, 1), task.sigma),
            task.split,
            settings,
            seed=seed,
            loss=squared_loss(task.sigma),
            error=relative_rmse,
        )

    return objective


def _config(cell: str, layers: int, units: int, pooling: str, dropout: float) -> RNNConfig:
    return RNNConfig(cell, (units,) * layers, False, pooling, False, dropout)


PROBLEM = Problem(
    name="rnn-stocks",
    summary="An RNN that forecasts next month's prices of shares: architecture, inputs and "
    "training, 12 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn", "vega_datasets"),
    extra="torch,data",
    search_space={**FORECASTER_SPACE, **WINDOW_SPACE, **SETTINGS_SPACE},
    size=Size(("cell", "layers", "units", "inputs"), network_size),
)
