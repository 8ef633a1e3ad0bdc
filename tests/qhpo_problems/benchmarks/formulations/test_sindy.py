from __future__ import annotations

import numpy as np
import pytest

from qhpo_problems.benchmarks.formulations import sindy
from qhpo_problems.benchmarks.formulations.sindy import SUITE, measure_sindy, threshold
from qhpo_problems.formulations.sindy import Library, weak_form


@pytest.mark.parametrize("table", SUITE.tables)
def test_the_truth_fulfils_the_equations(table: str) -> None:
    system = sindy._SYSTEMS[table]
    states = system.simulate(np.random.default_rng(0))
    library = Library(states.shape[1], system.degree)
    terms, derivatives = weak_form(states, system.dt, library)
    left = terms @ system.coefficients(library) - derivatives
    assert np.abs(left).max() < 1e-6 * np.abs(derivatives).max()


def test_on_lorenz_annealing_is_right_and_greedy_choice_is_not() -> None:
    for method, right in (("annealing", 1.0), ("stlsq-hindsight", 1.0), ("greedy", 0.0)):
        low, middle, high = measure_sindy("lorenz", method, 100)
        assert (low["right"], middle["right"]) == (right, right)
        assert set(high) == {metric.name for metric in SUITE.metrics}
        if right:
            assert low["coefficients"] < middle["coefficients"] < 0.05
            assert low["misfit"] == pytest.approx(1.0)
        else:
            assert low["misfit"] > 100


def test_thresholding_drops_small_coefficients_and_fits_the_others_again() -> None:
    rng = np.random.default_rng(0)
    terms = rng.normal(size=(200, 5))
    true = np.array([[2.0, 0], [0, -0.3], [0.05, 0], [0, 0], [-1.0, 4.0]])
    derivatives = terms @ true + 0.01 * rng.normal(size=(200, 2))
    found = threshold(terms, derivatives, 0.1)
    expected = true * (np.abs(true) > 0.1)
    assert ((found != 0) == (expected != 0)).all()
    refit = np.linalg.lstsq(terms[:, [0, 4]], derivatives[:, 0], rcond=None)[0]
    np.testing.assert_allclose(found[[0, 4], 0], refit)
    assert not threshold(terms, derivatives, 99.0).any()


def test_hindsight_is_never_worse_than_a_fixed_threshold() -> None:
    fixed, best = (
        measure_sindy("lorenz", method, 101) for method in ("stlsq-0.1", "stlsq-hindsight")
    )
    assert all(a["right"] <= b["right"] for a, b in zip(fixed, best, strict=True))
