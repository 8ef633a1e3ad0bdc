from __future__ import annotations

import itertools

import numpy as np
import pytest

from qhpo.errors import QhpoError
from qhpo_problems.formulations import solve
from qhpo_problems.formulations.discrete import DiscreteRow, Moments, levels_of, moments_of

KINDS = {"binary": 6, "ternary": 4, 2: 4, 3: 3}
"""Weights -> features, at most 9 bits."""


def data(n: int, outputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, n)) @ rng.normal(size=(n, n)) + 3.0
    return X, X @ rng.normal(size=(n, outputs)) + rng.normal(size=(30, outputs)) - 5.0


def tiny(weights: str | int, seed: int) -> DiscreteRow:
    X, Y = data(KINDS[weights], 1, seed)
    return DiscreteRow(moments_of(X, Y, 0.5), levels_of(weights), 0.4)


def every_solution(row: DiscreteRow) -> list[np.ndarray]:
    bits = itertools.product((0, 1), repeat=row.model.n_bits)
    return [row.decode(dict(enumerate(some))) for some in bits]


def test_losses_are_those_of_the_data_with_the_best_bias() -> None:
    X, Y = data(4, 2, 0)
    weights = np.random.default_rng(1).normal(size=(2, 4))
    left = Y - X @ weights.T
    wanted = np.square(left - left.mean(axis=0)).sum(axis=0)
    wanted += 0.7 * np.square(weights).sum(axis=1)
    np.testing.assert_allclose(moments_of(X, Y, 0.7).losses(weights), wanted)


def test_the_real_solution_is_that_of_the_normal_equations() -> None:
    X, Y = data(4, 2, 1)
    moments = moments_of(X, Y, 2.0)
    np.testing.assert_allclose(moments.gram @ moments.solution.T, moments.slopes.T)
    twice = moments_of(np.hstack([X, X[:, :1]]), Y, 0.0).solution
    np.testing.assert_allclose(twice[:, 0], twice[:, 4])


def test_rescaled_levels_lose_least() -> None:
    X, Y = data(4, 3, 2)
    moments = moments_of(X, Y, 1.0)
    levels = np.sign(moments.solution)
    levels[2] = 0.0
    scales = moments.rescaled(levels, np.full(3, 0.3))
    assert scales[2] == 0.3
    least = moments.losses(scales[:, None] * levels)
    for factor in (0.0, 0.99, 1.01):
        assert (moments.losses(factor * scales[:, None] * levels)[:2] > least[:2]).all()
    # Against the slopes no positive scale is best.
    np.testing.assert_array_equal(moments.rescaled(-levels, np.full(3, 0.3)), np.full(3, 0.3))


@pytest.mark.parametrize("weights", KINDS)
def test_the_energy_is_the_objective_of_all_bits(weights: str | int) -> None:
    row = tiny(weights, 0)
    bqm = row.to_bqm()
    for bits in itertools.product((0, 1), repeat=row.model.n_bits):
        sample = dict(enumerate(bits))
        assert bqm.energy(sample) == pytest.approx(row.objective(row.decode(sample)))


def test_the_cqm_has_the_same_energies_and_no_constraint() -> None:
    row = tiny("ternary", 1)
    cqm = row.to_cqm()
    assert not cqm.constraints
    sample = dict.fromkeys(range(8), 1)
    assert cqm.objective.energy(sample) == pytest.approx(row.objective(np.ones(4, dtype=np.int64)))


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("solver", ["neal", "potts", "exact"])
def test_solvers_find_the_best_of_all_levels(weights: str | int, solver: str) -> None:
    for seed in range(3):
        row = tiny(weights, seed)
        best = min(map(row.objective, every_solution(row)))
        assert row.objective(solve(row, solver)) == pytest.approx(best)


def test_shapes_and_ranges_are_checked() -> None:
    X, Y = data(4, 2, 0)
    with pytest.raises(QhpoError, match=r"got \(29, 4\) and \(30, 2\)"):
        moments_of(X[1:], Y, 0.0)
    with pytest.raises(QhpoError, match=r"at least 0; got -1\.0"):
        moments_of(X, Y, -1.0)
    moments = moments_of(X, Y, 0.0)
    with pytest.raises(QhpoError, match="got moments of 2"):
        DiscreteRow(moments, levels_of(2), 1.0)
    one: Moments = moments.of(np.array([1]))
    with pytest.raises(QhpoError, match=r"positive; got 0\.0"):
        DiscreteRow(one, levels_of(2), 0.0)
