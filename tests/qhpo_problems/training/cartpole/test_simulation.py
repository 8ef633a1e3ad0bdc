import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo_problems.training.cartpole.simulation import (
    CART_MASS,
    GRAVITY,
    HALF_LENGTH,
    MAX_ANGLE,
    MAX_POSITION,
    POLE_MASS,
    derivative,
    fallen,
    step,
)

numbers = st.floats(-3, 3)
states = st.tuples(numbers, numbers, numbers, numbers).map(np.array)
some_forces = st.floats(-20, 20).map(np.array)


def energy(state: np.ndarray) -> np.ndarray:
    """Kinetic and potential energy in J, shape (...); constant while no force acts.

    The potential energy is 0 where the pole is level.
    """
    _, v, theta, omega = np.moveaxis(state, -1, 0)
    arm = POLE_MASS * HALF_LENGTH
    kinetic = (
        (CART_MASS + POLE_MASS) * v**2 / 2
        + arm * v * omega * np.cos(theta)
        + 4 / 3 * arm * HALF_LENGTH * omega**2 / 2
    )
    potential = arm * GRAVITY * np.cos(theta)
    total: np.ndarray = kinetic + potential
    return total


def simulate(state: np.ndarray, seconds: float, steps: int) -> np.ndarray:
    """Where a state is after that time without a force."""
    for _ in range(steps):
        state = step(state, np.zeros(state.shape[:-1]), seconds / steps)
    return state


def test_upright_stays_upright() -> None:
    upright = np.array([0.7, 0.0, 0.0, 0.0])
    assert derivative(upright, np.array(0.0)).tolist() == [0, 0, 0, 0]
    assert np.array_equal(simulate(upright, 2.0, 100), upright)


@given(states, some_forces)
def test_mirrored_worlds_move_in_mirrored_ways(state: np.ndarray, force: np.ndarray) -> None:
    assert np.allclose(derivative(-state, -force), -derivative(state, force), rtol=0, atol=1e-12)


@given(states, some_forces)
def test_energy_changes_by_the_power_of_the_force(state: np.ndarray, force: np.ndarray) -> None:
    change, tiny = derivative(state, force), 1e-5
    power = (energy(state + tiny * change) - energy(state - tiny * change)) / (2 * tiny)
    assert power == pytest.approx(force * state[1], abs=1e-5)


@given(states, some_forces)
def test_momentum_changes_by_the_force(state: np.ndarray, force: np.ndarray) -> None:
    _, moving, omega, turning = derivative(state, force)
    sine, cosine = np.sin(state[2]), np.cos(state[2])
    # The pole's centre of mass is l sin(theta) to the right of the cart.
    pole = moving + HALF_LENGTH * (turning * cosine - omega**2 * sine)
    assert CART_MASS * moving + POLE_MASS * pole == pytest.approx(force, abs=1e-9)


def test_a_small_angle_grows_as_the_linear_equation_says() -> None:
    rate = GRAVITY / (HALF_LENGTH * (4 / 3 - POLE_MASS / (CART_MASS + POLE_MASS)))
    theta = simulate(np.array([0.0, 0.0, 1e-6, 0.0]), 0.5, 25)[2]
    assert theta == pytest.approx(1e-6 * np.cosh(0.5 * rate**0.5), rel=1e-5)


def test_the_integration_is_of_fourth_order_at_least_and_keeps_the_energy() -> None:
    start = np.array([0.0, 0.3, 0.5, -1.0])
    exact = simulate(start, 2.0, 2000)
    errors = [np.abs(simulate(start, 2.0, steps) - exact).max() for steps in (50, 100)]
    assert errors[1] < errors[0] / 2**3.7
    drifts = [abs(energy(simulate(start, 2.0, steps)) - energy(start)) for steps in (50, 100)]
    assert drifts[1] < drifts[0] / 2**3.7
    assert drifts[1] < 1e-5


def test_a_push_to_the_right_moves_the_cart_right_and_tips_the_pole_left() -> None:
    _, moving, _, turning = derivative(np.zeros(4), np.array(1.0))
    assert moving > 0 > turning


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    batch, force = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5))
    together = step(batch, force)
    for place in np.ndindex(3, 5):
        assert np.allclose(step(batch[place], force[place]), together[place], rtol=0, atol=1e-14)
        assert energy(batch)[place] == pytest.approx(energy(batch[place]))


@pytest.mark.parametrize("sign", [-1, 1])
def test_fallen_is_what_leans_or_leaves(sign: int) -> None:
    inside = sign * np.array([0.999 * MAX_POSITION, 99.0, 0.999 * MAX_ANGLE, 99.0])
    leaning, leaving = inside.copy(), inside.copy()
    leaning[2], leaving[0] = sign * 1.001 * MAX_ANGLE, sign * 1.001 * MAX_POSITION
    assert fallen(np.stack((inside, leaning, leaving))).tolist() == [False, True, True]
