from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo import QUBOSampler
from qhpo.problem import Objective
from qhpo_problems.training.recurrent.model import RNNConfig
from qhpo_problems.training.recurrent.network import RNN
from qhpo_problems.training.vowels import problem
from tests.qhpo_problems.training.trials import evaluate

PARAMS: dict[str, Any] = {
    "cell": "gru",
    "bidirectional": True,
    "pooling": "mean",
    "layer_norm": True,
    "dropout": 0.25,
    "layers": 1,
    "units_1": 24,
    "optimizer": "adam",
    "learning_rate": 1e-2,
    "weight_decay": 1e-5,
    "batch_size": 16,
}


@pytest.fixture(scope="module")
def objective() -> Iterator[Objective]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "EPOCHS", 3)
        yield problem.make_objective(0)


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_rnn(FixedTrial(PARAMS | {"layers": 2, "units_2": 8}))
    assert config == RNNConfig("gru", (24, 8), True, "mean", True, 0.25)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_units_are_those_of_the_layers_that_exist(layers: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial({"layers": layers})
    trial = study.ask()
    config = problem.suggest_rnn(trial)
    units = [f"units_{layer}" for layer in range(1, layers + 1)]
    assert list(trial.distributions) == [*problem.RNN_SPACE, *units]
    assert config.units == tuple(trial.params[name] for name in units)


def test_the_sampler_learns_the_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "qhpo_problems.training.tuning.validation_error",
        lambda trial, *args, **kwargs: trial.user_attrs["parameters"],
    )
    study = optuna.create_study(sampler=QUBOSampler(seed=0, n_startup_trials=6))
    study.optimize(problem.make_objective(0), n_trials=12)
    for trial in study.trials:
        units = [name for name in trial.params if name.startswith("units_")]
        assert units == [f"units_{layer}" for layer in range(1, trial.params["layers"] + 1)]
    sizes = [trial.user_attrs["parameters"] for trial in study.trials]
    assert min(sizes[6:]) < min(sizes[:6])


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.params == PARAMS
    assert trial.value is not None
    assert trial.value < 0.3  # chance is 0.89
    assert trial.user_attrs["test_error"] < 0.4
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = RNN(problem.suggest_rnn(FixedTrial(PARAMS)), 12, 9)
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())
