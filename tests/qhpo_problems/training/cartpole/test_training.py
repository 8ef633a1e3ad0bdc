from dataclasses import replace

import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.cartpole.controller import ControllerConfig, initial_weights
from qhpo_problems.training.cartpole.episodes import draw_episodes, run_episodes
from qhpo_problems.training.cartpole.training import (
    BUDGET,
    EPISODES,
    TrainingConfig,
    train,
)

MOTOR = ControllerConfig((4,), "tanh", 12.0, 5)
CONFIG = TrainingConfig(
    population=32,
    seconds=1.0,
    deviation=0.2,
    learning_rate=0.2,
    push=10.0,
    noise=1.0,
    force_weight=0.1,
    angle_weight=0.5,
    position_weight=0.5,
)


@pytest.fixture(scope="module")
def trained() -> np.ndarray:
    return train(MOTOR, CONFIG, interval=2, seed=0)


def test_learns_to_balance(trained: np.ndarray) -> None:
    untrained = initial_weights(MOTOR, np.random.default_rng(0))
    episodes = draw_episodes(np.random.default_rng(9), 50, 4.0, push=5.0, noise=1.0)
    outcome = run_episodes(MOTOR, np.stack((untrained, trained)), episodes, interval=2)
    assert outcome.balance[0] < 0.4
    assert outcome.balance[1] > 0.8
    assert outcome.force[1] < outcome.force[0]


def test_same_seed_same_controller(trained: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(trained, train(MOTOR, CONFIG, interval=2, seed=0))
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 512)
    assert not np.array_equal(*(train(MOTOR, CONFIG, interval=2, seed=seed) for seed in (0, 1)))


@pytest.mark.parametrize(
    "name", ["push", "noise", "force_weight", "angle_weight", "position_weight"]
)
def test_every_aim_changes_what_is_learnt(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qhpo_problems.training.cartpole.training.BUDGET", 2048)
    other = replace(CONFIG, **{name: 3.0})
    assert not np.array_equal(*(train(MOTOR, each, interval=2, seed=0) for each in (CONFIG, other)))


@pytest.mark.parametrize(("population", "seconds"), [(8, 1.0), (64, 4.0), (30, 1.7)])
def test_generations_fit_the_budget(population: int, seconds: float) -> None:
    config = replace(CONFIG, population=population, seconds=seconds)
    each = EPISODES * population * seconds
    assert config.generations * each <= BUDGET < (config.generations + 1) * each


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"push": -1.0}, "push must be finite and at least 0; got -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate must .*got nan"),
        ({"deviation": 0.0}, "deviation must be above 0.*got 32, 1.0 and 0.0"),
        ({"seconds": 100.0}, "population x seconds at most 2048.*got 32, 100.0"),
    ],
)
def test_invalid_config(changes: dict[str, float], message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(CONFIG, **changes)
