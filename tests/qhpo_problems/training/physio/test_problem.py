from typing import Any

import pytest
import torch
from optuna.trial import FixedTrial

from qhpo.problem import Objective
from qhpo_problems.training.physio import problem
from qhpo_problems.training.physio.model import PhysioConfig, build_physio
from tests.qhpo_problems.training.trials import evaluate

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


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_physio(FixedTrial(PARAMS))
    assert config == PhysioConfig((16, 24), 5, "average", True, "silu", "max", 0.25, 0.25)


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


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.value is not None
    assert trial.value < 0.6  # chance is 6/7
    assert trial.user_attrs["test_error"] < 0.7
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_physio(problem.suggest_physio(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())


def test_channels_of_missing_blocks_do_not_matter(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    ignored = evaluate(objective, PARAMS | {"channels_3": 8})
    assert ignored.intermediate_values == first.intermediate_values
    assert ignored.user_attrs["test_error"] == first.user_attrs["test_error"]
