"""Annealed starts: in the region, allowed, and the optimum where the solver is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest import mock

import dimod
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet, PenaltyWeights
from qhpo.solvers import Reads, SolverReport, make_solver
from qhpo.space import Space, declared_conditions
from qhpo.suggest.anneal import Annealed, annealed, low_energies, pulled_back, with_toll
from qhpo.suggest.settings import Settings
from tests.qhpo.known import KnownValues, random_tables
from tests.qhpo.strategies import (
    PENALIZED,
    Problem,
    Rule,
    every_place,
    small_problems,
)
from tests.qhpo.suggest.searches import Where, everywhere, make_search

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EXACT = make_solver("exact")
PLAIN = Space(
    {name: IntDistribution(0, n) for name, n in zip("abcde", (2, 1, 3, 0, 2), strict=True)}
)
EVERY = every_place(PLAIN.n_levels.tolist())
D = len(PLAIN)

seeds = st.integers(0, 2**32 - 1)
masks = st.lists(st.booleans(), min_size=D, max_size=D).map(np.array)
radii = st.integers(0, D)


class _Solver:
    """Counts its calls, and solves exactly or reads at random."""

    name = "counting"

    def __init__(self, is_exact: bool, is_costly: bool = False) -> None:
        self.is_costly = is_costly
        self.calls = 0
        self._is_exact = is_exact

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        self.calls += 1
        if self._is_exact:
            return EXACT.reads(tables, seed)
        cases = np.random.default_rng(seed).integers(tables.sizes, size=(4, tables.n_variables))
        return Reads.of(tables, cases, SolverReport("counting", 1, 0, 0, 4, 4))


class _JointSolver(_Solver):
    """Solves any number of models in one call."""

    def reads_of_many(self, models: Sequence[DenseDQM], seed: int) -> list[Reads]:
        answers = [self.reads(tables, seed) for tables in models]
        self.calls -= len(models) - 1
        return answers


def _holds(problem: Problem, levels: IntArray) -> BoolArray:
    return problem.holds(problem.space.at_levels(levels))


def _sample(
    problem: Problem,
    tables: DenseDQM,
    solver: Any,
    seed: int,
    weights: PenaltyWeights | None = None,
    fixed: BoolArray | None = None,
    n_best: int = 16,
) -> tuple[IntArray, IntArray]:
    """Low energies, and the centre."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(problem.space.n_levels)
    fixed = np.zeros(len(centre), dtype=bool) if fixed is None else fixed
    weights = weights or PenaltyWeights()
    moves = problem.feasible().levels
    part = Annealed(tables, moves, centre, fixed)
    return low_energies([part], solver, weights, n_best, rng)[0], centre


class TestToll:
    @given(seeds, masks, radii)
    def test_is_the_same_for_every_axis_that_leaves_the_centre(
        self, seed: int, fixed: BoolArray, radius: int
    ) -> None:
        rng = np.random.default_rng(seed)
        tables, centre = random_tables(PLAIN, rng), rng.integers(PLAIN.n_levels)
        inside = EVERY[(centre == EVERY)[:, fixed].all(axis=1)]
        tolled = with_toll(tables, centre, fixed, radius)
        extra = tolled.energies(inside) - tables.energies(inside)
        extra -= extra[(inside == centre).all(axis=1)]
        distance = (inside != centre).sum(axis=1)
        toll = float(extra[distance == 1].mean()) if (distance == 1).any() else 0.0
        assert toll >= -1e-9
        np.testing.assert_allclose(extra, toll * distance, atol=1e-9)
        if radius >= (~fixed).sum():
            np.testing.assert_array_equal(extra, 0.0)
        # About as many axes as the radius says are worth it.
        one_change = inside[distance == 1]
        gains = tolled.energies(centre[None, :])[0] - tolled.energies(one_change)
        worth = one_change[gains > 1e-9]
        assert (worth != centre).any(axis=0).sum() <= radius

    @given(seeds, radii)
    def test_what_is_beyond_the_radius_gives_up_its_least_changes(
        self, seed: int, radius: int
    ) -> None:
        rng = np.random.default_rng(seed)
        tables, centre = random_tables(PLAIN, rng), rng.integers(PLAIN.n_levels)
        kept = pulled_back(tables, EVERY, centre, radius)
        for before, after in zip(EVERY, kept, strict=True):
            changed = np.flatnonzero(before != centre)
            assert set(after[after != before]) <= set(centre)
            assert (after != centre).sum() == min(radius, len(changed))
            # What one change alone gains, given the others, decides.
            gains = []
            for i in changed:
                without = before.copy()
                without[i] = centre[i]
                gains.append(np.diff(tables.energies(np.array([before, without])))[0])
            stay = (after != centre)[changed]
            if stay.any() and not stay.all():
                assert np.array(gains)[stay].min() >= np.array(gains)[~stay].max() - 1e-9


