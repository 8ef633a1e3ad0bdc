"""The exact search: finds what is left, proves that nothing is, names conflicts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.feasible.milp import ExactSearch, smallest_conflict
from qhpo.space import Condition, Space, declared_conditions
from tests.qhpo.strategies import (
    EXACT_STEPS,
    KINDS,
    Rule,
    conditions_over,
    every_params,
    feasible_configurations,
    rule_sets,
    search_spaces,
)

FloatArray = NDArray[np.float64]


@contextmanager
def _recorded_solves() -> Iterator[list[dict[str, Any]]]:
    """The options of every program that is solved."""
    solves: list[dict[str, Any]] = []

    def recording(*args: Any, options: dict[str, Any], **named: Any) -> Any:
        solves.append(dict(options))
        return scipy.optimize.milp(*args, options=options, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qhpo.feasible.milp.milp", recording)
        yield solves


@st.composite
def problems(draw: Any, most: int = 4) -> tuple[Space, list[Rule], tuple[Condition, ...]]:
    distributions = draw(search_spaces(most=most, axes=(2, 3)))
    conditions = draw(st.just(()) | conditions_over(distributions))
    return Space(distributions), draw(rule_sets(distributions)), conditions


def _search(problem: tuple[Space, list[Rule], tuple[Condition, ...]]) -> ExactSearch:
    space, rules, conditions = problem
    return ExactSearch(space, [rule.constraint for rule in rules], conditions)


def _free(space: Space) -> FloatArray:
    return np.full(len(space), np.nan)


def _none(space: Space) -> FloatArray:
    return np.empty((0, len(space)))


@given(problems(), st.integers(0, 99))
@settings(max_examples=35)
def test_finds_every_configuration_and_then_proves_that_none_is_left(
    problem: tuple[Space, list[Rule], tuple[Condition, ...]], seed: int
) -> None:
    space, rules, conditions = problem
    search = _search(problem)
    assert search.is_finite
    left = feasible_configurations(space, rules, conditions)
    rng = np.random.default_rng(seed)
    taken: list[FloatArray] = []
    for _ in range(min(len(left), 8)):
        found = search.find(_free(space), np.array(taken).reshape(-1, len(space)), rng)
        assert found.coordinates is not None
        assert not found.is_proof
        # It is feasible and not taken.
        params = left.pop(space.key(found.coordinates))
        assert space.decode(found.coordinates) == params
        taken.append(found.coordinates)
    rest = [space.encode(params) for params in left.values()]
    found = search.find(_free(space), np.array(taken + rest).reshape(-1, len(space)), rng)
    assert found.coordinates is None
    assert found.is_proof


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_agrees_with_enumeration_under_frozen_values(
    problem: tuple[Space, list[Rule], tuple[Condition, ...]], seed: int
) -> None:
    space, rules, conditions = problem
    rng = np.random.default_rng(seed)
    frozen = np.array([rng.choice(axis.coordinates) for axis in space.axes])
    frozen[rng.random(len(space)) < 0.5] = np.nan
    fixed = {
        axis.name: axis.value(x)
        for axis, x in zip(space.axes, frozen.tolist(), strict=True)
        if not np.isnan(x)
    }
    every = feasible_configurations(space, rules, conditions)
    # What is frozen but inactive does not matter.
    agreeing = [
        params
        for params in every.values()
        if all(params.get(name, value) == value for name, value in fixed.items())
    ]
    found = _search(problem).find(frozen, _none(space), rng)
    assert (found.coordinates is not None) is bool(agreeing)
    if found.coordinates is None:
        assert found.is_proof
    else:
        assert space.decode(found.coordinates) in agreeing


@given(st.data())
@settings(max_examples=40)
def test_what_can_be_tabulated_needs_no_cuts(data: st.DataObject) -> None:
    kinds = [kind for kind in KINDS if kind != "predicate"]
    chosen = data.draw(st.sampled_from([kinds, ["quadratic"]]))
    numeric = chosen == ["quadratic"]
    distributions = data.draw(search_spaces(EXACT_STEPS, most=4, axes=(2, 3), numeric=numeric))
    rules = data.draw(rule_sets(distributions, chosen))
    space = Space(distributions)
    search = ExactSearch(space, [rule.constraint for rule in rules])
    with _recorded_solves() as solves:
        found = search.find(_free(space), _none(space), np.random.default_rng(0))
    assert len(solves) == 1
    if feasible_configurations(space, rules):
        assert found.coordinates is not None
        assert all(rule.holds(space.decode(found.coordinates)) for rule in rules)
    else:
        assert found.is_proof


@given(st.data())
@settings(max_examples=20)
def test_names_a_smallest_conflict(data: st.DataObject) -> None:
    distributions = data.draw(search_spaces(most=3, axes=(2, 3)))
    space = Space(distributions)
    rules = data.draw(
        st.lists(st.one_of([rule_sets(distributions, most=1)] * 2), min_size=3, max_size=6)
    )
    flat = [rule for (rule,) in rules]
    every = list(every_params(space))

    def conflict(chosen: Sequence[c.Constraint]) -> bool:
        return not any(all(rule.satisfied(params) for rule in chosen) for params in every)

    constraints = [rule.constraint for rule in flat]
    # Until they conflict: leave out what is allowed.
    frozen = _free(space)
    while not conflict(constraints):
        params = next(p for p in every if all(rule.satisfied(p) for rule in constraints))
        constraints.append(c.forbid(dict(list(params.items())[:2])))
    named = smallest_conflict(space, constraints, (), frozen)
    assert conflict(named)
    for size in range(len(named)):
        assert not any(map(conflict, itertools.combinations(named, size)))


class TestNumbers:
    """Floats without step and integers of many values are columns of their own."""

    def find(
        self, space: Space, *constraints: c.Constraint, frozen: FloatArray | None = None
    ) -> dict[str, Any] | None:
        search = ExactSearch(space, constraints)
        frozen = _free(space) if frozen is None else frozen
        found = search.find(frozen, _none(space), np.random.default_rng(0))
        if found.coordinates is None:
            assert found.is_proof
            return None
        params = space.decode(found.coordinates)
        assert all(constraint.satisfied(params) for constraint in constraints)
        return params

    def test_shares_that_sum_to_one(self) -> None:
        space = Space({n: FloatDistribution(0.0, 1.0) for n in "abc"})
        total = c.linear({"a": 1, "b": 1, "c": 1}, "==", 1)
        found = self.find(space, total, c.linear({"a": 1, "b": -1}, ">=", 0.9))
        assert found is not None
        assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
        assert self.find(space, total, c.linear({"a": 1, "b": -1}, ">=", 1.01)) is None

    def test_logarithmic_floats_count_in_their_own_units(self) -> None:
        space = Space(
            {"x": FloatDistribution(1e-5, 1.0, log=True), "y": FloatDistribution(1.0, 9.0)}
        )
        found = self.find(space, c.linear({"x": 1000, "y": 1}, "==", 1.5))
        assert found is not None
        assert found["x"] <= 5e-4 + 1e-9

    def test_diophantine_equations_over_wide_integers(self) -> None:
        space = Space({n: IntDistribution(0, 100_000) for n in "ab"})
        found = self.find(
            space, c.linear({"a": 17, "b": -19}, "==", 1), c.linear({"a": 1}, ">=", 999)
        )
        assert found is not None
        assert found["a"] % 19 == 9
        assert self.find(space, c.linear({"a": 6, "b": 10}, "==", 30_001)) is None

    def test_steps_of_wide_integers_and_floats(self) -> None:
        space = Space(
            {
                "f": FloatDistribution(0.05, 100.05, step=0.1),
                "n": IntDistribution(3, 9003, step=3),
            }
        )
        found = self.find(space, c.linear({"f": 10, "n": 1}, "==", 1000.5))
        assert found is not None
        assert self.find(space, c.linear({"f": 10, "n": 1}, "==", 1000.2)) is None

    def test_numbers_beside_categories(self) -> None:
        space = Space(
            {
                "on": CategoricalDistribution([False, True]),
                "n": IntDistribution(0, 5),
                "x": FloatDistribution(0.0, 1.0),
            }
        )
        # Without `on` the sum is at most 6.
        total = c.linear({"on": 10, "n": 1, "x": 1}, ">=", 6.5)
        found = self.find(space, total, c.linear({"n": 1, "x": 1}, "<=", 1.25))
        assert found is not None
        assert found["on"] is True
        assert self.find(space, total, c.forbid(on=True)) is None

    @pytest.mark.parametrize(("x", "possible"), [(0.123456, True), (0.7, False)])
    def test_a_frozen_number_keeps_its_value(self, x: float, possible: bool) -> None:
        space = Space({n: FloatDistribution(0.0, 1.0) for n in "xy"})
        frozen = np.array([x, np.nan])
        found = self.find(space, c.linear({"x": 2, "y": 1}, "==", 1), frozen=frozen)
        assert (found is not None) is possible
        if found is not None:
            assert found["x"] == x

    def test_a_frozen_value_between_the_levels_is_searched_exactly(self) -> None:
        space = Space({"n": IntDistribution(0, 9), "x": FloatDistribution(0.0, 1.0)})
        frozen = space.encode({"x": 0.123})
        rule = c.relation(("x", "n"), lambda x, n: x == 0.123 and n == 2)
        assert self.find(space, rule, frozen=frozen) == {"n": 2, "x": 0.123}
        rules = rule, c.quadratic({("n", "x"): 1}, ">=", 0.3)
        assert self.find(space, *rules, frozen=frozen) is None
        # Neither is alone in conflict with what is frozen, though both are at the levels.
        assert smallest_conflict(space, rules, (), frozen) == rules

    def test_between_the_levels_nothing_is_proven(self) -> None:
        space = Space({n: FloatDistribution(0.0, 1.0) for n in "xy"})
        search = ExactSearch(space, [c.quadratic({("x", "y"): 1}, "==", 0.1234)])
        found = search.find(_free(space), _none(space), np.random.default_rng(0))
        assert not found.is_proof

    @pytest.mark.parametrize("allowed", [(7, 4321, 9999), ()])
    def test_what_one_rule_leaves_of_a_wide_range_is_searched_exactly(
        self, allowed: tuple[int, ...]
    ) -> None:
        space = Space({"n": IntDistribution(0, 10_000), "k": IntDistribution(0, 1)})
        rules = [c.relation(("n",), lambda n: n in allowed), c.forbid(n=7, k=1)]
        search, rng = ExactSearch(space, rules), np.random.default_rng(0)
        assert search.is_finite
        seen = _none(space)
        while (found := search.find(_free(space), seen, rng)).coordinates is not None:
            seen = np.vstack([seen, found.coordinates])
        assert found.is_proof
        params = sorted((p["n"], p["k"]) for p in map(space.decode, seen))
        assert params == [(n, k) for n in allowed for k in (0, 1) if (n, k) != (7, 1)]
        beyond = search.find(space.encode({"n": 8}), _none(space), rng)
        assert (beyond.coordinates, beyond.is_proof) == (None, True)

    def test_what_rules_name_is_searched_in_wide_ranges_too(self) -> None:
        space = Space({"n": IntDistribution(0, 10**6), "k": IntDistribution(0, 1)})
        rules = [c.requires({"k": [0, 1]}, {"n": 123_457}), c.forbid(k=0)]
        assert self.find(space, *rules) == {"n": 123_457, "k": 1}

    def test_a_space_of_many_values_does_not_run_out(self) -> None:
        space = Space({"n": IntDistribution(0, 100_000), "k": CategoricalDistribution(["p", "q"])})
        search = ExactSearch(space, [c.forbid(k="p")])
        assert not search.is_finite
        rng = np.random.default_rng(0)
        first = search.find(_free(space), _none(space), rng).coordinates
        assert first is not None
        again = search.find(_free(space), first[None, :], rng)
        assert again.coordinates is not None
        assert not again.is_proof

    @given(st.integers(0, 2**32 - 1))
    @settings(max_examples=15)
    def test_random_integer_programs(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        space = Space(
            {
                "a": IntDistribution(-20, 20),
                "b": FloatDistribution(0.0, 3.0, step=0.1),
                "c": IntDistribution(0, 600),
                "k": CategoricalDistribution([1, 5]),
            }
        )
        constraints = [
            c.linear(
                dict(zip("abck", rng.integers(-3, 4, size=4).tolist(), strict=True)),
                str(rng.choice(["<=", ">=", "=="])),
                int(rng.integers(-40, 60)),
            )
            for _ in range(2)
        ]
        grids = np.meshgrid(
            *(np.array([ax.value(x) for x in ax.every_coordinate()]) for ax in space.axes),
            indexing="ij",
        )
        allowed = np.ones(grids[0].shape, dtype=bool)
        for constraint in constraints:
            by_name = dict(constraint.coefficients)
            total = sum(by_name[n] * grid for n, grid in zip("abck", grids, strict=True))
            low, high = total - constraint.bound, constraint.bound - total
            allowed &= (high >= -1e-9) | (constraint.sense == ">=")
            allowed &= (low >= -1e-9) | (constraint.sense == "<=")
        found = self.find(space, *constraints)
        assert (found is not None) is bool(allowed.any())


class TestNarrowParts:
    """Wide ranges of which linear constraints leave few values are searched to the last."""

    WIDE = Space(
        {
            "f": FloatDistribution(0.05, 100.05, step=0.1),
            "g": IntDistribution(1, 4000, log=True),
            "k": CategoricalDistribution([0, 700]),
            "n": IntDistribution(-3000, 6000, step=3),
        }
    )
    RULES = (
        c.linear({"f": 10, "n": 1, "k": 1}, "==", 1000.5),
        c.linear({"f": 1}, "<=", 0.45),
        c.linear({"g": 2, "k": -0.01}, "<=", 6.5),
    )

    def expected(self) -> set[tuple[Any, ...]]:
        found = set()
        for tenths, k, g in itertools.product(range(5), (0, 700), range(1, 9)):
            f = 0.05 + tenths * 0.1
            n = round(1000.5 - 10 * f - k)
            if (n + 3000) % 3 == 0 and 2 * g - 0.01 * k <= 6.5:
                found.add((round(f, 2), g, k, n))
        return found

    def every(
        self, search: ExactSearch, frozen: FloatArray, taken: list[FloatArray]
    ) -> set[tuple[Any, ...]]:
        """All that is found, one after the other, until nothing is left."""
        space, rng = search.space, np.random.default_rng(0)
        found: set[tuple[Any, ...]] = set()
        taken = list(taken)
        while True:
            one = search.find(frozen, np.array(taken).reshape(-1, len(space)), rng)
            if one.coordinates is None:
                assert one.is_proof
                return found
            params = space.decode(one.coordinates)
            key = (round(params["f"], 2), params["g"], params["k"], params["n"])
            assert key not in found
            found.add(key)
            taken.append(one.coordinates)

    def test_every_configuration_is_found_and_then_none(self) -> None:
        search = ExactSearch(self.WIDE, self.RULES)
        assert search.is_finite
        assert len(self.expected()) > 10
        assert self.every(search, _free(self.WIDE), []) == self.expected()

    def test_what_is_taken_beyond_them_takes_nothing_away(self) -> None:
        search = ExactSearch(self.WIDE, self.RULES)
        beyond = [
            self.WIDE.encode({"f": f, "g": 9, "k": 0, "n": n}) for f, n in ((9.05, 0), (0.05, 6000))
        ]
        assert self.every(search, _free(self.WIDE), beyond) == self.expected()

    def test_frozen_values_inside_and_beyond(self) -> None:
        search = ExactSearch(self.WIDE, self.RULES)
        inside = {key for key in self.expected() if key[1] == 2}
        assert self.every(search, self.WIDE.encode({"g": 2}), []) == inside
        assert self.every(search, self.WIDE.encode({"g": 999}), []) == set()

    @pytest.mark.parametrize(("width", "is_finite"), [(511, True), (512, False)])
    def test_only_few_values_are_cases(self, width: int, is_finite: bool) -> None:
        space = Space({"n": IntDistribution(0, 10_000_000)})
        between = c.linear({"n": 1}, ">=", 4_000_000), c.linear({"n": 1}, "<=", 4_000_000 + width)
        search = ExactSearch(space, between)
        assert search.is_finite is is_finite
        found = search.find(_free(space), _none(space), np.random.default_rng(0)).coordinates
        assert found is not None
        assert 4_000_000 <= space.decode(found)["n"] <= 4_000_000 + width

    @pytest.mark.parametrize("other", [IntDistribution(0, 5000), FloatDistribution(0.0, 1.0)])
    def test_one_that_stays_wide_keeps_the_space_infinite(self, other: Any) -> None:
        space = Space({"n": IntDistribution(0, 5000), "other": other})
        search = ExactSearch(space, [c.linear({"n": 1}, "<=", 3)])
        assert not search.is_finite
        found = search.find(_free(space), _none(space), np.random.default_rng(0)).coordinates
        assert found is not None
        assert not search.find(_free(space), found[None, :], np.random.default_rng(0)).is_proof

    def test_what_has_no_solution_is_proven(self) -> None:
        space = Space({n: IntDistribution(0, 5000) for n in "ab"})
        rules = c.linear({"a": 1, "b": 1}, "<=", 9), c.linear({"a": 1, "b": -1}, ">=", 10)
        found = ExactSearch(space, rules).find(_free(space), _none(space), np.random.default_rng(0))
        assert (found.coordinates, found.is_proof) == (None, True)


class TestCuts:
    """What no linear program says is checked and cut off."""

    def test_predicates(self) -> None:
        space = Space({n: IntDistribution(0, 2) for n in "abc"})
        only = {"a": 2, "b": 0, "c": 1}
        search = ExactSearch(space, [c.predicate(lambda p: p == only)])
        rng = np.random.default_rng(0)
        found = search.find(_free(space), _none(space), rng)
        assert found.coordinates is not None
        assert space.decode(found.coordinates) == only
        found = search.find(_free(space), found.coordinates[None, :], rng)
        assert (found.coordinates, found.is_proof) == (None, True)

    def test_relations_too_large_for_a_table(self) -> None:
        space = Space({n: IntDistribution(0, 299) for n in "ab"})
        search = ExactSearch(space, [c.relation(("a", "b"), lambda a, b: (a + b) % 7 == 0)])
        found = search.find(_free(space), _none(space), np.random.default_rng(0))
        assert found.coordinates is not None
        assert sum(space.decode(found.coordinates).values()) % 7 == 0

    def test_a_cut_where_a_child_is_inactive_spares_where_it_is_active(self) -> None:
        # 0.1 + 0.2 exceeds 0.3 by a rounding error, which no linear program sees: it is cut off.
        # With the child, which takes 1 away, the same two values are the only way.
        space = Space(
            {
                "child": IntDistribution(-1, -1),
                "on": CategoricalDistribution([False, True]),
                "x": FloatDistribution(0.1, 0.1),
                "y": FloatDistribution(0.2, 0.2),
            }
        )
        conditions = declared_conditions({"child": {"on": True}}, space.search_space)
        constraints = [c.linear({"x": 1, "y": 1, "child": 1}, "<=", 0.3)]
        search = ExactSearch(space, constraints, conditions)
        for seed in range(5):
            found = search.find(_free(space), _none(space), np.random.default_rng(seed))
            assert found.coordinates is not None
            assert space.decode(found.coordinates)["on"] is True


class TestBounds:
    """A search ends after so much work, by counts, and then proves nothing."""

    # Equal halves of five sums of forty numbers (the market split of Cornuejols, Dawande 1998).
    NAMES = tuple(f"x{i:02}" for i in range(40))
    SPACE = Space({name: IntDistribution(0, 1) for name in NAMES})

    def hard(self) -> list[c.Constraint]:
        weights = np.random.default_rng(0).integers(0, 100, size=(5, 40)).tolist()
        return [c.linear(dict(zip(self.NAMES, w, strict=True)), "==", sum(w) // 2) for w in weights]

    def find(self, constraints: Sequence[c.Constraint]) -> tuple[Any, list[dict[str, Any]]]:
        search = ExactSearch(self.SPACE, constraints)
        with _recorded_solves() as solves:
            found = search.find(_free(self.SPACE), _none(self.SPACE), np.random.default_rng(0))
        return found, solves

    def test_a_hard_program_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 100_000)
        found, solves = self.find(self.hard())
        assert (found.coordinates, found.is_proof) == (None, False)
        assert self.find(self.hard()) == (found, solves)

    def test_cuts_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 500_000)
        found, solves = self.find([c.predicate(lambda p: False)])
        assert (found.coordinates, found.is_proof) == (None, False)
        assert 1 < len(solves) < 20
        # What one has spent the next has no more.
        limits = [options["node_limit"] for options in solves]
        assert limits == sorted(limits, reverse=True)
        assert limits[-1] < limits[0]

    def test_the_first_node_is_always_solved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 0)
        found, solves = self.find([c.exactly(20, dict.fromkeys(self.NAMES, 1))])
        assert found.coordinates is not None
        assert [options["node_limit"] for options in solves] == [1]

    def test_no_clock_decides(self) -> None:
        space = Space({"n": IntDistribution(0, 9000), "m": IntDistribution(0, 9)})
        with _recorded_solves() as solves:
            search = ExactSearch(space, [c.linear({"n": 1, "m": 7}, "<=", 70)])
            search.find(_free(space), _none(space), np.random.default_rng(0))
        assert len(solves) == 3
        for options in solves:
            assert set(options) == {"node_limit", "mip_rel_gap"}

    def test_what_is_proven_together_is_not_named_for_less(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # For the first two nothing is found so soon; the last two are proven to conflict.
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 400_000)
        both = [c.linear({"x00": 1}, ">=", 1), c.linear({"x00": 1, "x01": 0.5}, "<=", 0.9)]
        rules = [*self.hard()[:2], *both]
        assert smallest_conflict(self.SPACE, rules, (), _free(self.SPACE)) == tuple(rules[2:])


def test_taken_configurations_without_their_children_are_taken() -> None:
    space = Space({"child": IntDistribution(0, 1), "on": CategoricalDistribution([False, True])})
    conditions = declared_conditions({"child": {"on": True}}, space.search_space)
    search = ExactSearch(space, [], conditions)
    taken = np.array([[np.nan, 0.0], [0.0, 1.0]])
    found = search.find(_free(space), taken, np.random.default_rng(0))
    assert found.coordinates is not None
    assert space.decode(found.coordinates) == {"child": 1, "on": True}
    found = search.find(_free(space), np.vstack([taken, [1.0, 1.0]]), np.random.default_rng(0))
    assert (found.coordinates, found.is_proof) == (None, True)


def test_different_random_numbers_find_different_configurations() -> None:
    space = Space({n: IntDistribution(0, 4) for n in "ab"})
    search = ExactSearch(space, [c.linear({"a": 1, "b": 1}, "==", 4)])
    found = [
        search.find(_free(space), _none(space), np.random.default_rng(seed)) for seed in range(12)
    ]
    keys = {space.key(one.coordinates) for one in found if one.coordinates is not None}
    assert len(keys) > 1
    again = search.find(_free(space), _none(space), np.random.default_rng(3)).coordinates
    assert again is not None
    np.testing.assert_array_equal(again, found[3].coordinates)


def test_a_pair_in_conflict_is_named_before_three() -> None:
    space = Space({n: IntDistribution(0, 9) for n in "abc"})
    pair = c.linear({"a": 1}, ">=", 5), c.linear({"a": 1}, "<=", 4)
    three = (
        c.linear({"b": 1, "c": 1}, ">=", 12),
        c.linear({"b": 1}, "<=", 5),
        c.linear({"c": 1}, "<=", 5),
    )
    assert smallest_conflict(space, [*pair, *three], (), _free(space)) == pair
    assert smallest_conflict(space, [pair[0], *three], (), _free(space)) == three


def test_a_conflict_with_frozen_values_names_only_what_they_break() -> None:
    space = Space({n: IntDistribution(0, 4) for n in "abc"})
    rules = [
        c.linear({"a": 1, "b": 1}, "<=", 4),
        c.all_different("b", "c"),
        c.requires({"a": 4}, {"b": [0]}),
        c.forbid(b=0),
    ]
    frozen = space.encode({"a": 4})
    assert smallest_conflict(space, rules, (), frozen) in [
        (rules[0], rules[3]),
        (rules[2], rules[3]),
    ]
    assert smallest_conflict(space, rules, (), space.encode({"b": 0})) == (rules[3],)
