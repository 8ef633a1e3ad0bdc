import subprocess
import sys
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo.errors import QhpoError
from qhpo.problem import Objective, load_problem
from qhpo_problems.training import cnn
from qhpo_problems.training.cnn_model import CNNConfig, build_cnn

PARAMS: dict[str, Any] = {
    "blocks": 2,
    "channels_1": 16,
    "channels_2": 24,
    "channels_3": 40,
    "kernel_size": 3,
    "pooling": "average",
    "batch_norm": True,
    "activation": "silu",
    "dropout": 0.25,
    "optimizer": "adamw",
    "learning_rate": 5e-3,
    "weight_decay": 1e-4,
    "batch_size": 32,
}


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> Objective:
    monkeypatch.setattr(cnn, "EPOCHS", 3)
    return cnn.make_objective(0)


def evaluate(objective: Objective, params: dict[str, Any]) -> optuna.trial.FrozenTrial:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def test_entry_point_gives_this_problem() -> None:
    assert load_problem("cnn-digits") is cnn.PROBLEM
    assert cnn.PROBLEM.direction == "minimize"
    assert cnn.PROBLEM.missing_packages() == ()


def test_listing_the_problem_imports_nothing_heavy() -> None:
    code = (
        "import sys, qhpo_problems.training.cnn\n"
        "print([name for name in ('torch', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_config_is_what_the_trial_says() -> None:
    config = cnn.suggest_cnn(FixedTrial(PARAMS))
    assert config == CNNConfig((16, 24), 3, "average", True, "silu", 0.25)


def test_space_is_static_and_mostly_discrete(objective: Objective) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    spaces = []
    for blocks in (1, 2, 3):
        study.enqueue_trial({"blocks": blocks})
        trial = study.ask()
        cnn.suggest_cnn(trial)
        spaces.append(trial.distributions)
    assert spaces[0] == spaces[1] == spaces[2]
    finished = evaluate(objective, PARAMS)
    assert finished.params == PARAMS
    log_floats = [
        name
        for name, distribution in finished.distributions.items()
        if isinstance(distribution, optuna.distributions.FloatDistribution) and distribution.log
    ]
    assert sorted(log_floats) == ["learning_rate", "weight_decay"]


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.value is not None
    assert trial.value < 0.3  # chance is 0.9
    assert trial.user_attrs["test_error"] < 0.3
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_cnn(cnn.suggest_cnn(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())


def test_value_depends_on_the_configuration_alone(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    other = evaluate(objective, PARAMS | {"learning_rate": 1e-4})
    ignored = evaluate(objective, PARAMS | {"channels_3": 8})
    assert other.value != first.value
    assert ignored.intermediate_values == first.intermediate_values
    assert ignored.user_attrs["test_error"] == first.user_attrs["test_error"]


def test_seed_changes_the_task(objective: Objective) -> None:
    first, second = evaluate(objective, PARAMS), evaluate(cnn.make_objective(1), PARAMS)
    assert first.intermediate_values != second.intermediate_values


def test_seed_out_of_range() -> None:
    with pytest.raises(QhpoError, match=r"seed must be .*got -1"):
        cnn.PROBLEM.objective(-1)
