import subprocess
import sys
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import FixedTrial

from qhpo import QUBOSampler
from qhpo.errors import QhpoError
from qhpo.problem import OVER_BUDGET, Objective, load_problem
from qhpo_problems.training.physio import problem
from qhpo_problems.training.physio.model import PhysioConfig, build_physio

PARAMS: dict[str, Any] = {
    "blocks": 2,
    "channels_1": 16,
    "channels_2": 24,
    "channels_3": 32,
    "channels_4": 32,
    "kernel_size": 5,
    "pooling": "average",
    "readout": "max",
    "batch_norm": True,
    "activation": "silu",
    "noise": 0.25,
    "dropout": 0.25,
    "optimizer": "adamw",
    "learning_rate": 5e-3,
    "weight_decay": 1e-4,
    "batch_size": 32,
}


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> Objective:
    monkeypatch.setattr(problem, "EPOCHS", 3)
    return problem.make_objective(0)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials end where the training would begin; larger networks get better values."""
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
    assert load_problem("cnn-physio") is problem.PROBLEM
    assert problem.PROBLEM.direction == "minimize"
    assert problem.PROBLEM.missing_packages() == ()


def test_listing_the_problem_imports_nothing_heavy() -> None:
    code = (
        "import sys, qhpo_problems.training.physio.problem as problem\n"
        "problem.PROBLEM.at_most(5_000)\n"
        "print([name for name in ('torch', 'sklearn', 'seglearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_physio(FixedTrial(PARAMS))
    assert config == PhysioConfig((16, 24), 5, "average", True, "silu", "max", 0.25, 0.25)


def test_a_trial_asks_for_exactly_what_is_declared(untrained: None) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(problem.make_objective(0), n_trials=1)

    assert problem.PROBLEM.search_space is not None
    assert study.trials[0].distributions == problem.PROBLEM.search_space
    assert list(PARAMS) == list(problem.PROBLEM.search_space)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel_size", [3, 9])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_size_is_what_torch_counts(blocks: int, kernel_size: int, batch_norm: bool) -> None:
    chosen = {"blocks": blocks, "kernel_size": kernel_size, "batch_norm": batch_norm}
    for channels in ((8, 16, 24, 32), (32, 8, 32, 8)):
        params = PARAMS | chosen | {f"channels_{i}": c for i, c in enumerate(channels, start=1)}
        with torch.device("meta"):
            model = build_physio(problem.suggest_physio(FixedTrial(params)))
        assert problem.PROBLEM.size is not None
        assert problem.PROBLEM.size.of(params) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", ["pooling", "readout", "activation", "noise", "dropout"])
def test_other_choices_do_not_change_the_size(name: str) -> None:
    distribution = problem.PHYSIO_SPACE[name]
    values = getattr(distribution, "choices", (0.0, 0.25, 0.5))
    with torch.device("meta"):
        models = [
            build_physio(problem.suggest_physio(FixedTrial(PARAMS | {name: v}))) for v in values
        ]
    assert len({sum(p.numel() for p in model.parameters()) for model in models}) == 1


@pytest.mark.parametrize("sampler", ["qubo", "random"])
def test_no_network_over_the_budget_is_trained(sampler: str, untrained: None) -> None:
    budget = 5_000
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


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.value is not None
    assert trial.value < 0.6  # chance is 6/7
    assert trial.user_attrs["test_error"] < 0.7
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_physio(problem.suggest_physio(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())


def test_value_depends_on_the_configuration_alone(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    other = evaluate(objective, PARAMS | {"learning_rate": 1e-4})
    ignored = evaluate(objective, PARAMS | {"channels_3": 8})
    assert other.value != first.value
    assert ignored.intermediate_values == first.intermediate_values
    assert ignored.user_attrs["test_error"] == first.user_attrs["test_error"]


def test_seed_changes_the_task(objective: Objective) -> None:
    first, second = evaluate(objective, PARAMS), evaluate(problem.make_objective(1), PARAMS)
    assert first.intermediate_values != second.intermediate_values


def test_seed_out_of_range() -> None:
    with pytest.raises(QhpoError, match=r"seed must be .*got -1"):
        problem.PROBLEM.objective(-1)
