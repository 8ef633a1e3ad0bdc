import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.data.systems import (
    LORENZ_EXPONENT,
    MACKEY_GLASS,
    MACKEY_GLASS_EXPONENT,
    lorenz,
    lorenz96,
    mackey_glass,
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


@pytest.mark.parametrize("point", [0.0, 1.0])
def test_the_delay_equation_rests_at_its_fixed_points(point: float) -> None:
    np.testing.assert_allclose(mackey_glass(200, history=point, per_delay=20), point, atol=1e-13)


def test_before_the_delay_is_over_the_equation_is_linear() -> None:
    x = mackey_glass(170, history=0.5)
    rate = 0.2 * 0.5 / (1 + 0.5**10)
    times = 0.1 * np.arange(171)
    expected = rate / 0.1 + (0.5 - rate / 0.1) * np.exp(-0.1 * times)
    np.testing.assert_allclose(x, expected, rtol=1e-9)


def test_half_the_step_makes_a_sixteenth_of_the_error() -> None:
    delays = 4
    runs = [mackey_glass(delays * n, per_delay=n)[:: n // 20] for n in (20, 40, 80, 1280)]
    errors = [np.abs(run - runs[-1]).max() for run in runs[:-1]]
    assert 3.7 < np.log2(errors[0] / errors[1]) < 4.6
    assert 3.7 < np.log2(errors[1] / errors[2]) < 4.6


def test_a_short_delay_settles_and_a_long_one_does_not() -> None:
    short = mackey_glass(4000, delay=2.0, per_delay=20)
    np.testing.assert_allclose(short[-1], 1.0, atol=1e-6)
    long = mackey_glass(20_000)[5000:]
    assert 0.2 < long.min() < 0.6
    assert 1.2 < long.max() < 1.5


def test_neighbours_under_delay_part_at_the_rate_of_the_exponent() -> None:
    pasts = np.random.default_rng(0).uniform(0.3, 1.3, size=100)
    x = mackey_glass(6400, history=np.stack([pasts, pasts * (1 + 1e-11)]), per_delay=34)
    distances = np.abs(x[:, 0] - x[:, 1])
    # Root mean squares over 200 units of time, from 1500 and 3000 on.
    early, late = (np.sqrt((distances[i : i + 400] ** 2).mean(axis=0)) for i in (3000, 6000))
    rate = np.log(late / early).mean() / 1500
    assert rate == pytest.approx(MACKEY_GLASS_EXPONENT, abs=5e-4)


def test_solutions_side_by_side() -> None:
    pasts = np.array([[0.5, 1.2], [0.9, 1.0]])
    together = mackey_glass(300, history=pasts)
    assert together.shape == (301, 2, 2)
    np.testing.assert_allclose(together[:, 1, 0], mackey_glass(300, history=0.9), rtol=1e-12)


@pytest.mark.parametrize("wrong", [{"delay": 0.0}, {"steps": 0}, {"per_delay": 0}])
def test_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(QhpoError, match="at least 1; got delay="):
        mackey_glass(**({"steps": 5} | wrong))  # type: ignore[arg-type]


def test_samples_of_the_delay_equation_are_its_solution() -> None:
    states = MACKEY_GLASS.simulate(50, 3, np.random.default_rng(0))
    assert states.shape == (3, 50, 1)
    pasts = np.random.default_rng(0).uniform(0.3, 1.3, size=3)
    solution = mackey_glass(10_000 + 850 * 5, history=pasts, per_delay=170)
    # On the attractor errors of the step have grown a little.
    np.testing.assert_allclose(states[:, :, 0], solution[10_000::85].T[:, :50], atol=5e-3)
