from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.training.cartpole.controller import (
    ACTIVATIONS,
    ControllerConfig,
    count_weights,
    forces,
    initial_weights,
)
from qhpo_problems.training.cartpole.simulation import MAX_ANGLE, MAX_POSITION

LINEAR = ControllerConfig((), "tanh", 8.0, 5)
SCALES = np.array([MAX_POSITION, 2.0, MAX_ANGLE, 2.0])

configs = st.builds(
    ControllerConfig,
    hidden=st.lists(st.integers(1, 6), max_size=2).map(tuple),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    max_force=st.floats(0.5, 20),
    levels=st.integers(2, 7),
)


@given(configs, st.integers(0, 2**32 - 1))
def test_forces_are_those_of_the_motor(config: ControllerConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, count_weights(config)))
    got = forces(config, weights, rng.normal(size=(3, 4, 4)))
    known = np.linspace(-config.max_force, config.max_force, config.levels)
    assert got.shape == (3, 4)
    assert np.abs(got[..., None] - known).min(axis=-1).max() < 1e-9


@given(configs, st.integers(0, 2**32 - 1))
def test_a_population_is_the_same_as_its_members(config: ControllerConfig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, measured = rng.normal(size=(3, count_weights(config))), rng.normal(size=(3, 4, 4))
    together = forces(config, weights, measured)
    for p, s in np.ndindex(3, 4):
        alone = forces(config, weights[p : p + 1], measured[p : p + 1, s : s + 1])
        assert alone[0, 0] == together[p, s]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_hidden_layers_by_hand(activation: str) -> None:
    config = ControllerConfig((2, 3), activation, 10.0, 10_001)
    rng = np.random.default_rng(0)
    first, second, last = rng.normal(size=(4, 2)), rng.normal(size=(2, 3)), rng.normal(size=3)
    biases = rng.normal(size=2), rng.normal(size=3), rng.normal(size=1)
    weights = [first.ravel(), biases[0], second.ravel(), biases[1], last, biases[2]]
    act = {"tanh": np.tanh, "relu": lambda z: z * (z > 0), "sine": np.sin}[activation]
    state = rng.normal(size=4)
    hidden = act(act(state / SCALES @ first + biases[0]) @ second + biases[1])
    expected = 10 * np.tanh(hidden @ last + biases[2][0])
    got = forces(config, np.concatenate(weights)[None], state[None, None])
    assert got[0, 0] == pytest.approx(expected, abs=2e-3)  # levels are 0.002 N apart


@pytest.mark.parametrize(("levels", "forward", "backward"), [(2, 8, -8), (3, 0, 0), (5, 4, -4)])
def test_the_nearest_level_is_taken(levels: int, forward: float, backward: float) -> None:
    # tanh(0.4) = 0.38 of the full force, nearest to all of it, nothing of it and half of it.
    weights = np.array([[0.4, 0, 0, 0, 0]])
    for sign, expected in ((1, forward), (-1, backward)):
        state = np.array([[[sign * MAX_POSITION, 0, 0, 0]]])
        assert forces(replace(LINEAR, levels=levels), weights, state)[0, 0] == expected


def test_weights_are_counted_with_biases() -> None:
    assert count_weights(LINEAR) == 5
    assert count_weights(replace(LINEAR, hidden=(8,))) == 5 * 8 + 9
    assert count_weights(replace(LINEAR, hidden=(8, 3))) == 5 * 8 + 9 * 3 + 4


@pytest.mark.parametrize("hidden", [(), (8,), (8, 3)])
def test_an_untrained_controller_stands_still(hidden: tuple[int, ...]) -> None:
    config = replace(LINEAR, hidden=hidden)
    weights = initial_weights(config, np.random.default_rng(0))
    assert weights.shape == (count_weights(config),)
    assert bool(weights.any()) == bool(hidden)
    assert not forces(config, weights[None], np.ones((1, 6, 4))).any()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden", (4, 4, 4), r"hidden must have at most 2 entries.*got \(4, 4, 4\)"),
        ("hidden", (4, 0), r"hidden must .*at least 1; got \(4, 0\)"),
        ("activation", "step", "activation must be one of tanh, relu, sine; got 'step'"),
        ("max_force", 0.0, "max_force must be .*got 0.0"),
        ("max_force", float("nan"), "max_force must be .*got nan"),
        ("levels", 1, "levels must be at least 2; got 1"),
    ],
)
def test_invalid_config(field: str, value: Any, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        replace(LINEAR, **{field: value})
