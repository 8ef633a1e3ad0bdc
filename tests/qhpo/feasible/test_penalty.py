"""Penalized models: their lowest energy is that of the best configuration that is allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import IntDistribution

from qhpo import constraints as c
from qhpo.encoding import DenseDQM
from qhpo.feasible import PenaltyWeights, penalized
from qhpo.solvers import make_solver
from qhpo.space import Space, declared_conditions
from tests.qhpo.known import random_tables
from tests.qhpo.strategies import PENALIZED, Problem, Rule, every_place, small_problems

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

seeds = st.integers(0, 2**32 - 1)


def _ground_state(
    problem: Problem, tables: DenseDQM, centre: IntArray, fixed: BoolArray
) -> tuple[IntArray, float, PenaltyWeights]:
    """Levels and energy of what is lowest in the penalized model, and the weights."""
    weights = PenaltyWeights(penalty=1e3)
    model = penalized(tables, problem.feasible().levels, centre, fixed, weights)
    reads = make_solver("exact").reads(model, 0)
    state = centre.copy()
    # A case behind the levels stands for an inactive axis; auxiliary variables come last.
    cases = reads.cases[0, : (~fixed).sum()]
    is_level = cases < problem.space.n_levels[~fixed]
    state[~fixed] = np.where(is_level, cases, centre[~fixed])
    return state, float(reads.energies[0]), weights


@given(small_problems(PENALIZED), seeds)
@settings(max_examples=60)
def test_the_optimum_stays_lowest(problem: Problem, seed: int) -> None:
    space, _, conditions = problem
    rng = np.random.default_rng(seed)
    tables, centre = random_tables(space, rng), rng.integers(space.n_levels)
    fixed = rng.random(len(space)) < (0.0 if conditions else 0.3)
    fixed[0] = False
    every = every_place(space.n_levels.tolist())
    every = every[(every == centre)[:, fixed].all(axis=1)]
    every = every[problem.holds(space.at_levels(every))]
    assume(len(every))
    state, energy, weights = _ground_state(problem, tables, centre, fixed)
    # What would need a large slack is weighted instead, without a promise.
    assume(not weights.multipliers)
    lowest = problem.energies(tables, every).min()
    assert problem.holds(space.at_levels(state[None, :])).all()
    assert problem.energies(tables, state[None, :])[0] == pytest.approx(lowest, abs=1e-9)
    if not fixed.any():
        assert energy == pytest.approx(lowest, abs=1e-6)


@pytest.mark.parametrize(
    "worth",
    [
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
        # Where being active costs much, the model must not switch a child off on its own,
        [4, 4, 4, 0, 0, 0, 0, 0, 0],
        [4, 4, 4, 4, 4, 4, 0, 0, 0],
        # nor on, below a parent that is switched off.
        [-6, -6, -6, 0, 0, 0, 10, 0, 10],
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_of_a_chain_of_conditions_stays_lowest(seed: int, worth: list[float]) -> None:
    space = Space({n: IntDistribution(0, 2) for n in ("child", "parent", "root")})
    conditions = declared_conditions(
        {"child": {"parent": [1, 2]}, "parent": {"root": [0, 2]}}, space.search_space
    )
    constraint = c.forbid(root=2, child=[0, 1])
    problem = Problem(space, [Rule(constraint, constraint.satisfied)], conditions)
    tables = random_tables(space, np.random.default_rng(seed))
    tables.linear[:] += worth
    every = every_place([3, 3, 3])
    every = every[problem.holds(space.at_levels(every))]
    centre, nothing = np.full(3, seed % 3), np.zeros(3, dtype=bool)
    state, energy, _ = _ground_state(problem, tables, centre, nothing)
    lowest = problem.energies(tables, every).min()
    assert problem.holds(space.at_levels(state[None, :])).all()
    assert problem.energies(tables, state[None, :])[0] == pytest.approx(lowest, abs=1e-9)
    assert energy == pytest.approx(lowest, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_multipliers_start_at_the_best_bound_that_relaxation_gives(seed: int) -> None:
    # A knapsack whose worths add up: multipliers maximize the Lagrangian's least energy.
    rng = np.random.default_rng(seed)
    n, names = 12, [f"i{k:02}" for k in range(12)]
    weights = rng.integers(100, 1000, size=(2, n))
    bounds = weights.sum(axis=1) // 2
    space = Space({name: IntDistribution(0, 1) for name in names})
    constraints = [
        c.linear(dict(zip(names, row, strict=True)), "<=", bound)
        for row, bound in zip(weights.tolist(), bounds.tolist(), strict=True)
    ]
    problem = Problem(space, [Rule(k, k.satisfied) for k in constraints], ())
    worth = rng.uniform(100, 1000, size=n)
    linear = np.ravel(np.stack([np.zeros(n), -worth], axis=1))
    tables = DenseDQM(space.starts, linear, np.zeros((2 * n, 2 * n)), 0.0)
    found = PenaltyWeights()
    nothing = np.zeros(n, dtype=bool)
    penalized(tables, problem.feasible().levels, nothing.astype(np.intp), nothing, found)

    def bound(multipliers: FloatArray) -> float:
        reduced = worth - multipliers @ weights
        return float(-np.maximum(reduced, 0.0).sum() - multipliers @ bounds)

    scale = tables.field_scale / weights.max(axis=1)
    start = np.array([found.multipliers[k] for k in range(2)]) * scale
    best = bound(start)
    assert (start >= 0.0).all()
    assert best > bound(np.zeros(2))
    for other in rng.uniform(0.0, 2.0, size=(300, 2)):
        assert bound(other) <= best + 1e-6
