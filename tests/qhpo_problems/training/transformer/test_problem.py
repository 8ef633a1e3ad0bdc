from itertools import product
from typing import Any

import pytest
from optuna.trial import FixedTrial

from qhpo.errors import MissingExtraError
from qhpo.problem import Objective
from qhpo_problems.training.data import Split
from qhpo_problems.training.transformer import problem, text
from qhpo_problems.training.transformer.model import (
    ATTENTIONS,
    TransformerConfig,
    build_transformer,
    count_parameters,
)
from tests.qhpo_problems.training.trials import evaluate

PARAMS: dict[str, Any] = {
    "layers": 1,
    "width": 48,
    "heads": 2,
    "head_width": 4,
    "feed_forward": 32,
    "positions": "none",
    "pooling": "mean",
    "attention": "softmax",
    "dropout": 0.25,
    "optimizer": "adamw",
    "learning_rate": 1e-2,
    "weight_decay": 1e-2,
    "batch_size": 32,
}


@pytest.fixture(scope="module")
def data() -> Split:
    return text.diseases(0, validation=40, test=40)


@pytest.fixture
def objective(data: Split, monkeypatch: pytest.MonkeyPatch) -> Objective:
    monkeypatch.setattr(text, "diseases", lambda seed: data)
    monkeypatch.setattr(problem, "EPOCHS", 3)
    return problem.make_objective(0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "simple_icd_10_cm"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else 1)
    with pytest.raises(MissingExtraError, match=rf"package {missing}, .*qhpo\[data,torch\]"):
        problem.PROBLEM.objective(0)


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_transformer(FixedTrial(PARAMS))
    assert config == TransformerConfig(1, 48, 2, 4, 32, "none", "mean", "softmax", 0.25)


def test_the_size_is_that_of_the_network() -> None:
    assert problem.PROBLEM.size is not None
    choices = product((1, 3), (16, 64), (1, 3), (2, 6), ("none", "learned"), ("max", "attention"))
    for layers, width, heads, head_width, positions, pooling in choices:
        params = PARAMS | {
            "layers": layers,
            "width": width,
            "heads": heads,
            "head_width": head_width,
            "positions": positions,
            "pooling": pooling,
        }
        config = problem.suggest_transformer(FixedTrial(params))
        assert problem.PROBLEM.size.of(params) == count_parameters(config)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_learns_and_says_how(objective: Objective, attention: str) -> None:
    trial = evaluate(objective, PARAMS | {"attention": attention})
    assert trial.value is not None
    assert trial.value < 0.75  # chance is 0.9
    assert trial.user_attrs["test_error"] < 0.75
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_transformer(problem.suggest_transformer(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())
