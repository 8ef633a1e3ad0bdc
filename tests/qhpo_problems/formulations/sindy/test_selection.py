import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.sindy import RefitErrors, TermSelection
from tests.qhpo_problems.formulations.sindy.cases import every_choice, refit_errors


def reference(seed: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.arange(8) < count).astype(np.intp)


@given(seed=st.integers(0, 10**6), count=st.integers(0, 8))
@settings(max_examples=8, deadline=None)
def test_the_energy_is_the_objective_of_any_choice(seed: int, count: int) -> None:
    selection = TermSelection(refit_errors(seed), reference(seed, count))
    choices = np.random.default_rng(seed).integers(2, size=(30, 8)).astype(np.intp)
    energies = selection.model.energies(choices)
    objectives = [selection.objective(selection.solution_of(bits)) for bits in choices]
    np.testing.assert_allclose(energies, objectives, atol=1e-9)
    assert selection.model.count == count


@given(seed=st.integers(0, 10**6), count=st.integers(0, 8))
@settings(max_examples=20, deadline=None)
def test_it_is_the_true_error_up_to_two_changes(seed: int, count: int) -> None:
    errors, start = refit_errors(seed), reference(seed, count)
    choices = np.concatenate([every_choice(8, size) for size in range(9)])
    near = choices[(choices != start).sum(axis=1) <= 2]
    assert len(near) == 1 + 8 + 28
    energies = TermSelection(errors, start).model.energies(near)
    np.testing.assert_allclose(energies, errors.of(near), atol=1e-10)


def test_of_orthogonal_terms_it_is_the_true_error_everywhere() -> None:
    rng = np.random.default_rng(0)
    terms = np.linalg.qr(rng.normal(size=(12, 8)))[0] * rng.uniform(1, 9, size=8)
    errors = RefitErrors(terms, rng.normal(size=12))
    choices = np.concatenate([every_choice(8, size) for size in range(9)])
    energies = TermSelection(errors, reference(0)).model.energies(choices)
    np.testing.assert_allclose(energies, errors.of(choices), atol=1e-10)


@pytest.mark.parametrize("solver", ["neal", "potts", "tabu", dimod.ExactSolver()])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_solvers_find_its_minimum(solver: str | dimod.Sampler, seed: int) -> None:
    selection = TermSelection(refit_errors(seed), reference(seed))
    choices = every_choice(8, 3)
    best = choices[int(selection.model.energies(choices).argmin())]
    np.testing.assert_array_equal(solve(selection, solver), np.flatnonzero(best))


def test_the_ground_states_of_bqm_and_cqm_have_as_many_terms() -> None:
    selection = TermSelection(refit_errors(3), reference(3))
    choices = every_choice(8, 3)
    least = selection.model.energies(choices).min()
    ground = dimod.ExactSolver().sample(selection.to_bqm()).first
    assert ground.energy == pytest.approx(least)
    assert len(selection.decode(ground.sample)) == 3
    found = dimod.ExactCQMSolver().sample_cqm(selection.to_cqm())
    assert found.filter(lambda row: row.is_feasible).first.energy == pytest.approx(least)


def test_what_is_no_reference() -> None:
    with pytest.raises(QhpoError, match=r"8 bits .*got an array of shape \(7,\)"):
        TermSelection(refit_errors(0), np.zeros(7, dtype=np.intp))
    with pytest.raises(QhpoError, match="of 0 or 1"):
        TermSelection(refit_errors(0), np.full(8, 2))