class TestLowEnergies:
    @pytest.mark.parametrize(("solver", "n_examples"), [("exact", 40), ("neal", 15)])
    def test_keep_the_constraints(self, solver: str, n_examples: int) -> None:
        n_found = []

        @given(small_problems(), seeds)
        @settings(max_examples=n_examples)
        def check(problem: Problem, seed: int) -> None:
            rng = np.random.default_rng(seed)
            fixed = rng.random(len(problem.space)) < 0.2
            tables = random_tables(problem.space, rng)
            found, centre = _sample(
                problem, tables, make_solver(solver), seed, fixed=fixed, n_best=6
            )
            assert found.shape == (min(len(found), 6), len(problem.space))
            assert _holds(problem, found).all()
            assert (found == centre)[:, fixed].all()
            n_found.append(len(found))

        check()
        assert np.mean(np.array(n_found) > 0) > 0.5

    @given(small_problems(PENALIZED), seeds)
    @settings(max_examples=60)
    def test_reach_the_optimum(self, problem: Problem, seed: int) -> None:
        rng = np.random.default_rng(seed)
        tables = random_tables(problem.space, rng)
        fixed = rng.random(len(problem.space)) < 0.1
        weights = PenaltyWeights(penalty=1e3)
        found, centre = _sample(problem, tables, EXACT, seed, weights, fixed)
        # What would need a large slack is weighted instead, without a promise.
        assume(not weights.multipliers)
        every = every_place(problem.space.n_levels.tolist())
        every = every[(every == centre)[:, fixed].all(axis=1)]
        every = every[_holds(problem, every)]
        assert bool(len(found)) is bool(len(every))
        if len(every):
            lowest = problem.energies(tables, every).min()
            assert problem.energies(tables, found).min() == pytest.approx(lowest, abs=1e-9)

    @given(seeds)
    @settings(max_examples=30)
    def test_cannot_be_lowered_by_one_change(self, seed: int) -> None:
        tables = random_tables(PLAIN, np.random.default_rng(seed))
        found, _ = _sample(Problem(PLAIN, [], ()), tables, _Solver(is_exact=False), seed)
        assert len(found)
        around = EVERY[(EVERY[:, None] != found).sum(axis=2).min(axis=1) == 1]
        for one in found:
            neighbours = around[(around != one).sum(axis=1) == 1]
            assert tables.energies(one[None, :])[0] <= tables.energies(neighbours).min()

    def test_of_a_solver_without_an_answer_are_none(self) -> None:
        problem = Problem(PLAIN, [], ())
        tables = random_tables(PLAIN, np.random.default_rng(0))
        found, _ = _sample(problem, tables, make_solver(dimod.NullSampler()), 0)
        assert found.shape == (0, D)

    def test_of_what_is_fixed_altogether_are_the_centre_or_nothing(self) -> None:
        space = Space({n: IntDistribution(0, 1) for n in "ab"})
        problem = Problem(space, [Rule(c.forbid(a=1, b=1), lambda p: True)], ())
        tables = random_tables(space, np.random.default_rng(0))
        for seed in range(10):
            found, centre = _sample(problem, tables, EXACT, seed, fixed=np.ones(2, dtype=bool))
            assert found.tolist() == ([] if centre.all() else [centre.tolist()])


