import dimod
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.formulations.sindy import (
    best_terms,
    exchange_terms,
    greedy_terms,
    starts,
)
from tests.qhpo_problems.formulations.sindy.cases import every_choice, refit_errors


@pytest.mark.parametrize("solver", ["neal", "potts", dimod.ExactSolver()])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_the_best_of_all_choices(solver: str | dimod.Sampler, count: int) -> None:
    for seed in range(3):
        errors, choices = refit_errors(seed), every_choice(8, count)
        best = choices[int(errors.of(choices).argmin())]
        found = best_terms(errors, count, solver, seed=seed)
        np.testing.assert_array_equal(found, np.flatnonzero(best))


@given(seed=st.integers(0, 10**6), count=st.integers(1, 10))
@settings(max_examples=25, deadline=None)
def test_no_exchange_improves_what_exchanges_end_at(seed: int, count: int) -> None:
    errors = refit_errors(seed, 10)
    start = np.random.default_rng(seed).permutation(np.arange(10) < count).astype(np.intp)
    end = exchange_terms(errors, start)
    choices = every_choice(10, count)
    near = choices[(choices != end).sum(axis=1) <= 2]
    assert errors.of(end[None, :])[0] <= errors.of(near).min() + 1e-11
    assert errors.of(end[None, :])[0] <= errors.of(start[None, :])[0]
    assert end.sum() == count


def test_greedy_takes_the_best_next_term() -> None:
    errors = refit_errors(0)
    chosen: set[int] = set()
    for count in range(1, 9):
        bits = greedy_terms(errors, count)
        assert chosen < set(np.flatnonzero(bits))
        chosen = set(np.flatnonzero(bits))
        previous = greedy_terms(errors, count - 1) if count > 1 else np.zeros(8, dtype=np.intp)
        rivals = [b for b in every_choice(8, count) if (b >= previous).all()]
        assert errors.of(bits[None, :])[0] == pytest.approx(errors.of(rivals).min())


def test_starts_are_the_greedy_one_and_random_ones() -> None:
    errors = refit_errors(0)
    first, *others = starts(errors, 3, 6, seed=0)
    np.testing.assert_array_equal(first, greedy_terms(errors, 3))
    assert len(others) == 5
    assert {int(bits.sum()) for bits in others} == {3}
    assert len({tuple(bits) for bits in others}) > 1


@pytest.mark.parametrize("count", [0, 9])
def test_number_of_terms_out_of_range(count: int) -> None:
    with pytest.raises(QhpoError, match=f"1 to those of the library, 8; got {count}"):
        best_terms(refit_errors(0), count)


def test_unknown_solver() -> None:
    with pytest.raises(QhpoError, match="did you mean 'neal'"):
        best_terms(refit_errors(0), 2, "naal")
