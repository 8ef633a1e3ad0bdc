from dataclasses import replace

import numpy as np
import pytest

from qhpo_problems.training.cartpole.controller import ControllerConfig, count_weights, forces
from qhpo_problems.training.cartpole.episodes import (
    FALL_FORCE,
    Episodes,
    Performance,
    draw_episodes,
    run_episodes,
)
from qhpo_problems.training.cartpole.simulation import (
    MAX_ANGLE,
    MAX_POSITION,
    fallen,
    step,
)

MOTOR = ControllerConfig((), "tanh", 8.0, 5)
# Pushes the cart under the pole, and the pole's lean against the cart's way back to the middle.
BY_HAND = np.array([[0.3, 0.5, 1.2, 1.2, 0.0]])


def draw(seed: int, count: int = 20, seconds: float = 4.0, push: float = 10.0) -> Episodes:
    rng = np.random.default_rng(seed)
    return draw_episodes(rng, count, seconds, push=push, noise=1.0)


def one_by_one(
    config: ControllerConfig, weights: np.ndarray, episodes: Episodes, interval: int
) -> Performance:
    """The outcome of one controller by its definition, one episode after another."""
    steps, count = episodes.pushes.shape
    rows = []
    for s in range(count):
        state, up, force = episodes.starts[s], True, np.array(0.0)
        for t in range(steps):
            if t % interval == 0:
                measured = state + episodes.errors[t, s]
                force = forces(config, weights, measured[None, None])[0, 0]
            state = step(state, force + episodes.pushes[t, s])
            up = up and not fallen(state)
            lean, away = (state[2] / MAX_ANGLE) ** 2, (state[0] / MAX_POSITION) ** 2
            charge = max(config.max_force, FALL_FORCE) ** 2
            rows.append((1, force**2, lean, away) if up else (0, charge, 1, 1))
    return Performance(*np.mean(rows, axis=0, keepdims=True).T)


@pytest.mark.parametrize("interval", [1, 3])
def test_outcome_is_what_its_definition_says(interval: int) -> None:
    episodes = draw(0, count=6, seconds=2.0, push=20.0)
    got = run_episodes(MOTOR, BY_HAND, episodes, interval=interval)
    expected = one_by_one(MOTOR, BY_HAND, episodes, interval)
    assert 0 < got.balance[0] < 1
    for name in ("balance", "force", "angle", "position"):
        assert getattr(got, name) == pytest.approx(getattr(expected, name), rel=1e-9)


def test_a_controller_made_by_hand_balances() -> None:
    outcome = run_episodes(MOTOR, BY_HAND, draw(1, count=50, seconds=10.0, push=5.0), interval=1)
    assert outcome.balance[0] == 1
    assert outcome.force[0] < MOTOR.max_force**2 / 4
    assert outcome.angle[0] < 0.2


@pytest.mark.parametrize(("max_force", "charge"), [(4.0, 100), (16.0, 256)])
def test_standing_still_lets_the_pole_fall_and_is_charged(max_force: float, charge: int) -> None:
    motor = replace(MOTOR, max_force=max_force)
    outcome = run_episodes(motor, np.zeros((1, 5)), draw(1, seconds=10.0), interval=1)
    assert outcome.balance[0] < 0.2
    assert outcome.force[0] == pytest.approx(charge * (1 - outcome.balance[0]))


def test_mirrored_episodes_end_alike() -> None:
    episodes = draw(2)
    mirrored = Episodes(-episodes.starts, -episodes.pushes, -episodes.errors)
    one, other = (run_episodes(MOTOR, BY_HAND, each, interval=2) for each in (episodes, mirrored))
    assert one.balance == pytest.approx(other.balance)
    assert one.force == pytest.approx(other.force)


def test_a_population_is_the_same_as_its_members() -> None:
    config, episodes = replace(MOTOR, hidden=(4,)), draw(3, count=5)
    weights = np.random.default_rng(0).normal(size=(6, count_weights(config)))
    together = run_episodes(config, weights, episodes, interval=2)
    for p in range(6):
        alone = run_episodes(config, weights[p : p + 1], episodes, interval=2)
        assert alone.balance[0] == pytest.approx(together.balance[p])
        assert alone.force[0] == pytest.approx(together.force[p])


def test_seeds_make_episodes() -> None:
    assert np.array_equal(draw(0).errors, draw(0).errors)
    assert not np.array_equal(draw(0).starts, draw(1).starts)


def test_pushes_come_once_a_second() -> None:
    pushes = draw(0, count=200, seconds=2.5).pushes
    assert pushes.shape == (125, 200)
    for second in range(3):
        whole = pushes[50 * second : 50 * (second + 1)]
        assert (whole[:5] == whole[0]).all()
        assert not whole[5:].any()
        assert 9 < np.abs(whole).max() <= 10
    assert not np.array_equal(pushes[0], pushes[50])


def test_exact_measurements_without_noise() -> None:
    rng = np.random.default_rng(0)
    assert not draw_episodes(rng, 3, 1.0, push=1.0, noise=0.0).errors.any()
    doubled = draw_episodes(rng, 2000, 1.0, push=1.0, noise=2.0).errors
    assert doubled.std(axis=(0, 1)) == pytest.approx([0.02, 0.2, 0.02, 0.2], rel=0.02)
