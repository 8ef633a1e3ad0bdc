import subprocess
import sys
from itertools import product
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo.errors import QhpoError
from qhpo.problem import Objective, load_problem
from qhpo_problems.training.vqc import problem
from qhpo_problems.training.vqc.model import (
    ENCODINGS,
    ENTANGLEMENTS,
    READOUTS,
    VQCConfig,
    count_parameters,
)

PARAMS: dict[str, Any] = {
    "qubits": 6,
    "depth": 1,
    "encoding": "dense",
    "entanglement": "none",
    "readout": "z",
    "optimizer": "adam",
    "learning_rate": 2e-2,
    "weight_decay": 1e-4,
    "batch_size": 32,
}


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> Objective:
    monkeypatch.setattr(problem, "EPOCHS", 6)
    return problem.make_objective(0)


def evaluate(objective: Objective, params: dict[str, Any]) -> optuna.trial.FrozenTrial:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def test_entry_point_gives_this_problem() -> None:
    assert load_problem("vqc-hybrid") is problem.PROBLEM
    assert problem.PROBLEM.direction == "minimize"
    assert problem.PROBLEM.missing_packages() == ()


def test_listing_the_problem_imports_nothing_heavy() -> None:
    code = (
        "import sys, qhpo_problems.training.vqc.problem as problem\n"
        "problem.PROBLEM.at_most(600)\n"
        "print([name for name in ('torch', 'sklearn', 'pennylane') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_config_is_what_the_trial_says() -> None:
    assert problem.suggest_vqc(FixedTrial(PARAMS)) == VQCConfig(6, 1, "dense", "none", "z")


def test_the_size_is_that_of_the_network() -> None:
    assert problem.PROBLEM.size is not None
    for choice in product((2, 8), (1, 4), ENCODINGS, ENTANGLEMENTS, READOUTS):
        names = ("qubits", "depth", "encoding", "entanglement", "readout")
        params = PARAMS | dict(zip(names, choice, strict=True))
        assert problem.PROBLEM.size.of(params) == count_parameters(VQCConfig(*choice))


@pytest.mark.parametrize("change", [{}, {"entanglement": "ring", "encoding": "reuploading"}])
def test_learns_and_says_how(objective: Objective, change: dict[str, Any]) -> None:
    trial = evaluate(objective, PARAMS | change)
    assert trial.value is not None
    assert trial.value < 0.6  # chance is 0.9
    assert trial.user_attrs["test_error"] < 0.6
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 6
    config = problem.suggest_vqc(FixedTrial(PARAMS | change))
    assert trial.user_attrs["parameters"] == count_parameters(config)
    assert trial.distributions == problem.PROBLEM.search_space
    assert list(trial.params) == list(PARAMS)


def test_value_depends_on_the_configuration_alone(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    other = evaluate(objective, PARAMS | {"depth": 2})
    again = evaluate(objective, PARAMS)
    assert other.intermediate_values != first.intermediate_values
    assert again.intermediate_values == first.intermediate_values
    assert again.user_attrs["test_error"] == first.user_attrs["test_error"]


def test_seed_out_of_range() -> None:
    with pytest.raises(QhpoError, match=r"seed must be .*got -1"):
        problem.PROBLEM.objective(-1)
