import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy import Library, weak_form
from qhpo_problems.formulations.sindy.weak import half_interval

TIMES = 0.01 * np.arange(3000)


def test_the_solution_of_an_equation_fulfils_its_weak_form() -> None:
    states = np.stack([np.exp(-0.3 * TIMES), np.cos(2 * TIMES), np.sin(2 * TIMES)], axis=1)
    library = Library(3, 2)
    terms, derivatives = weak_form(states, 0.01, library)
    true = np.zeros((10, 3))
    true[library.terms.index((0,)), 0] = -0.3
    true[library.terms.index((2,)), 1] = -2.0
    true[library.terms.index((1,)), 2] = 2.0
    np.testing.assert_allclose(terms @ true, derivatives, atol=1e-9 * np.abs(derivatives).max())


def test_the_time_scale_is_a_quarter_of_the_shortest_period_with_and_without_noise() -> None:
    states = np.stack([np.cos(np.pi * TIMES), np.cos(0.5 * np.pi * TIMES)], axis=1)
    assert half_interval(states) == pytest.approx(50, abs=2)
    noise = np.random.default_rng(0).normal(size=states.shape)
    assert half_interval(states + 0.1 * noise) == pytest.approx(50, abs=3)


def test_what_never_turns_has_long_intervals() -> None:
    assert half_interval(np.ones((800, 1)) * np.arange(800)[:, None]) == 100


@pytest.mark.parametrize(
    ("states", "dt", "message"),
    [
        (np.ones((100, 2)), 0.0, r"positive; got 0\.0"),
        (np.full((100, 2), np.nan), 0.1, "must be finite"),
        (np.random.default_rng(0).normal(size=(11, 2)), 0.1, "6 terms need at least 12 intervals"),
        (np.random.default_rng(0).normal(size=(9, 2)), 0.1, "got 9 samples, which make 1"),
        (np.ones((100, 3)), 0.1, r"\(samples, 2\); got \(100, 3\)"),
    ],
)
def test_what_is_refused(states: np.ndarray, dt: float, message: str) -> None:
    with pytest.raises(QhpoError, match=message):
        weak_form(states, dt, Library(2, 2))
