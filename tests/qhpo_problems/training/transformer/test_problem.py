import subprocess
import sys
from itertools import product
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo import QUBOSampler
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import OVER_BUDGET, Objective, load_problem
from qhpo_problems.training.data import Split
from qhpo_problems.training.transformer import problem, text
from qhpo_problems.training.transformer.model import (
    ATTENTIONS,
    TransformerConfig,
    build_transformer,
    count_parameters,
)

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
    return text.definitions(0, validation=40, test=40)


@pytest.fixture
def objective(data: Split, monkeypatch: pytest.MonkeyPatch) -> Objective:
    monkeypatch.setattr(text, "definitions", lambda seed: data)
    monkeypatch.setattr(problem, "EPOCHS", 3)
    return problem.make_objective(0)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials end where the training would begin; larger networks get better values."""
    monkeypatch.setattr(text, "definitions", lambda seed: None)
    monkeypatch.setattr(
        "qhpo_problems.training.tuning.validation_error",
        lambda trial, *args, **kwargs: -trial.user_attrs["parameters"],
    )


def evaluate(objective: Objective, params: dict[str, Any]) -> optuna.trial.FrozenTrial:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def test_entry_point_gives_this_problem() -> None:
    assert load_problem("transformer-text") is problem.PROBLEM
    assert problem.PROBLEM.direction == "minimize"
    assert problem.PROBLEM.missing_packages() == ()


def test_listing_the_problem_imports_nothing_heavy() -> None:
    code = (
        "import sys, qhpo_problems.training.transformer.problem as problem\n"
        "problem.PROBLEM.at_most(50_000)\n"
        "print([name for name in ('torch', 'sklearn', 'wn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "wn" else object())
    with pytest.raises(MissingExtraError, match=r"package wn, .*qhpo\[data,torch\]"):
        problem.PROBLEM.objective(0)


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_transformer(FixedTrial(PARAMS))
    assert config == TransformerConfig(1, 48, 2, 4, 32, "none", "mean", "softmax", 0.25)


def test_a_trial_asks_for_exactly_what_is_declared(untrained: None) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(problem.make_objective(0), n_trials=1)

    assert problem.PROBLEM.search_space is not None
    assert study.trials[0].distributions == problem.PROBLEM.search_space
    assert list(PARAMS) == list(problem.PROBLEM.search_space)


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


@pytest.mark.parametrize("sampler", ["qubo", "random"])
def test_no_network_over_the_budget_is_trained(sampler: str, untrained: None) -> None:
    budget = 40_000
    space = problem.PROBLEM.search_space
    study = optuna.create_study(
        sampler=QUBOSampler(space, constraints=[problem.PROBLEM.at_most(budget)], seed=0)
        if sampler == "qubo"
        else optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(problem.PROBLEM.objective(0, budget), n_trials=13)

    sizes = [trial.user_attrs["parameters"] for trial in study.trials if trial.value is not None]
    over = [trial.user_attrs[OVER_BUDGET] for trial in study.trials if trial.value is None]
    assert len(sizes) + len(over) == 13
    assert budget / 2 < max(sizes) <= budget
    assert bool(over) == (sampler == "random")
    assert min(over, default=budget + 1) > budget


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_learns_and_says_how(objective: Objective, attention: str) -> None:
    trial = evaluate(objective, PARAMS | {"attention": attention})
    assert trial.value is not None
    assert trial.value < 0.65  # chance is 0.9
    assert trial.user_attrs["test_error"] < 0.65
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_transformer(problem.suggest_transformer(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())


def test_value_depends_on_the_configuration_alone(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    other = evaluate(objective, PARAMS | {"attention": "linear"})
    again = evaluate(objective, PARAMS)
    assert other.intermediate_values != first.intermediate_values
    assert again.intermediate_values == first.intermediate_values
    assert again.user_attrs["test_error"] == first.user_attrs["test_error"]


def test_seed_out_of_range() -> None:
    with pytest.raises(QhpoError, match=r"seed must be .*got -1"):
        problem.PROBLEM.objective(-1)
