import subprocess
import sys
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo.errors import QhpoError
from qhpo.problem import load_problem
from qhpo_problems.training.cartpole import problem
from qhpo_problems.training.cartpole.controller import ControllerConfig
from qhpo_problems.training.cartpole.training import TrainingConfig

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


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 4096)


def study(sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Study:
    return optuna.create_study(directions=problem.PROBLEM.directions, sampler=sampler)


def evaluate(params: dict[str, Any], seed: int = 0) -> optuna.trial.FrozenTrial:
    judged = study()
    judged.enqueue_trial(params)
    judged.optimize(problem.make_objective(seed), n_trials=1)
    return judged.trials[0]


def test_entry_point_gives_this_problem() -> None:
    assert load_problem("controller-cartpole") is problem.PROBLEM
    assert problem.PROBLEM.directions == ("maximize", "minimize")
    assert problem.PROBLEM.missing_packages() == ()


def test_needs_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from qhpo_problems.training.cartpole.problem import PROBLEM\n"
        "PROBLEM.objective(0)\n"
        "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_config_is_what_the_trial_says() -> None:
    trial = FixedTrial(PARAMS)
    assert problem.suggest_controller(trial) == ControllerConfig((8, 4), "relu", 12, 5)
    assert problem.suggest_training(trial) == TrainingConfig(
        population=32,
        seconds=2.0,
        deviation=0.2,
        learning_rate=0.2,
        push=10.0,
        noise=1.0,
        force_weight=0.1,
        angle_weight=0.5,
        position_weight=0.5,
    )


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_trial_has_the_units_of_its_layers_only(layers: int, short: None) -> None:
    trial = evaluate(PARAMS | {"layers": layers})
    inner = {"units_1", "units_2", "activation"} & trial.params.keys()
    assert inner == [set(), {"units_1", "activation"}, {"units_1", "units_2", "activation"}][layers]
    assert trial.user_attrs["weights"] == [5, 5 * 8 + 9, 5 * 8 + 9 * 4 + 5][layers]


def test_balances_with_little_force() -> None:
    trial = evaluate(LINEAR)
    balance, energy = trial.values
    assert balance > 0.7
    assert energy < 12**2 / 2
    assert trial.user_attrs["test_balance"] == pytest.approx(balance, abs=0.15)
    assert trial.user_attrs["test_balance"] != balance
    assert trial.user_attrs["test_energy"] != energy
    assert trial.user_attrs["generations"] == 32


def test_values_depend_on_the_configuration_and_the_seed_alone(short: None) -> None:
    first, second = evaluate(LINEAR), evaluate(LINEAR)
    assert first.values == second.values
    assert evaluate(LINEAR, seed=1).values != first.values
    assert evaluate(LINEAR | {"levels": 3}).values != first.values


def test_falling_at_once_is_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 512)
    balance, energy = evaluate(LINEAR | {"learning_rate": 0.02, "deviation": 0.05}).values
    assert balance < 0.2
    assert energy > 0.8 * 12**2


def test_samplers_of_several_objectives_work_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 2048)
    searched = study(optuna.samplers.NSGAIISampler(seed=0, population_size=4))
    searched.optimize(problem.make_objective(0), n_trials=6)
    assert all(trial.state.name == "COMPLETE" for trial in searched.trials)
    assert searched.best_trials


def test_negative_seed() -> None:
    with pytest.raises(QhpoError, match=r"seed must be .*got -1"):
        problem.make_objective(-1)