class TestWeights:
    SPACE = Space({n: IntDistribution(0, 3) for n in "abc"})
    GREEDY = DenseDQM(SPACE.starts, np.tile([0.0, -1, -2, -3], 3), np.zeros((12, 12)), 0.0)

    def problem(self, *constraints: c.Constraint) -> Problem:
        rules = [Rule(constraint, constraint.satisfied) for constraint in constraints]
        return Problem(self.SPACE, rules, ())

    def test_grow_while_no_read_keeps_the_constraints(self) -> None:
        problem = self.problem(c.exactly(1, {"a": 3, "b": 3, "c": 3}), c.forbid(a=3))
        weights = PenaltyWeights(penalty=1e-6)
        found, _ = _sample(problem, self.GREEDY, EXACT, 0, weights, n_best=1)
        assert weights.penalty == pytest.approx(9e-6)
        assert _holds(problem, found).tolist() == [True]

    def test_stay_where_some_read_does(self) -> None:
        problem = self.problem(c.exactly(1, {"a": 3, "b": 3, "c": 3}))
        weights = PenaltyWeights(penalty=10.0)
        found, _ = _sample(problem, self.GREEDY, EXACT, 0, weights)
        assert weights == PenaltyWeights(penalty=10.0)
        assert problem.energies(self.GREEDY, found).min() == -7.0

    @pytest.mark.parametrize(("sense", "bound", "sign"), [("<=", 40, 1), (">=", 160, -1)])
    def test_of_large_sums_grow_against_what_the_reads_break(
        self, sense: Any, bound: float, sign: int
    ) -> None:
        problem = self.problem(c.linear({"a": 20, "b": 23, "c": 29}, sense, bound))
        tables = self.GREEDY
        if sense == ">=":
            tables = DenseDQM(tables.starts, -tables.linear, tables.quadratic, 0.0)
        weights = PenaltyWeights()
        found, _ = _sample(problem, tables, EXACT, 0, weights, n_best=1)
        assert list(weights.multipliers) == [0]
        assert weights.multipliers[0] * sign > 0.0
        assert _holds(problem, found).tolist() == [True]

    def test_of_products_too(self) -> None:
        problem = self.problem(c.quadratic({("a", "b"): 1, ("b", "c"): 1}, "<=", 4))
        weights = PenaltyWeights()
        found, _ = _sample(problem, self.GREEDY, EXACT, 0, weights, n_best=4)
        assert weights.multipliers[0] > 0.0
        assert _holds(problem, found).all()
        assert problem.energies(self.GREEDY, found).min() == -6.0


