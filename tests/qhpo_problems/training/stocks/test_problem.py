from itertools import product
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from numpy.typing import NDArray
from optuna.trial import FixedTrial

from qhpo.problem import Objective
from qhpo_problems.training.recurrent.model import CELLS, RNNConfig
from qhpo_problems.training.recurrent.network import RNN
from qhpo_problems.training.settings import TrainingSettings
from qhpo_problems.training.stocks import problem
from tests.qhpo_problems.training.trials import evaluate

PARAMS: dict[str, Any] = {
    "cell": "rnn",
    "layers": 1,
    "units": 8,
    "pooling": "last",
    "dropout": 0.0,
    "window": 3,
    "inputs": "own",
    "anchor": "last",
    "optimizer": "adam",
    "learning_rate": 1e-2,
    "weight_decay": 1e-6,
    "batch_size": 32,
}


def prices_of(returns: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch) -> Objective:
    """The problem on other returns, shape (123, 5)."""
    logs = returns.cumsum(axis=0)
    monkeypatch.setattr("qhpo_problems.training.stocks.data.log_prices", lambda: logs)
    return problem.make_objective(0)


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_forecaster(FixedTrial(PARAMS | {"layers": 2, "dropout": 0.25}))
    assert config == RNNConfig("rnn", (8, 8), False, "last", False, 0.25)


def test_the_size_of_every_network_is_what_torch_counts() -> None:
    size = problem.PROBLEM.size
    assert size is not None
    for cell, layers, units, inputs in product(CELLS, (1, 2), range(4, 25, 4), problem.INPUTS):
        choice = {"cell": cell, "layers": layers, "units": units, "inputs": inputs}
        config = problem.suggest_forecaster(FixedTrial(PARAMS | choice))
        with torch.device("meta"):
            model = RNN(config, problem.INPUTS[inputs], 1)
        assert size.of(choice) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("inputs", problem.INPUTS)
@pytest.mark.parametrize("anchor", ["last", "mean"])
def test_every_choice_of_inputs_is_trained(
    inputs: str, anchor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem, "EPOCHS", 2)
    params = PARAMS | {"inputs": inputs, "anchor": anchor, "batch_size": 128}
    trial = evaluate(problem.make_objective(0), params)
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 2
    assert trial.value == min(trial.intermediate_values.values())
    assert 0.9 < trial.value < 5.0
    assert 0.9 < trial.user_attrs["test_error"] < 5.0
    assert trial.user_attrs["parameters"] == problem.network_size("rnn", 1, 8, inputs)


def test_beats_the_naive_forecast_where_the_past_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Up and down every other month.
    returns = np.where(np.arange(123)[:, None] % 2, 0.1, -0.1) * np.ones(5)
    trial = evaluate(prices_of(returns, monkeypatch), PARAMS)
    assert trial.value is not None
    assert trial.value < 0.2
    assert trial.user_attrs["test_error"] < 0.2


@pytest.mark.parametrize("anchor", ["last", "mean"])
def test_does_not_beat_it_where_there_is_nothing_to_know(
    anchor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns = np.random.default_rng(0).normal(size=(123, 5))
    params = PARAMS | {"inputs": "all", "anchor": anchor}
    trial = evaluate(prices_of(returns, monkeypatch), params)
    assert trial.value is not None
    assert trial.value > 0.97
    assert trial.user_attrs["test_error"] > 0.97


def test_a_training_that_diverges_is_a_bad_trial_not_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hopeless = TrainingSettings("sgd", 1e30, 0.0, batch_size=64, epochs=3)
    monkeypatch.setattr(problem, "suggest_settings", lambda *args: hopeless)
    trial = evaluate(problem.make_objective(0), PARAMS)
    assert trial.state == optuna.trial.TrialState.COMPLETE
    assert trial.value is not None
    assert trial.value > 1e6
