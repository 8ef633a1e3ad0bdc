from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial

from qhpo_problems.training.cartpole.controller import ControllerConfig
from qhpo_problems.training.cartpole.objective import controller_of, training_of
from qhpo_problems.training.cartpole.training import TrainingConfig
from qhpo_problems.training.problems import CONTROLLER_CARTPOLE
from tests.qhpo_problems.training.trials import evaluate

PARAMS: dict[str, Any] = {
    "layers": 2,
    "max_force": 12,
    "levels": 5,
    "units_1": 8,
    "units_2": 4,
    "activation": "relu",
    "interval": 2,
    "population": 32,
    "seconds": 2.0,
    "deviation": 0.2,
    "learning_rate": 0.2,
    "push": 10.0,
    "noise": 1.0,
    "force_weight": 0.1,
    "angle_weight": 0.5,
    "position_weight": 0.5,
}
LINEAR = {
    name: 0 if name == "layers" else value
    for name, value in PARAMS.items()
    if name not in ("units_1", "units_2", "activation")
}


def judge(params: dict[str, Any]) -> FrozenTrial:
    return evaluate(CONTROLLER_CARTPOLE.objective(0), params, CONTROLLER_CARTPOLE.directions)


def test_config_is_what_the_trial_says() -> None:
    assert controller_of(PARAMS) == ControllerConfig((8, 4), "relu", 12, 5)
    assert controller_of(LINEAR).hidden == ()
    config = TrainingConfig(32, 2.0, 0.2, 0.2, 10.0, 1.0, 0.1, 0.5, 0.5)
    assert training_of(PARAMS) == config


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_trial_has_the_units_of_its_layers_only(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 512)
    trial = judge(PARAMS | {"layers": layers})
    inner = {"units_1", "units_2", "activation"} & trial.params.keys()
    assert inner == [set(), {"units_1", "activation"}, {"units_1", "units_2", "activation"}][layers]
    assert trial.user_attrs["weights"] == [5, 5 * 8 + 9, 5 * 8 + 9 * 4 + 5][layers]


def test_balances_with_little_force() -> None:
    trial = judge(LINEAR)
    balance, energy = trial.values
    assert balance > 0.7
    assert energy < 12**2 / 2
    assert trial.user_attrs["test_balance"] == pytest.approx(balance, abs=0.15)
    assert trial.user_attrs["test_balance"] != balance
    assert trial.user_attrs["test_energy"] != energy
    assert trial.user_attrs["generations"] == 32


def test_falling_at_once_is_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 512)
    balance, energy = judge(LINEAR | {"learning_rate": 0.02, "deviation": 0.05}).values
    assert balance < 0.2
    assert energy > 0.8 * 12**2


def test_samplers_of_several_objectives_work_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 2048)
    searched = optuna.create_study(
        directions=CONTROLLER_CARTPOLE.directions,
        sampler=optuna.samplers.NSGAIISampler(seed=0, population_size=4),
    )
    searched.optimize(CONTROLLER_CARTPOLE.objective(0), n_trials=6)
    assert all(trial.state.name == "COMPLETE" for trial in searched.trials)
    assert searched.best_trials
