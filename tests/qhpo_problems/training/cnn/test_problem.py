from itertools import product
from typing import Any

import optuna
import pytest
import torch
from optuna.trial import FixedTrial

from qhpo.problem import Objective
from qhpo_problems.training.cnn import problem
from qhpo_problems.training.cnn.model import CNNConfig, build_cnn
from tests.qhpo_problems.training.trials import evaluate

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
    monkeypatch.setattr(problem, "EPOCHS", 3)
    return problem.make_objective(0)


def test_config_is_what_the_trial_says() -> None:
    config = problem.suggest_cnn(FixedTrial(PARAMS))
    assert config == CNNConfig((16, 24), 3, "average", True, "silu", 0.25)


def test_space_is_static_and_mostly_discrete(objective: Objective) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    spaces = []
    for blocks in (1, 2, 3):
        study.enqueue_trial({"blocks": blocks})
        trial = study.ask()
        problem.suggest_cnn(trial)
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


def test_the_size_of_every_network_is_what_torch_counts() -> None:
    widths = range(8, 41, 8)
    counted: dict[CNNConfig, int] = {}
    for blocks, size, norm, *channels in product((1, 2, 3), (3, 5), (True, False), *[widths] * 3):
        config = CNNConfig(tuple(channels[:blocks]), size, "max", norm, "relu", 0.0)
        if config not in counted:
            with torch.device("meta"):
                counted[config] = sum(p.numel() for p in build_cnn(config).parameters())
        assert problem.network_size(blocks, size, norm, *channels) == counted[config]
        names = ("blocks", "kernel_size", "batch_norm", "channels_1", "channels_2", "channels_3")
        params = dict(zip(names, (blocks, size, norm, *channels), strict=True))
        assert problem.PROBLEM.size is not None
        assert problem.PROBLEM.size.of(params) == counted[config]
    assert len(counted) == (5 + 25 + 125) * 4
    assert min(counted.values()) == 994


@pytest.mark.parametrize("name", ["pooling", "activation", "dropout"])
def test_other_choices_do_not_change_the_size(name: str) -> None:
    distribution = problem.CNN_SPACE[name]
    values = getattr(distribution, "choices", (0.0, 0.25, 0.5))
    with torch.device("meta"):
        models = [build_cnn(problem.suggest_cnn(FixedTrial(PARAMS | {name: v}))) for v in values]
    assert len({sum(p.numel() for p in model.parameters()) for model in models}) == 1


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.value is not None
    assert trial.value < 0.3  # chance is 0.9
    assert trial.user_attrs["test_error"] < 0.3
    assert trial.user_attrs["epochs"] == len(trial.intermediate_values) == 3
    built = build_cnn(problem.suggest_cnn(FixedTrial(PARAMS)))
    assert trial.user_attrs["parameters"] == sum(p.numel() for p in built.parameters())


def test_channels_of_missing_blocks_do_not_matter(objective: Objective) -> None:
    first = evaluate(objective, PARAMS)
    ignored = evaluate(objective, PARAMS | {"channels_3": 8})
    assert ignored.intermediate_values == first.intermediate_values
    assert ignored.user_attrs["test_error"] == first.user_attrs["test_error"]
