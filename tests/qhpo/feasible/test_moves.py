"""Repair and descent: feasible, fixed, and down to where no allowed change lowers the energy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import Moves
from qhpo.space import Space, declared_conditions
from tests.qhpo.strategies import (
    KINDS,
    Problem,
    conditions_over,
    every_place,
    rule_sets,
    search_spaces,
)

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
RandomDQM = Callable[..., dimod.DiscreteQuadraticModel]

TABULATED = tuple(kind for kind in KINDS if kind != "predicate")


@st.composite
def problems(draw: Any, kinds: Sequence[str] = KINDS, axes: tuple[int, int] = (2, 4)) -> Problem:
    distributions = draw(search_spaces(most=4, axes=axes))
    rules = draw(st.just([]) | rule_sets(distributions, kinds))
    return Problem(Space(distributions), rules, draw(conditions_over(distributions)))


def _moves(problem: Problem) -> Moves:
    return problem.feasible().levels


def _holds(problem: Problem, imputed: IntArray) -> list[bool]:
    return problem.holds(problem.space.at_levels(imputed)).tolist()


def _energy(problem: Problem, tables: DenseDQM, imputed: IntArray) -> float:
    return float(problem.energies(tables, imputed[None, :])[0])


def _some(space: Space, n: int, rng: np.random.Generator) -> IntArray:
    return rng.integers(space.n_levels, size=(n, len(space)))


def _fixed(space: Space, rng: np.random.Generator) -> BoolArray:
    return rng.random(len(space)) < rng.choice([0.0, 0.3])


def _is_movable(problem: Problem, imputed: IntArray, axis: int) -> bool:
    return not np.isnan(problem.active(problem.space.at_levels(imputed[None, :]))[0, axis])


@given(problems())
@settings(max_examples=60)
def test_no_violation_and_accepted_is_the_whole_truth(problem: Problem) -> None:
    moves = _moves(problem)
    imputed = every_place(problem[0].n_levels.tolist())
    imputed = imputed[np.random.default_rng(0).permutation(len(imputed))[:80]]
    violation = moves.violation(imputed)
    got = [v == 0.0 and moves.accepts(s) for v, s in zip(violation, imputed, strict=True)]
    assert got == _holds(problem, imputed)


@given(problems(TABULATED), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_changes_switch_children_on_and_off(problem: Problem, seed: int) -> None:
    space = problem[0]
    moves = _moves(problem)
    rng = np.random.default_rng(seed)
    imputed, fixed = _some(space, 5, rng), _fixed(space, rng)
    after = moves.after_change(imputed, fixed)
    columns, pairs = moves.after_pair(imputed, fixed, rng)
    for s, row in enumerate(imputed):

        def changed(*chosen: int, row: IntArray = row) -> IntArray | None:
            """The row after changes of different axes, or None if one of them is none."""
            result = row.copy()
            for column in chosen:
                axis, level = moves.block[column], moves.level[column]
                if fixed[axis] or level == row[axis] or not _is_movable(problem, row, axis):
                    return None
                result[axis] = level
            return result

        for column in range(len(moves.block)):
            one = changed(column)
            expected = np.inf if one is None else moves.violation(one[None, :])[0]
            assert after[s, column] == pytest.approx(expected, abs=1e-9)
        priced = set()
        for r, t in itertools.product(range(columns.shape[1]), repeat=2):
            first, second = int(columns[s, r]), int(columns[s, t])
            both = changed(first, second)
            if both is None or moves.block[first] == moves.block[second]:
                assert pairs[s, r, t] == np.inf
            elif np.isfinite(pairs[s, r, t]):
                expected = moves.violation(both[None, :])[0]
                assert pairs[s, r, t] == pytest.approx(expected, abs=1e-9)
                priced.add((first, second))
        # Every pair of changes is there, unless its axes are joined by nothing.
        joined = [i for i in range(len(space)) if i in moves.block[columns[s]]]
        for first, second in itertools.permutations(range(len(moves.block)), 2):
            axes = moves.block[[first, second]]
            if axes[0] != axes[1] and set(axes.tolist()) <= set(joined):
                assert ((first, second) in priced) == (changed(first, second) is not None)


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_repair_tells_the_truth_and_leaves_alone_what_it_may_not_touch(
    problem: Problem, seed: int
) -> None:
    space = problem[0]
    moves = _moves(problem)
    rng = np.random.default_rng(seed)
    imputed, fixed = _some(space, 8, rng), _fixed(space, rng)
    given_imputed = imputed.copy()
    repaired, ok = moves.repair(imputed, fixed, rng)
    np.testing.assert_array_equal(imputed, given_imputed)
    assert ok.tolist() == _holds(problem, repaired)
    np.testing.assert_array_equal(repaired[:, fixed], imputed[:, fixed])
    before = np.array(_holds(problem, imputed), dtype=bool)
    np.testing.assert_array_equal(repaired[before], imputed[before])
    assert ((repaired >= 0) & (repaired < space.n_levels)).all()


@given(problems(TABULATED), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_repair_finds_what_is_there(problem: Problem, seed: int) -> None:
    space = problem[0]
    every = every_place(space.n_levels.tolist())
    rng = np.random.default_rng(seed)
    assume(any(_holds(problem, every[rng.permutation(len(every))[:60]])))
    _, ok = _moves(problem).repair(_some(space, 30, rng), np.zeros(len(space), dtype=bool), rng)
    assert ok.any()


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_repaired_are_the_feasible_ones_once_each(problem: Problem, seed: int) -> None:
    space = problem[0]
    rng = np.random.default_rng(seed)
    imputed, fixed = _some(space, 10, rng), _fixed(space, rng)
    drawn = _moves(problem).repaired_distinct(imputed, fixed, rng)
    assert all(_holds(problem, drawn))
    # What needs no repair is there as it was.
    kept = imputed[_holds(problem, imputed)]
    assert {tuple(row) for row in kept} <= {tuple(row) for row in drawn}
    assert len(np.unique(drawn, axis=0)) == len(drawn) <= 10
    assert {tuple(row) for row in drawn[:, fixed]} <= {tuple(row) for row in imputed[:, fixed]}


@given(problems(TABULATED, axes=(2, 3)), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_descent_stays_feasible_and_ends_where_nothing_allowed_lowers_the_energy(
    random_dqm: RandomDQM, problem: Problem, seed: int
) -> None:
    space, rules, _ = problem
    moves = _moves(problem)
    rng = np.random.default_rng(seed)
    tables = DenseDQM.from_dqm(random_dqm(space.n_levels.tolist(), seed=seed % 1000))
    fixed = _fixed(space, rng)
    start, ok = moves.repair(_some(space, 6, rng), fixed, rng)
    start = start[ok]
    given_start = start.copy()
    end = moves.descend(tables, start, fixed, rng)
    np.testing.assert_array_equal(start, given_start)
    assert end.shape == start.shape
    assert all(_holds(problem, end))
    np.testing.assert_array_equal(end[:, fixed], start[:, fixed])
    # Pairs are for axes that constraints join, and that switch no other.
    several = [set(rule.constraint.names) for rule in rules if len(rule.constraint.names) > 1]
    joined = set().union(*several)
    for first, last in zip(start, end, strict=True):
        energy = _energy(problem, tables, last)
        assert energy <= _energy(problem, tables, first) + 1e-9
        movable = [i for i in range(len(space)) if not fixed[i] and _is_movable(problem, last, i)]
        sets: list[tuple[int, ...]] = [(i,) for i in movable]
        sets += itertools.combinations(
            [i for i in movable if space.axes[i].name in joined and not moves.activity.switches[i]],
            2,
        )
        for axes in sets:
            for levels in itertools.product(*(range(space.n_levels[i]) for i in axes)):
                changed = last.copy()
                changed[list(axes)] = levels
                if _holds(problem, changed[None, :])[0]:
                    assert _energy(problem, tables, changed) >= energy - 1e-9


@given(problems(("forbid", "predicate", "predicate"), axes=(2, 3)), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_descent_keeps_what_is_asked_one_by_one(
    random_dqm: RandomDQM, problem: Problem, seed: int
) -> None:
    space = problem[0]
    moves = _moves(problem)
    rng = np.random.default_rng(seed)
    tables = DenseDQM.from_dqm(random_dqm(space.n_levels.tolist(), seed=seed % 1000))
    fixed = np.zeros(len(space), dtype=bool)
    start = moves.repaired_distinct(_some(space, 6, rng), fixed, rng)
    end = moves.descend(tables, start, fixed, rng)
    assert all(_holds(problem, end))
    for first, last in zip(start, end, strict=True):
        assert _energy(problem, tables, last) <= _energy(problem, tables, first) + 1e-9


@given(problems(TABULATED, axes=(2, 3)), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_pairs_are_priced_as_if_they_were_made(
    random_dqm: RandomDQM, problem: Problem, seed: int
) -> None:
    space = problem[0]
    moves = _moves(problem)
    rng = np.random.default_rng(seed)
    tables = DenseDQM.from_dqm(random_dqm(space.n_levels.tolist(), seed=seed % 1000))
    imputed = _some(space, 4, rng)
    columns, after = moves.after_pair(imputed, np.zeros(len(space), dtype=bool), rng)
    changes = moves.pair_energy_changes(tables, imputed, columns)
    for s, r, t in np.argwhere(np.isfinite(after)):
        changed = imputed[s].copy()
        for column in (columns[s, r], columns[s, t]):
            changed[moves.block[column]] = moves.level[column]
        expected = _energy(problem, tables, changed) - _energy(problem, tables, imputed[s])
        assert changes[s, r, t] == pytest.approx(expected, abs=1e-9)


class TestWithoutRules:
    """A plain space is one without rules: every configuration is feasible."""

    SPACE = Space({n: IntDistribution(0, 3) for n in "abc"})

    def moves(self) -> Moves:
        return Moves(self.SPACE, (), (), [axis.coordinates for axis in self.SPACE.axes])

    def test_nothing_is_violated(self) -> None:
        moves, every = self.moves(), every_place([4, 4, 4])
        assert not moves.violation(every).any()
        assert moves.accepts(every[0])
        assert moves.switched(every) == []
        assert not moves.needs_pairs

    def test_only_what_is_no_change_is_excluded(self) -> None:
        moves = self.moves()
        after = moves.after_change(np.array([[0, 1, 3]]), np.array([False, True, False]))
        no, yes = np.inf, 0.0
        assert after.tolist() == [[no, yes, yes, yes, *[no] * 4, yes, yes, yes, no]]

    def test_repair_returns_what_it_gets(self) -> None:
        moves, every = self.moves(), every_place([4, 4, 4])
        rng = np.random.default_rng(0)
        before = rng.bit_generator.state
        repaired, ok = moves.repair(every, np.zeros(3, dtype=bool), rng)
        np.testing.assert_array_equal(repaired, every)
        assert ok.all()
        assert rng.bit_generator.state == before

    def test_descent_reaches_the_least_of_independent_energies(self) -> None:
        rng = np.random.default_rng(0)
        tables = DenseDQM(self.SPACE.starts, rng.normal(size=12), np.zeros((12, 12)), 0.0)
        least = tables.linear.reshape(3, 4).argmin(axis=1)
        end = self.moves().descend(tables, every_place([4, 4, 4]), np.zeros(3, dtype=bool), rng)
        np.testing.assert_array_equal(end, np.tile(least, (64, 1)))


class TestExamples:
    def test_a_permutation_needs_pairs(self, random_dqm: RandomDQM) -> None:
        space = Space({n: CategoricalDistribution([1, 2, 3, 4]) for n in "abcd"})
        levels = [axis.coordinates for axis in space.axes]
        moves = Moves(space, [c.all_different(*"abcd")], (), levels)
        assert moves.needs_pairs
        rng = np.random.default_rng(0)
        nothing = np.zeros(4, dtype=bool)
        tables = DenseDQM.from_dqm(random_dqm([4] * 4))
        start = np.array(list(itertools.permutations(range(4))))
        end = moves.descend(tables, start, nothing, rng)
        assert (np.sort(end, axis=1) == np.arange(4)).all()
        energies = tables.energies(start)
        assert tables.energies(end).min() == pytest.approx(energies.min())
        assert tables.energies(end).mean() < energies.mean() - 1.0
        repaired, ok = moves.repair(np.zeros((5, 4), dtype=np.intp), nothing, rng)
        assert ok.all()
        assert (np.sort(repaired, axis=1) == np.arange(4)).all()

    def test_repair_changes_as_little_as_it_can(self) -> None:
        space = Space({n: IntDistribution(0, 3) for n in "abc"})
        levels = [axis.coordinates for axis in space.axes]
        moves = Moves(space, [c.linear({"a": 1, "b": 1}, "<=", 3)], (), levels)
        imputed = np.tile([2, 2, 1], (20, 1))
        rng = np.random.default_rng(0)
        repaired, ok = moves.repair(imputed, np.zeros(3, dtype=bool), rng)
        assert ok.all()
        assert ((repaired != imputed).sum(axis=1) == 1).all()
        repaired, ok = moves.repair(imputed, np.array([True, False, False]), rng)
        assert ok.all()
        assert (repaired[:, 1] < 2).all()
        repaired, ok = moves.repair(imputed, np.array([True, True, False]), rng)
        assert not ok.any()
        repaired, ok = moves.repair(imputed, np.ones(3, dtype=bool), rng)
        assert not ok.any()
        np.testing.assert_array_equal(repaired, imputed)

    def test_a_child_that_is_switched_on_is_what_it_was(self) -> None:
        space = Space(
            {"child": IntDistribution(0, 3), "on": CategoricalDistribution([False, True])}
        )
        conditions = declared_conditions({"child": {"on": True}}, space.search_space)
        levels = [axis.coordinates for axis in space.axes]
        moves = Moves(space, [c.forbid(child=[0, 1])], conditions, levels)
        tables = DenseDQM(space.starts, np.array([0.0, 0, 0, -5, 0, -1]), np.zeros((6, 6)), 0.0)
        rng = np.random.default_rng(0)
        nothing = np.zeros(2, dtype=bool)
        off = np.array([[2, 0], [1, 0]])
        # From 2 the switch pays; from 1 it is not allowed, and an inactive child cannot change.
        end = moves.descend(tables, off, nothing, rng)
        assert end.tolist() == [[3, 1], [1, 0]]
        assert moves.coordinates_of(moves.activity.apply(end)).tolist()[0] == [1.0, 1.0]
        assert np.isnan(moves.coordinates_of(moves.activity.apply(end))[1, 0])

    def test_conditions_know_the_values_of_stepped_floats(self) -> None:
        space = Space({"child": IntDistribution(0, 1), "drop": FloatDistribution(0, 0.5, step=0.1)})
        conditions = declared_conditions({"child": {"drop": [0.3, 0.5]}}, space.search_space)
        levels = [axis.coordinates for axis in space.axes]
        moves = Moves(space, (), conditions, levels)
        imputed = np.array([[1, level] for level in range(6)])
        active = moves.activity.apply(imputed)[:, 0] == 1
        assert active.tolist() == [False, False, False, True, False, True]
        assert conditions[0].is_active({"drop": 3 * 0.1})
