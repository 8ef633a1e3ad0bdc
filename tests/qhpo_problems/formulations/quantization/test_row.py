from __future__ import annotations

import itertools

import dimod
import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.quantization import Grid, RowRounding, lower_codes

WIDTH = 6


def tiny(seed: int) -> RowRounding:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(20, 2)) @ rng.normal(size=(2, WIDTH)) + rng.normal(size=(20, WIDTH))
    weights, grid = rng.normal(size=WIDTH), Grid(3, np.array([0.4]))
    return RowRounding(weights, inputs.T @ inputs / 20, 0.4, lower_codes(weights[None], grid)[0])


def test_the_energy_is_the_objective_of_every_rounding() -> None:
    row = tiny(0)
    bqm = row.to_bqm()
    for bits in itertools.product((0, 1), repeat=WIDTH):
        sample = dict(enumerate(bits))
        assert bqm.energy(sample) == pytest.approx(row.objective(row.decode(sample)), abs=1e-10)


def test_the_objective_is_the_mean_square_change_of_the_output() -> None:
    rng = np.random.default_rng(1)
    inputs, weights = rng.normal(size=(9, 4)), rng.normal(size=4)
    row = RowRounding(weights, inputs.T @ inputs / 9, 0.5, np.zeros(4, dtype=np.int64))
    codes = np.array([1, 0, -2, 1])
    change = inputs @ (0.5 * codes) - inputs @ weights
    assert row.objective(codes) == pytest.approx((change**2).mean())


@pytest.mark.parametrize("solver", ["neal", "potts", dimod.ExactSolver()])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_solvers_find_the_best_of_all_roundings(solver: str | dimod.Sampler, seed: int) -> None:
    row = tiny(seed)
    every = [row.decode(dict(enumerate(bits))) for bits in itertools.product((0, 1), repeat=WIDTH)]
    best = min(every, key=row.objective)
    np.testing.assert_array_equal(solve(row, solver), best)


def test_the_cqm_has_the_same_energies_and_no_constraint() -> None:
    row = tiny(3)
    cqm = row.to_cqm()
    assert not cqm.constraints
    sample = dict.fromkeys(range(WIDTH), 1)
    assert cqm.objective.energy(sample) == pytest.approx(row.objective(row.decode(sample)))


def test_lower_codes_are_around_the_weight_or_the_end_of_the_grid() -> None:
    grid = Grid(3, np.array([1.0]))
    weights = np.array([[-9.0, -1.3, 0.0, 1.6, 2.5, 9.0]])
    assert lower_codes(weights, grid).tolist() == [[-4, -2, 0, 1, 2, 2]]


def test_lower_codes_can_hold_given_codes_and_lead_to_the_weight() -> None:
    grid = Grid(3, np.array([1.0]))
    weights = np.array([[0.4, 0.4, 0.4, 0.4, 9.0, -9.0]])
    codes = np.array([[0, 1, 2, -1, 3, -4]])
    assert lower_codes(weights, grid, codes).tolist() == [[0, 0, 1, -1, 2, -4]]


def test_shapes_and_scales_are_checked() -> None:
    low = np.zeros(2, dtype=np.int64)
    with pytest.raises(QhpoError, match=r"2 weights needs .*\(2, 2\).* got \(3, 3\)"):
        RowRounding(np.ones(2), np.eye(3), 1.0, low)
    with pytest.raises(QhpoError, match=r"positive; got 0\.0"):
        RowRounding(np.ones(2), np.eye(2), 0.0, low)
