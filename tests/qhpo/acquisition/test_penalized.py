"""Penalized annealing: whatever is sampled comes back feasible, and exactly sampled, optimal."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, IntDistribution
from qhpo.acquisition.penalized import constrained_samples

from qhpo import constraints as c
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import Moves, PenaltyWeights
from qhpo.solvers import Reads, make_solver
from qhpo.space import Condition, Space, declared_conditions
from tests.qhpo.strategies import (
    EXACT_STEPS,
    KINDS,
    Rule,
    active_params,
    conditions_over,
    every_place,
    rule_sets,
    search_spaces,
)

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
RandomDQM = Callable[..., dimod.DiscreteQuadraticModel]
Problem = tuple[Space, list[Rule], tuple[Condition, ...]]

# A table says nothing of inactive axes, and has no exact penalty where some may be.
PENALIZED = ("forbid", "requires", "cardinality", "all_different", "linear")


@st.composite
def problems(draw: Any, kinds: tuple[str, ...] = KINDS) -> Problem:
    distributions = draw(search_spaces(EXACT_STEPS, most=3, axes=(2, 3)))
    conditions = draw(st.just(()) | conditions_over(distributions, most=1))
    if not conditions and kinds != KINDS:
        kinds = (*kinds, "relation")
    return Space(distributions), draw(rule_sets(distributions, kinds, most=2)), conditions


def _moves(problem: Problem) -> Moves:
    space, rules, conditions = problem
    levels = [axis.coordinates for axis in space.axes]
    return Moves(space, [rule.constraint for rule in rules], conditions, levels)


def _holds(problem: Problem, imputed: IntArray) -> BoolArray:
    space, rules, conditions = problem
    return np.array(
        [
            all(rule.holds(active_params(conditions, space.decode(row))) for rule in rules)
            for row in space.at_levels(imputed)
        ],
        dtype=bool,
    )


def _energies(problem: Problem, tables: DenseDQM, imputed: IntArray) -> FloatArray:
    """What is inactive adds nothing."""
    space, _, conditions = problem
    energies = []
    for places, row in zip(imputed, space.at_levels(imputed), strict=True):
        active = active_params(conditions, space.decode(row))
        chosen = [
            int(space.starts[i] + places[i])
            for i, axis in enumerate(space.axes)
            if axis.name in active
        ]
        pairs = sum(tables.quadratic[r, s] for r, s in itertools.combinations(chosen, 2))
        energies.append(float(sum(tables.linear[r] for r in chosen) + pairs))
    return np.array(energies)


def _sample(
    problem: Problem,
    tables: DenseDQM,
    solver: str,
    seed: int,
    weights: PenaltyWeights,
    frozen: BoolArray | None = None,
    n_best: int = 16,
) -> tuple[IntArray, IntArray]:
    """The samples, and the centre."""
    space = problem[0]
    rng = np.random.default_rng(seed)
    centre = rng.integers(space.n_levels)
    frozen = np.zeros(len(space), dtype=bool) if frozen is None else frozen
    samples = constrained_samples(
        tables, make_solver(solver), _moves(problem), centre, frozen, weights, n_best, rng
    )
    return samples, centre


def _tables(random_dqm: RandomDQM, space: Space, seed: int) -> DenseDQM:
    return DenseDQM.from_dqm(random_dqm(space.n_levels.tolist(), seed=seed % 1000))


@pytest.mark.parametrize(("solver", "n_examples"), [("exact", 40), ("neal", 15)])
def test_all_samples_are_moves(random_dqm: RandomDQM, solver: str, n_examples: int) -> None:
    @given(problems(), st.integers(0, 2**32 - 1))
    @settings(max_examples=n_examples)
    def check(problem: Problem, seed: int) -> None:
        space = problem[0]
        tables = _tables(random_dqm, space, seed)
        frozen = np.random.default_rng(seed).random(len(space)) < 0.2
        samples, centre = _sample(problem, tables, solver, seed, PenaltyWeights(), frozen, 6)
        assert samples.shape[0] <= 6
        assert samples.shape[1] == len(space)
        assert _holds(problem, samples).all()
        if all(rule.constraint.names for rule in problem[1]):
            # There is one where there can be, unless a predicate hides it.
            every = every_place(space.n_levels.tolist())
            every = every[(every == centre)[:, frozen].all(axis=1)]
            assert bool(len(samples)) is bool(_holds(problem, every).any())
        np.testing.assert_array_equal(
            samples[:, frozen], np.broadcast_to(centre[frozen], (len(samples), frozen.sum()))
        )

    check()


@given(problems(PENALIZED), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_reaches_the_feasible_optimum(random_dqm: RandomDQM, problem: Problem, seed: int) -> None:
    space = problem[0]
    tables = _tables(random_dqm, space, seed)
    every = every_place(space.n_levels.tolist())
    frozen = np.random.default_rng(seed).random(len(space)) < 0.1
    weights = PenaltyWeights(penalty=1e3)
    samples, centre = _sample(problem, tables, "exact", seed, weights, frozen)
    # What would need a large slack is weighted instead, without a promise.
    assume(not weights.multipliers)
    every = every[(every == centre)[:, frozen].all(axis=1)]
    every = every[_holds(problem, every)]
    assert bool(len(samples)) is bool(len(every))
    if len(every):
        lowest = _energies(problem, tables, every).min()
        assert _energies(problem, tables, samples).min() == pytest.approx(lowest, abs=1e-9)


@given(problems(PENALIZED), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_the_ground_state_of_the_penalized_model_is_the_optimum(
    random_dqm: RandomDQM, problem: Problem, seed: int
) -> None:
    space, _, conditions = problem
    tables = _tables(random_dqm, space, seed)
    frozen = np.random.default_rng(seed).random(len(space)) < (0.0 if conditions else 0.3)
    frozen[0] = False
    centre = np.random.default_rng(seed).integers(space.n_levels)
    every = every_place(space.n_levels.tolist())
    every = every[(every == centre)[:, frozen].all(axis=1)]
    every = every[_holds(problem, every)]
    assume(len(every))
    state, energy, weights = _ground_state(problem, tables, centre, frozen)
    # What would need a large slack is weighted instead, without a promise.
    assume(not weights.multipliers)
    lowest = _energies(problem, tables, every).min()
    assert _holds(problem, state[None, :]).all()
    assert _energies(problem, tables, state[None, :])[0] == pytest.approx(lowest, abs=1e-9)
    if not frozen.any():
        assert energy == pytest.approx(lowest + tables.offset, abs=1e-6)


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
def test_the_ground_state_of_a_chain_of_conditions_is_the_optimum(
    random_dqm: RandomDQM, seed: int, worth: list[float]
) -> None:
    space = Space({n: IntDistribution(0, 2) for n in ("child", "parent", "root")})
    conditions = declared_conditions(
        {"child": {"parent": [1, 2]}, "parent": {"root": [0, 2]}}, space.search_space
    )
    constraint = c.forbid(root=2, child=[0, 1])
    problem = space, [Rule(constraint, constraint.satisfied)], conditions
    tables = _tables(random_dqm, space, seed)
    tables.linear[:] += worth
    every = every_place([3, 3, 3])
    every = every[_holds(problem, every)]
    nothing = np.zeros(3, dtype=bool)
    state, energy, _ = _ground_state(problem, tables, np.array([seed % 3] * 3), nothing)
    lowest = _energies(problem, tables, every).min()
    assert _holds(problem, state[None, :]).all()
    assert _energies(problem, tables, state[None, :])[0] == pytest.approx(lowest, abs=1e-9)
    assert energy == pytest.approx(lowest + tables.offset, abs=1e-6)


def _ground_state(
    problem: Problem, tables: DenseDQM, centre: IntArray, frozen: BoolArray
) -> tuple[IntArray, float, PenaltyWeights]:
    """Shadow and energy of what is lowest in the first model that is sampled, and the weights."""
    space = problem[0]
    found = []

    class Recorder:
        """Solves exactly, and keeps what it finds."""

        def reads(self, tables: DenseDQM, seed: int) -> Reads:
            found.append(make_solver("exact").reads(tables, seed))
            return found[-1]

    weights = PenaltyWeights(penalty=1e3)
    rng = np.random.default_rng(0)
    constrained_samples(tables, Recorder(), _moves(problem), centre, frozen, weights, 16, rng)
    first = found[0].cases[0]
    state = centre.copy()
    # A case behind the levels stands for an inactive axis; auxiliary variables come last.
    cases = first[: (~frozen).sum()]
    state[~frozen] = np.where(cases >= space.n_levels[~frozen], centre[~frozen], cases)
    return state, float(found[0].energies[0]), weights


class TestWeights:
    SPACE = Space({n: IntDistribution(0, 3) for n in "abc"})
    GREEDY = DenseDQM(SPACE.starts, np.tile([0.0, -1, -2, -3], 3), np.zeros((12, 12)), 0.0)

    def problem(self, *constraints: c.Constraint) -> Problem:
        rules = [Rule(constraint, constraint.satisfied) for constraint in constraints]
        return self.SPACE, rules, ()

    def test_grow_while_no_read_keeps_the_constraints(self) -> None:
        problem = self.problem(c.exactly(1, {"a": 3, "b": 3, "c": 3}), c.forbid(a=3))
        weights = PenaltyWeights(penalty=1e-6)
        samples, _ = _sample(problem, self.GREEDY, "exact", 0, weights, n_best=1)
        assert weights.penalty == pytest.approx(9e-6)
        assert _holds(problem, samples).all()
        assert len(samples) == 1

    def test_stay_where_some_read_does(self) -> None:
        problem = self.problem(c.exactly(1, {"a": 3, "b": 3, "c": 3}))
        weights = PenaltyWeights(penalty=10.0)
        samples, _ = _sample(problem, self.GREEDY, "exact", 0, weights)
        assert weights == PenaltyWeights(penalty=10.0)
        assert _energies(problem, self.GREEDY, samples).min() == -7.0

    @pytest.mark.parametrize(("sense", "bound", "sign"), [("<=", 40, 1), (">=", 160, -1)])
    def test_of_large_sums_grow_against_what_the_reads_break(
        self, sense: Any, bound: float, sign: int
    ) -> None:
        problem = self.problem(c.linear({"a": 20, "b": 23, "c": 29}, sense, bound))
        tables = self.GREEDY
        if sense == ">=":
            tables = DenseDQM(tables.starts, -tables.linear, tables.quadratic, 0.0)
        weights = PenaltyWeights()
        samples, _ = _sample(problem, tables, "exact", 0, weights, n_best=1)
        assert list(weights.multipliers) == [0]
        assert weights.multipliers[0] * sign > 0.0
        assert _holds(problem, samples).all()
        assert len(samples)

    @pytest.mark.parametrize("seed", range(5))
    def test_start_at_the_best_bound_that_relaxation_gives(self, seed: int) -> None:
        # A knapsack whose worths add up: multipliers maximize the Lagrangian's least energy.
        rng = np.random.default_rng(seed)
        n, names = 12, [f"i{k:02}" for k in range(12)]
        weights = rng.integers(100, 1000, size=(2, n))
        bounds = weights.sum(axis=1) // 2
        space = Space({name: IntDistribution(0, 1) for name in names})
        rules = [
            c.linear(dict(zip(names, row, strict=True)), "<=", bound)
            for row, bound in zip(weights.tolist(), bounds.tolist(), strict=True)
        ]
        worth = rng.uniform(100, 1000, size=n)
        linear = np.ravel(np.stack([np.zeros(n), -worth], axis=1))
        tables = DenseDQM(space.starts, linear, np.zeros((2 * n, 2 * n)), 0.0)
        found = PenaltyWeights()
        constrained_samples(
            tables,
            make_solver("exact"),
            Moves(space, rules, (), [axis.coordinates for axis in space.axes]),
            np.zeros(n, dtype=np.intp),
            np.zeros(n, dtype=bool),
            found,
            4,
            rng,
        )

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

    def test_of_products_too(self) -> None:
        problem = self.problem(c.quadratic({("a", "b"): 1, ("b", "c"): 1}, "<=", 4))
        weights = PenaltyWeights()
        samples, _ = _sample(problem, self.GREEDY, "exact", 0, weights, n_best=4)
        assert weights.multipliers[0] > 0.0
        assert _holds(problem, samples).all()
        assert _energies(problem, self.GREEDY, samples).min() == -6.0


def test_frozen_altogether_is_the_centre_or_nothing() -> None:
    space = Space({n: IntDistribution(0, 1) for n in "ab"})
    tables = DenseDQM(space.starts, np.zeros(4), np.zeros((4, 4)), 0.0)
    for value, expected in ((0, [[0, 0]]), (1, [])):
        samples = constrained_samples(
            tables,
            make_solver("exact"),
            Moves(space, [c.forbid(a=1, b=1)], (), [axis.coordinates for axis in space.axes]),
            np.array([value, value]),
            np.ones(2, dtype=bool),
            PenaltyWeights(),
            4,
            np.random.default_rng(0),
        )
        assert samples.tolist() == expected


def test_children_are_switched_by_what_their_values_are_worth() -> None:
    space = Space({"child": IntDistribution(0, 1), "on": CategoricalDistribution([False, True])})
    conditions = declared_conditions({"child": {"on": True}}, space.search_space)
    for worth, expected in ((-2.0, [1, 1]), (-0.5, [0, 0])):
        # Being on costs 1, what child = 1 may be worth.
        tables = DenseDQM(space.starts, np.array([0.0, worth, 0.0, 1.0]), np.zeros((4, 4)), 0.0)
        samples = constrained_samples(
            tables,
            make_solver("exact"),
            Moves(space, (), conditions, [axis.coordinates for axis in space.axes]),
            np.array([0, 0]),
            np.zeros(2, dtype=bool),
            PenaltyWeights(),
            1,
            np.random.default_rng(0),
        )
        assert samples.tolist() == [expected]
