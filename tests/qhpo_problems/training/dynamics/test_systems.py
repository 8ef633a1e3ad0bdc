import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.dynamics.systems import (
    LORENZ_EXPONENT,
    lorenz,
    lorenz96,
    simulate,
    trajectory,
)


def test_lorenz_rests_at_its_three_fixed_points() -> None:
    root = np.sqrt(8 / 3 * 27)
    points = np.array([[0, 0, 0], [root, root, 27], [-root, -root, 27]]).T
    np.testing.assert_allclose(lorenz(points), 0, atol=1e-12)
    np.testing.assert_allclose(lorenz(np.array([1.0, 2.0, 3.0])), [10, 23, -6])


def test_the_ring_rests_where_all_are_equal_to_the_forcing() -> None:
    np.testing.assert_allclose(lorenz96(np.full((5, 2), 8.0)), 0)


def test_the_ring_conserves_the_energy_of_its_products() -> None:
    state = np.random.default_rng(0).normal(size=7)
    assert state @ (lorenz96(state) + state - 8.0) == pytest.approx(0)


def test_a_trajectory_is_the_solution_at_equal_times() -> None:
    states = trajectory(lambda x: -x, np.array([[1.0, 2.0]]), 0.1, 11)
    expected = np.exp(-0.1 * np.arange(11))[:, None, None] * [[1.0, 2.0]]
    np.testing.assert_allclose(states, expected, rtol=1e-8)


def test_the_equations_say_how_a_trajectory_goes_on() -> None:
    states = simulate(lorenz, np.array([0, 0, 25.0]), 1e-3, 200, 2, np.random.default_rng(0))
    assert states.shape == (2, 200, 3)
    slopes = (states[:, 2:] - states[:, :-2]) / 2e-3
    expected = np.stack([lorenz(each.T).T for each in states[:, 1:-1]])
    np.testing.assert_allclose(slopes, expected, rtol=1e-3, atol=1e-2)
    assert np.abs(states[0, 0] - states[1, 0]).max() > 1


def test_neighbours_part_at_the_rate_of_the_exponent() -> None:
    rng = np.random.default_rng(0)
    points = simulate(lorenz, np.array([0, 0, 25.0]), 0.1, 2, 150, rng)[:, -1].T
    pairs = np.hstack([points, points + 1e-7 * rng.normal(size=points.shape)])
    states = trajectory(lorenz, pairs, 2.0, 6)
    distances = np.linalg.norm(states[:, :, 150:] - states[:, :, :150], axis=1)
    # The first two units of time turn the difference into the direction that grows.
    rate = np.log(distances[-1] / distances[1]).mean() / 8.0
    assert rate == pytest.approx(LORENZ_EXPONENT, abs=0.06)


def test_what_has_no_trajectory() -> None:
    with pytest.raises(QhpoError, match=r"got dt=0, samples=5"):
        trajectory(lorenz, np.ones(3), 0, 5)
    with pytest.raises(QhpoError, match=r"last time, 2; got"):
        trajectory(lambda x: x**2, np.ones(1), 1.0, 3)
