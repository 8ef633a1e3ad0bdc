from __future__ import annotations

import itertools

import dimod
import numpy as np
import pytest

from qhpo.errors import QhpoError, SolverError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.base import BLOCK
from qhpo_problems.formulations.pruning import Pruning, choose, diagonal


def problem(seed: int, n: int, count: int, m: int = 6) -> Pruning:
    """Candidates with much in common, as the weights of a channel have, and a residual."""
    rng = np.random.default_rng(seed)
    changes = rng.normal(size=(m, 2)) @ rng.normal(size=(2, n)) + 0.3 * rng.normal(size=(m, n))
    return Pruning(changes.astype(np.float32), rng.normal(size=m).astype(np.float32), count)


def masks(n: int, count: int) -> list[np.ndarray]:
    return [np.isin(np.arange(n), chosen) for chosen in itertools.combinations(range(n), count)]


def test_the_energy_is_the_objective_of_every_removal() -> None:
    tiny = problem(0, 7, 3)
    bqm, cqm = tiny.to_bqm(), tiny.to_cqm()
    for mask in masks(7, 3):
        sample = dict(enumerate(mask.astype(int).tolist()))
        np.testing.assert_array_equal(tiny.decode(sample), mask)
        assert bqm.energy(sample) == pytest.approx(tiny.objective(mask), rel=1e-4)
        assert cqm.objective.energy(sample) == pytest.approx(tiny.objective(mask), rel=1e-4)
        assert cqm.check_feasible(sample)


def test_the_objective_is_half_the_square_of_what_is_left() -> None:
    changes = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]], dtype=np.float32)
    tiny = Pruning(changes, np.array([1.0, 1.0], dtype=np.float32), 2)
    # (1, 1) - (3, 1) = (-2, 0); (1, 1) - (1, 3) = (0, -2); (1, 1) - (2, 4) = (-1, -3).
    costs = {(1, 1, 0): 2.0, (1, 0, 1): 2.0, (0, 1, 1): 5.0}
    for bits, cost in costs.items():
        assert tiny.objective(np.array(bits) == 1) == pytest.approx(cost)


@pytest.mark.parametrize("seed", range(6))
def test_choice_and_solvers_find_the_best_removal(seed: int) -> None:
    tiny = problem(seed, 10, 4)
    best = min(masks(10, 4), key=tiny.objective)
    np.testing.assert_array_equal(choose(tiny, seed=seed), best)
    np.testing.assert_array_equal(solve(tiny, "neal", seed=seed), best)


def test_ground_states_of_the_bqm_have_exactly_k() -> None:
    tiny = problem(3, 8, 3)
    ground = dimod.ExactSolver().sample(tiny.to_bqm()).first
    assert sum(ground.sample.values()) == 3
    best = min(masks(8, 3), key=tiny.objective)
    np.testing.assert_array_equal(tiny.decode(ground.sample), best)


def test_costs_are_the_changes_of_the_objective() -> None:
    some = problem(1, 9, 4)
    mask = diagonal(some)
    costs = some.costs(mask, some.left(mask))
    for i in range(9):
        other = mask.copy()
        other[i] = not other[i]
        change = some.objective(other) - some.objective(mask)
        assert costs[i] == pytest.approx(change, rel=1e-3, abs=1e-4)


def test_a_block_has_the_energies_of_the_whole() -> None:
    some = problem(2, 30, 12)
    mask, block = diagonal(some), np.array([3, 1, 20, 7, 29, 11])
    model = some.block(mask, some.left(mask), block)
    assert model.count == mask[block].sum()
    for bits in itertools.product((0, 1), repeat=6):
        other = mask.copy()
        other[block] = np.array(bits) == 1
        assert model.energies([bits])[0] == pytest.approx(some.objective(other), rel=1e-3)


def test_beyond_one_anneal_cross_terms_pay() -> None:
    large = problem(4, 3 * BLOCK, 2 * BLOCK, m=60)
    start, found = diagonal(large), choose(large, seed=1)
    assert found.sum() == start.sum() == 2 * BLOCK
    assert large.objective(found) < 0.02 * large.objective(start)
    np.testing.assert_array_equal(choose(large, seed=1), found)


def test_the_solver_improves_on_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    large = problem(5, 2 * BLOCK, BLOCK, m=300)
    with_solver = large.objective(choose(large, seed=0))
    monkeypatch.setattr("qhpo_problems.formulations.pruning.choice._ANNEAL_ROUNDS", 0)
    assert with_solver < large.objective(choose(large, seed=0))


@pytest.mark.parametrize("count", [0, 5])
def test_nothing_and_everything_can_be_removed(count: int) -> None:
    assert choose(problem(0, 5, count)).sum() == count


def test_diagonal_takes_the_least_norms() -> None:
    changes = np.array([[3.0, -1.0, 2.0, 0.5]], dtype=np.float32)
    some = Pruning(changes, np.zeros(1, dtype=np.float32), 2)
    assert diagonal(some).tolist() == [False, True, False, True]


def test_mistakes_are_errors() -> None:
    changes, residual = np.ones((2, 3), dtype=np.float32), np.ones(2, dtype=np.float32)
    with pytest.raises(QhpoError, match=r"residual of shape \(2,\); got \(3,\)"):
        Pruning(changes, np.ones(3, dtype=np.float32), 1)
    with pytest.raises(QhpoError, match="0 to 3 can be removed; got 4"):
        Pruning(changes, residual, 4)
    with pytest.raises(SolverError, match="got 'neel'"):
        choose(Pruning(changes, residual, 1), "neel")
