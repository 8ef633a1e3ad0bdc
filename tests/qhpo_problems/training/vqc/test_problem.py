from itertools import product
from typing import Any

import pytest
from optuna.trial import FixedTrial

from qhpo.problem import Objective
from qhpo_problems.training.vqc import problem
from qhpo_problems.training.vqc.model import (
    ENCODINGS,
    ENTANGLEMENTS,
    READOUTS,
    VQCConfig,
    count_parameters,
)
from tests.qhpo_problems.training.trials import evaluate

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
