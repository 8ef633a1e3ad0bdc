import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy import (
    Equations,
    Library,
    RefitErrors,
    best_terms,
    exchange_terms,
    greedy_terms,
    identify,
    weak_form,
)
from qhpo_problems.training.data.systems import lorenz, simulate

TERMS = [2, 3, 2]

LORENZ = {
    ("x1", 0): -10.0,
    ("x2", 0): 10.0,
    ("x1", 1): 28.0,
    ("x2", 1): -1.0,
    ("x1 x3", 1): -1.0,
    ("x3", 2): -8 / 3,
    ("x1 x2", 2): 1.0,
}


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    """10,000 samples in 20 units of time, with 10 % noise."""
    rng = np.random.default_rng(0)
    true = simulate(lorenz, np.array([0, 0, 25.0]), 0.002, 10_000, 1, rng)[0]
    return true + 0.1 * true.std(axis=0) * rng.normal(size=true.shape)


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("solver", ["neal", "potts"])
def test_the_seven_terms_of_lorenz_from_noisy_states(
    states: np.ndarray, degree: int, solver: str
) -> None:
    found = identify(states, 0.002, terms_per_equation=TERMS, degree=degree, solver=solver)
    names = found.library.names
    nonzero = {
        (names[term], variable): float(found.coefficients[term, variable])
        for term, variable in np.argwhere(found.coefficients)
    }
    assert nonzero.keys() == LORENZ.keys()
    assert nonzero == pytest.approx(LORENZ, rel=0.05)
    assert (found.errors < 0.01).all()


def test_greedy_choice_and_exchanges_end_elsewhere(states: np.ndarray) -> None:
    library = Library(3, 2)
    terms, derivatives = weak_form(states, 0.002, library)
    errors = RefitErrors(terms, derivatives[:, 2])
    end = exchange_terms(errors, greedy_terms(errors, 2))
    assert "x1 x2" not in [library.names[i] for i in np.flatnonzero(end)]
    best = best_terms(errors, 2)
    assert errors.of(end[None, :])[0] > 10 * errors.of(np.isin(np.arange(10), best)[None, :])[0]


def test_derivatives_are_those_of_the_system(states: np.ndarray) -> None:
    found = identify(states, 0.002, terms_per_equation=TERMS)
    points = states[::500]
    expected = lorenz(points.T).T
    difference = found.derivatives(points) - expected
    assert np.abs(difference).max() < 0.03 * np.abs(expected).max()


def test_time_in_other_units(states: np.ndarray) -> None:
    one, other = (identify(states, dt, terms_per_equation=TERMS) for dt in (0.002, 2.0))
    np.testing.assert_allclose(one.coefficients, 1000 * other.coefficients)


def test_a_solution_in_closed_form() -> None:
    times = 0.01 * np.arange(2000)
    found = identify(
        np.stack([np.cos(times), np.sin(times)], axis=1), 0.01, terms_per_equation=1, degree=3
    )
    assert str(found) == "dx1/dt = -1 x2\ndx2/dt = 1 x1"


def test_equations_in_print() -> None:
    coefficients = np.array([[8.0, 0], [-1.5, 0], [0, 0], [0, 0], [2.34567, 0], [-1e-5, 0]])
    equations = Equations(Library(2, 2), coefficients, np.zeros(2))
    assert str(equations) == "dx1/dt = 8 - 1.5 x1 + 2.346 x1 x2 - 1e-05 x2^2\ndx2/dt = 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"terms_per_equation": [2, 3]}, "one for each of the 3 variables; got 2"),
        ({"terms_per_equation": 11}, "those of the library, 10; got 11"),
        ({"terms_per_equation": 2, "degree": 0}, "degree=0"),
    ],
)
def test_arguments_out_of_range(
    states: np.ndarray, arguments: dict[str, int], message: str
) -> None:
    with pytest.raises(QhpoError, match=message):
        identify(states, 0.002, **arguments)


def test_states_are_a_matrix_of_what_changes(states: np.ndarray) -> None:
    with pytest.raises(QhpoError, match=r"shape \(samples, variables\); got \(10000,\)"):
        identify(states[:, 0], 0.002, terms_per_equation=1)
    still = np.column_stack([states[:, :2], np.zeros(len(states))])
    with pytest.raises(QhpoError, match="variables that do not change"):
        identify(still, 0.002, terms_per_equation=1)
