from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import FixedTrial

from qhpo import QUBOSampler
from qhpo.problem import Objective
from qhpo_problems.training.dynamics import problem
from qhpo_problems.training.dynamics.config import ForecasterConfig
from qhpo_problems.training.dynamics.delay import mackey_glass
from qhpo_problems.training.dynamics.series import HORIZON, STARTS, Series
from qhpo_problems.training.dynamics.tasks import LORENZ, MACKEY_GLASS
from tests.qhpo_problems.training.trials import evaluate

PARAMS: dict[str, Any] = {
    "cell": "gru",
    "layers": 1,
    "units_1": 16,
    "target": "increment",
    "noise": 1e-3,
    "window": 40,
    "optimizer": "adam",
    "learning_rate": 1e-2,
    "weight_decay": 1e-6,
    "batch_size": 16,
}


@pytest.fixture(scope="module")
def series() -> Series:
    return Series(LORENZ, 0)


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch, series: Series) -> Objective:
    monkeypatch.setattr(problem, "EPOCHS", 6)
    monkeypatch.setattr("qhpo_problems.training.dynamics.series.Series", lambda *_: series)
    return problem.PROBLEM.objective(0)


def test_architecture_is_what_the_trial_says() -> None:
    params = PARAMS | {"layers": 2, "units_2": 8, "units_3": 48}
    config = problem.suggest_forecaster(FixedTrial(params))
    assert config == ForecasterConfig("gru", (16, 8), "increment", 1e-3)


def test_units_are_asked_for_layers_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "qhpo_problems.training.tuning.validation_error",
        lambda trial, *args, **kwargs: trial.user_attrs["parameters"] / 1000,
    )
    monkeypatch.setattr(
        "qhpo_problems.training.dynamics.series.Series",
        lambda *_: type("Nothing", (), {"split": lambda *_: None})(),
    )
    study = optuna.create_study(sampler=QUBOSampler(seed=0))
    study.optimize(problem.PROBLEM.objective(0), n_trials=14)
    for trial in study.trials:
        units = [name for name in trial.params if name.startswith("units_")]
        assert units == [f"units_{i}" for i in range(1, trial.params["layers"] + 1)]
    assert len({trial.params["layers"] for trial in study.trials}) > 1


def test_windows_say_what_follows_each_state(series: Series) -> None:
    split = series.split(40)
    assert split.train.inputs.shape == (30 * 6, 40, 3)
    torch.testing.assert_close(split.train.inputs[:, 1:], split.train.targets[:, :-1])
    torch.testing.assert_close(split.train.targets[0, -1], split.train.inputs[1, 0])
    states = series.split(1).train.inputs
    torch.testing.assert_close(states.mean(dim=(0, 1)), torch.zeros(3), atol=0.02, rtol=0)
    torch.testing.assert_close(states.std(dim=(0, 1)), torch.ones(3), atol=0.02, rtol=0)


def test_starts_are_others_in_each_part(series: Series) -> None:
    split = series.split(40)
    for part in (split.validation, split.test):
        assert part.inputs.shape == (STARTS, 20, 3)
        assert part.targets.shape == (STARTS, HORIZON, 3)
        # What follows a start is the next state of the same trajectory.
        steps = torch.cat([part.inputs, part.targets], dim=1).diff(dim=1).norm(dim=2)
        assert steps[:, 19].max() <= steps.max() < 3.0
        assert steps[:, 19].mean() == pytest.approx(steps.mean().item(), rel=0.5)
    assert not torch.isin(split.test.inputs[:, 0], split.validation.inputs[:, 0]).any()
    assert HORIZON * LORENZ.step == pytest.approx(10.0, abs=0.05)


def test_the_same_seed_gives_the_same_data(series: Series) -> None:
    again, other = Series(LORENZ, 0).split(80), Series(LORENZ, 1).split(80)
    assert torch.equal(again.train.inputs, series.split(80).train.inputs)
    assert not torch.equal(again.train.inputs, other.train.inputs)


def test_samples_of_the_delay_equation_are_its_solution() -> None:
    states = MACKEY_GLASS.simulate(50, 3, np.random.default_rng(0))
    assert states.shape == (3, 50, 1)
    pasts = np.random.default_rng(0).uniform(0.3, 1.3, size=3)
    solution = mackey_glass(10_000 + 850 * 5, history=pasts, per_delay=170)
    # On the attractor errors of the step have grown a little.
    np.testing.assert_allclose(states[:, :, 0], solution[10_000::85].T[:, :50], atol=5e-3)
    assert 10.0 * 0.9 < HORIZON * MACKEY_GLASS.step < 10.0 * 1.1


def test_learns_and_says_how(objective: Objective) -> None:
    trial = evaluate(objective, PARAMS)
    assert trial.params == PARAMS
    assert trial.value is not None
    assert -10.0 <= trial.value < -0.5
    assert trial.value == min(trial.intermediate_values.values())
    assert trial.user_attrs["test_error"] < -0.4
    assert trial.user_attrs["parameters"] == 3 * 16 * (16 + 3 + 2) + 3 * 17
