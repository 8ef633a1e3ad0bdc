import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.training.dynamics.delay import MACKEY_GLASS_EXPONENT, mackey_glass


@pytest.mark.parametrize("point", [0.0, 1.0])
def test_fixed_points(point: float) -> None:
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


def test_neighbours_part_at_the_rate_of_the_exponent() -> None:
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