class TestAnnealed:
    @given(small_problems(), seeds, st.sampled_from(["exact", "random"]), st.sampled_from([4, 400]))
    @settings(max_examples=60)
    def test_stay_in_the_region(
        self, problem: Problem, seed: int, solver: str, most_levels: int
    ) -> None:
        space, rng = problem.space, np.random.default_rng(seed)
        feasible, d = problem.feasible(), len(problem.space)
        (centre,) = problem.active(space.at_levels(rng.integers(space.n_levels))[None, :])
        fixed = (rng.random(d) < rng.choice([0.0, 0.4])) & ~np.isnan(centre)
        where = Where(centre, centre[None, :], fixed, int(rng.integers(d + 1)))
        members = [random_tables(space, rng) for _ in range(2)]
        search = make_search(feasible, where, centre[None, :], members)
        with mock.patch("qhpo.suggest.anneal._MOST_LEVELS", most_levels):
            found = annealed(search, _Solver(solver == "exact"), Settings(), 2, rng)
        # Of two means and two draws, two reads each.
        assert len(found) <= 8
        x = search.occurring.coordinates(found)
        np.testing.assert_array_equal(x, problem.active(np.where(np.isnan(x), 0.0, x)))
        assert problem.holds(x).all()
        is_active = ~np.isnan(x[:, fixed])
        kept = np.broadcast_to(centre[fixed], is_active.shape)
        np.testing.assert_array_equal(x[:, fixed][is_active], kept[is_active])
        if feasible.is_plain:
            # Axes of more levels than are annealed at most stay as they are.
            assert len(found) >= 4 or most_levels == 4
            assert (where.distance(x) <= where.radius).all()

    def test_keep_values_between_levels_and_what_is_inactive(self) -> None:
        space = Space(
            {
                "on": CategoricalDistribution([False, True]),
                "rate": FloatDistribution(0, 1),
                "width": IntDistribution(0, 2),
            }
        )
        conditions = declared_conditions({"width": {"on": True}}, space.search_space)
        centre = np.array([0.0, 0.12345, np.nan])
        where = Where(centre, centre[None, :], np.array([False, True, False]), 3)
        # Being on costs, and then does not.
        for cost, expected in ((1.0, [0.0, 0.12345, np.nan]), (-1.0, [1.0, 0.12345, 0.5])):
            linear = np.zeros(int(space.starts[-1]))
            linear[1], linear[-2] = cost, -0.5
            tables = DenseDQM(space.starts, linear, np.zeros((len(linear), len(linear))), 0.0)
            search = make_search(FeasibleSet(space, (), conditions), where, centre[None, :], tables)
            found = annealed(search, EXACT, Settings(), 1, np.random.default_rng(0))
            np.testing.assert_array_equal(
                search.occurring.coordinates(found), np.tile(expected, (len(found), 1))
            )
            assert len(found)

    @pytest.mark.parametrize(
        ("n_axes", "constraints", "is_costly", "anneal_means", "n_means", "n_draws"),
        [
            (5, [], False, True, 3, 2),
            (5, [], False, False, 0, 2),
            (5, [], True, True, 1, 1),
            (130, [], False, True, 1, 1),
            (24, [c.forbid(x0=1)], False, True, 3, 2),
            (25, [c.forbid(x0=1)], False, True, 1, 1),
        ],
    )
    def test_are_fewer_where_each_takes_long_or_costs_something(
        self,
        n_axes: int,
        constraints: list[c.Constraint],
        is_costly: bool,
        anneal_means: bool,
        n_means: int,
        n_draws: int,
    ) -> None:
        space = Space({f"x{i}": IntDistribution(0, 1) for i in range(n_axes)})
        rng = np.random.default_rng(0)
        members = [random_tables(space, rng) for _ in range(3)]
        x = np.zeros((1, n_axes))
        feasible = FeasibleSet(space, constraints)
        search = make_search(feasible, everywhere(space, x[0]), x, members)
        solver = _Solver(is_exact=False, is_costly=is_costly)
        annealed(search, solver, Settings(anneal_means=anneal_means), 2, rng)
        assert isinstance(search.surrogate, KnownValues)
        asked = [kind for kind, _ in search.surrogate.asked]
        assert asked == ["mean"] * n_means + ["draw"] * n_draws
        assert solver.calls >= len(asked)
        # No mean is annealed twice.
        means = [member for kind, member in search.surrogate.asked if kind == "mean"]
        assert len(set(means)) == n_means

    @pytest.mark.parametrize(("is_costly", "n_calls"), [(True, 1), (False, 5)])
    def test_share_a_call_where_each_costs_something(self, is_costly: bool, n_calls: int) -> None:
        space = Space({f"x{i}": IntDistribution(0, 2) for i in range(5)})
        rng = np.random.default_rng(0)
        members = [random_tables(space, rng) for _ in range(3)]
        x = np.zeros((1, 5))
        search = make_search(FeasibleSet(space), everywhere(space, x[0]), x, members)
        solver = _JointSolver(is_exact=True, is_costly=is_costly)
        found = annealed(search, solver, Settings(), 2, rng)
        assert isinstance(search.surrogate, KnownValues)
        assert solver.calls == n_calls
        # Each model's best is among them, whichever call it came from.
        levels = {tuple(row) for row in found.tolist()}
        for _, member in search.surrogate.asked:
            assert tuple(EXACT.reads(members[member], 0).cases[0].tolist()) in levels
