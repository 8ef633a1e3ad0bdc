"""What single problems do beside what all of them promise."""

from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray

from qhpo import QUBOSampler
from qhpo.problem import Problem
from qhpo_problems.training import problems
from qhpo_problems.training.fit.settings import TrainingSettings
from qhpo_problems.training.networks.configs import CNNConfig, ForecasterConfig, RNNConfig
from tests.qhpo_problems.training.test_every_problem import GOOD, TRAINING
from tests.qhpo_problems.training.trials import evaluate, shorten

CNN, PHYSIO, VOWELS, CHAOS, STOCKS = (
    TRAINING | GOOD[name].params
    for name in ("cnn-digits", "cnn-physio", "rnn-vowels", "rnn-dynamics", "rnn-stocks")
)


def test_networks_are_what_the_trial_says() -> None:
    blocks = ((16, 24), 3, "average", True, "silu", 0.25)
    assert problems.cnn_config(CNN) == CNNConfig(*blocks)
    assert problems.cnn_config(PHYSIO | {"kernel_size": 3}) == CNNConfig(*blocks, "max", 0.25)
    both = {"layers": 2, "units_2": 8}
    recurrent = RNNConfig("gru", (24, 8), True, "mean", True, 0.25)
    assert problems.rnn_config(VOWELS | both) == recurrent
    forecaster = ForecasterConfig("gru", (16, 8), "increment", 1e-3)
    assert problems.forecaster_config(CHAOS | both) == forecaster
    assert problems.stocks_config(STOCKS | both) == RNNConfig(
        "rnn", (8, 8), False, "last", False, 0
    )


@pytest.mark.parametrize(
    ("problem", "params"), [(problems.CNN_DIGITS, CNN), (problems.CNN_PHYSIO, PHYSIO)]
)
def test_channels_of_missing_blocks_do_not_matter(
    problem: Problem, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, 1)
    objective = problem.make_objective(0)
    first, ignored = (evaluate(objective, params | {"channels_3": width}) for width in (32, 8))
    assert ignored.params != first.params
    assert ignored.intermediate_values == first.intermediate_values
    assert ignored.user_attrs["test_error"] == first.user_attrs["test_error"]


@pytest.mark.parametrize("problem", [problems.RNN_VOWELS, problems.RNN_DYNAMICS])
def test_the_sampler_learns_the_conditions(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qhpo_problems.training.fit.tuning.validation_error",
        lambda trial, *args, **kwargs: trial.user_attrs["parameters"],
    )
    study = optuna.create_study(sampler=QUBOSampler(seed=0, n_startup_trials=6))
    study.optimize(problem.make_objective(0), n_trials=12)
    for trial in study.trials:
        units = [name for name in trial.params if name.startswith("units_")]
        assert units == [f"units_{layer}" for layer in range(1, trial.params["layers"] + 1)]
    assert len({trial.params["layers"] for trial in study.trials}) > 1
    sizes = [trial.user_attrs["parameters"] for trial in study.trials]
    assert min(sizes[6:]) < min(sizes[:6])


STOCKS_NAIVE = STOCKS | {"inputs": "own", "anchor": "last", "batch_size": 32}


def on_returns(returns: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The objective of rnn-stocks on other returns, shape (123, 5)."""
    logs = returns.cumsum(axis=0)
    monkeypatch.setattr("qhpo_problems.training.data.stocks.log_prices", lambda: logs)
    return problems.RNN_STOCKS.make_objective(0)


def test_prices_are_forecast_where_the_past_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Up and down every other month.
    returns = np.where(np.arange(123)[:, None] % 2, 0.1, -0.1) * np.ones(5)
    trial = evaluate(on_returns(returns, monkeypatch), STOCKS_NAIVE)
    assert trial.value is not None
    assert trial.value < 0.2
    assert trial.user_attrs["test_error"] < 0.2


@pytest.mark.parametrize("anchor", ["last", "mean"])
def test_prices_are_not_forecast_where_there_is_nothing_to_know(
    anchor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns = np.random.default_rng(0).normal(size=(123, 5))
    params = STOCKS_NAIVE | {"inputs": "all", "anchor": anchor}
    trial = evaluate(on_returns(returns, monkeypatch), params)
    assert trial.value is not None
    assert trial.value > 0.97
    assert trial.user_attrs["test_error"] > 0.97


def test_a_training_that_diverges_is_a_bad_trial_not_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hopeless = TrainingSettings("sgd", 1e30, 0.0, batch_size=64, epochs=3)
    monkeypatch.setattr(
        "qhpo_problems.training.fit.training.suggest_settings", lambda *args: hopeless
    )
    trial = evaluate(problems.RNN_STOCKS.make_objective(0), STOCKS)
    assert trial.state == optuna.trial.TrialState.COMPLETE
    assert trial.value is not None
    assert trial.value > 1e6
