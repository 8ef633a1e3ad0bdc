"""The domain: draws and nearest configurations keep everything, and a check names who conflicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.space import Condition, Space, declared_conditions
from tests.qhpo.strategies import (
    Rule,
    active_params,
    conditions_over,
    feasible_configurations,
    rule_sets,
    search_spaces,
)

FloatArray = NDArray[np.float64]
Problem = tuple[Space, list[Rule], tuple[Condition, ...]]

NUMBERS: dict[str, BaseDistribution] = {
    "a": FloatDistribution(0.0, 1.0),
    "b": FloatDistribution(0.0, 1.0),
    "c": FloatDistribution(1e-3, 1.0, log=True),
    "k": CategoricalDistribution(["p", "q"]),
    "n": IntDistribution(0, 1000),
}
ON_NUMBERS = (
    c.linear({"a": 1, "b": 1, "c": 1}, "==", 1),
    c.linear({"a": 1, "b": -2}, ">=", -0.3),
    c.requires({"k": "p"}, {"n": list(range(401))}),
)


@st.composite
def problems(draw: Any) -> Problem:
    distributions = draw(search_spaces(most=4, axes=(2, 3)))
    rules = draw(rule_sets(distributions))
    return Space(distributions), rules, draw(conditions_over(distributions))


def _domain(problem: Problem, value_by_value: bool = False) -> FeasibleSet:
    space, rules, conditions = problem
    domain = FeasibleSet(space, [rule.constraint for rule in rules], conditions)
    if value_by_value:
        # As where rules of two parameters join many: the answers must be the same.
        domain._links.are_many = True
    return domain


def _fixed_at(space: Space, rng: np.random.Generator, share: float = 0.3) -> FloatArray:
    fixed_at = np.array([rng.choice(axis.coordinates) for axis in space.axes])
    fixed_at[rng.random(len(space)) >= share] = np.nan
    return fixed_at


def _agrees(params: dict[str, Any], fixed: dict[str, Any]) -> bool:
    return all(params.get(name, value) == value for name, value in fixed.items())


@given(problems(), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=100)
def test_draws_keep_everything_and_what_is_fixed(
    problem: Problem, seed: int, value_by_value: bool
) -> None:
    space, rules, conditions = problem
    rng = np.random.default_rng(seed)
    fixed_at = _fixed_at(space, rng)
    fixed = space.decode(fixed_at)
    domain = _domain(problem, value_by_value)
    every = feasible_configurations(space, rules, conditions)
    drawn = domain.draws(20, fixed_at, rng)
    assert len(drawn) <= 20
    if all(rule.constraint.names for rule in rules):
        # Repair finds some where there are any, unless a predicate hides them.
        assert bool(drawn) is any(_agrees(params, fixed) for params in every.values())
    for configuration in drawn:
        assert domain.satisfied(configuration)
        params = every[space.key(configuration)]
        assert space.decode(configuration) == params
        assert _agrees(params, fixed)


@given(problems(), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=100)
def test_check_finds_one_or_names_a_conflict(
    problem: Problem, seed: int, value_by_value: bool
) -> None:
    space, rules, conditions = problem
    rng = np.random.default_rng(seed)
    fixed_at = _fixed_at(space, rng)
    fixed = space.decode(fixed_at)
    domain = _domain(problem, value_by_value)
    every = feasible_configurations(space, rules, conditions)
    left = [params for params in every.values() if _agrees(params, fixed)]
    if left:
        found = domain.any_configuration(fixed_at, rng)
        assert space.decode(found) in left
        unseen = domain.unseen(fixed_at, found[None, :], rng)
        assert (unseen.coordinates is None) is (len(left) == 1)
        return
    with pytest.raises(QhpoError) as error:
        domain.any_configuration(fixed_at, rng)
    message = str(error.value)
    named = [rule for rule in rules if repr(rule.constraint) in message]
    assert named
    # Those that are named are in conflict.
    alone = feasible_configurations(space, named, conditions)
    assert not [params for params in alone.values() if _agrees(params, fixed)]
    assert ("fixed in advance" in message) is bool(fixed)


@given(problems(), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=100)
def test_nearest_is_the_row_itself_where_it_is_allowed(
    problem: Problem, seed: int, value_by_value: bool
) -> None:
    space, rules, conditions = problem
    rng = np.random.default_rng(seed)
    row, fixed_at = _fixed_at(space, rng, share=1.0), _fixed_at(space, rng)
    given_row = row.copy()
    found = _domain(problem, value_by_value).nearest(row, fixed_at, rng)
    np.testing.assert_array_equal(row, given_row)
    wanted = active_params(conditions, space.decode(np.where(np.isnan(fixed_at), row, fixed_at)))
    if all(rule.holds(wanted) for rule in rules):
        assert found is not None
        assert space.decode(found) == wanted
        return
    fixed = space.decode(fixed_at)
    every = feasible_configurations(space, rules, conditions).values()
    left = [params for params in every if _agrees(params, fixed)]
    if found is not None:
        assert space.decode(found) in left
    elif all(rule.constraint.names for rule in rules):
        assert not left


class TestNumbers:
    def domain(self) -> FeasibleSet:
        return FeasibleSet(Space(NUMBERS), ON_NUMBERS)

    @given(st.integers(0, 2**32 - 1), st.sampled_from([{}, {"a": 0.123}, {"k": "p", "c": 0.4321}]))
    @settings(max_examples=8)
    def test_draws_lie_between_the_levels(self, seed: int, fixed: dict[str, Any]) -> None:
        domain = self.domain()
        fixed_at = domain.space.encode(fixed)
        drawn = domain.draws(20, fixed_at, np.random.default_rng(seed))
        assert len(drawn) > 10
        for configuration in drawn:
            p = domain.space.decode(configuration)
            assert p["a"] + p["b"] + p["c"] == pytest.approx(1.0, abs=1e-9)
            assert p["a"] - 2 * p["b"] >= -0.3
            assert p["k"] == "q" or p["n"] <= 400
            np.testing.assert_array_equal(
                configuration[~np.isnan(fixed_at)], fixed_at[~np.isnan(fixed_at)]
            )

    def test_nearest_of_what_is_allowed_is_itself(self) -> None:
        domain = self.domain()
        space = domain.space
        row = space.encode({"a": 0.5, "b": 0.2, "c": 0.3, "k": "q", "n": 777})
        nothing = np.full(len(space), np.nan)
        found = domain.nearest(row, nothing, np.random.default_rng(0))
        assert found is not None
        np.testing.assert_allclose(found, row, atol=1e-9)

    def test_nearest_keeps_what_floats_can_keep(self) -> None:
        domain = self.domain()
        space = domain.space
        nothing = np.full(len(space), np.nan)
        row = space.encode({"a": 0.52, "b": 0.22, "c": 0.32, "k": "q", "n": 777})
        found = domain.nearest(row, nothing, np.random.default_rng(0))
        assert found is not None
        params = space.decode(found)
        assert (params["k"], params["n"]) == ("q", 777)
        # Each gives way in units of its range; that of c is a little shorter.
        assert params["a"] == pytest.approx(0.5, abs=1e-4)
        assert domain.satisfied(found)

    def test_what_is_frozen_between_the_levels_stays(self) -> None:
        domain = self.domain()
        fixed_at = domain.space.encode({"n": 399, "b": 0.054321})
        found = domain.any_configuration(fixed_at, np.random.default_rng(0))
        assert domain.space.decode(found)["n"] == 399
        assert found[1] == fixed_at[1]

    def test_a_conflict_with_what_is_frozen_names_values_and_constraints(self) -> None:
        domain = self.domain()
        fixed_at = domain.space.encode({"a": 0.7, "b": 0.6, "n": 3})
        with pytest.raises(QhpoError) as error:
            domain.any_configuration(fixed_at, np.random.default_rng(0))
        assert str(error.value) == (
            "the values that are fixed in advance must leave a configuration that keeps all "
            "constraints; got {'a': 0.7, 'b': 0.6}, which conflicts with "
            "linear({'a': 1, 'b': 1, 'c': 1}, '==', 1); change the enqueued or fixed values"
        )


class TestMessages:
    SPACE = Space({n: IntDistribution(0, 9) for n in "abc"})

    def check(self, *constraints: c.Constraint, fixed: dict[str, Any] | None = None) -> str:
        domain = FeasibleSet(self.SPACE, constraints)
        with pytest.raises(QhpoError) as error:
            domain.any_configuration(self.SPACE.encode(fixed or {}), np.random.default_rng(0))
        return str(error.value)

    def test_names_the_conflicting_set_and_no_other(self) -> None:
        message = self.check(
            c.all_different("a", "c"),
            c.linear({"a": 1, "b": 1}, ">=", 12),
            c.at_least(1, {"a": 9, "c": 9}),
            c.linear({"a": 1, "b": 1}, "<=", 11),
        )
        assert message == (
            "constraints must be satisfiable together; no configuration keeps linear({'a': 1, "
            "'b': 1}, '>=', 12); linear({'a': 1, 'b': 1}, '<=', 11); drop or loosen one of them"
        )

    def test_one_alone_is_named_alone(self) -> None:
        message = self.check(c.forbid(a=1), c.forbid(b=range(10)))
        assert (
            "no configuration keeps forbid({'b': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}); dro" in message
        )

    def test_says_if_nothing_is_proven(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 500_000)
        message = self.check(c.forbid(a=1), c.predicate(lambda p: False))
        assert message == (
            "constraints must leave a configuration; none was found in 20,032 tries, which proves "
            "nothing, that keeps predicate(<lambda>); write a rule between numbers as "
            "constraints.quadratic or constraints.linear, loosen it, or start from a configuration "
            "that keeps it by study.enqueue_trial"
        )

    def test_a_predicate_may_speak_of_every_fixed_value(self, monkeypatch: Any) -> None:
        monkeypatch.setattr("qhpo.feasible.milp._MAX_WORK", 100_000)
        message = self.check(c.predicate(lambda p: False), fixed={"a": 3, "c": 4})
        assert (
            "got {'a': 3, 'c': 4}, beside which none was found in 20,032 tries, which proves "
            "nothing, that keeps predicate(<lambda>); write" in message
        )


def test_a_plain_domain_is_plain() -> None:
    space = Space({n: IntDistribution(0, 3) for n in "ab"})
    assert FeasibleSet(space).is_plain
    assert not FeasibleSet(space, [c.forbid(a=1)]).is_plain
    conditions = declared_conditions({"b": {"a": [0, 1]}}, space.search_space)
    assert not FeasibleSet(space, (), conditions).is_plain


def test_a_plain_set_draws_uniformly_and_is_nearest_to_everything() -> None:
    space = Space({"n": IntDistribution(0, 3), "x": FloatDistribution(0.0, 1.0)})
    plain, fixed = FeasibleSet(space), np.array([np.nan, 0.123])
    drawn = np.array(plain.draws(400, fixed, np.random.default_rng(0)))
    assert drawn.shape == (400, 2)
    assert (drawn[:, 1] == 0.123).all()
    counts = np.unique(drawn[:, 0], return_counts=True)[1]
    assert len(counts) == 4
    assert np.abs(counts - 100).max() < 45
    nearest = plain.nearest(np.array([1 / 3, 0.7654]), fixed, np.random.default_rng(0))
    assert nearest is not None
    assert nearest.tolist() == [1 / 3, 0.123]


def _every(*axes: int) -> FloatArray:
    """All configurations of axes with so many levels each, evenly spaced."""
    grids = np.meshgrid(*(np.linspace(0.0, 1.0, n) for n in axes), indexing="ij")
    return np.stack([grid.ravel() for grid in grids], axis=1)


class TestUnseen:
    def test_a_plain_space_is_gone_through(self) -> None:
        domain = FeasibleSet(Space({n: IntDistribution(0, 4) for n in "ab"}))
        nothing, every = np.full(2, np.nan), _every(5, 5)
        rng = np.random.default_rng(0)
        for left in (0, 7, 24):
            found = domain.unseen(nothing, np.delete(every, left, axis=0), rng)
            assert found.coordinates is not None
            np.testing.assert_allclose(found.coordinates, every[left])
        found = domain.unseen(nothing, every, rng)
        assert (found.coordinates, found.is_proof) == (None, True)

    def test_a_plain_space_of_too_many_is_not_proven_to_be_empty(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("qhpo.feasible.enumeration._MAX_ENUMERATED", 24)
        domain = FeasibleSet(Space({n: IntDistribution(0, 4) for n in "ab"}))
        found = domain.unseen(np.full(2, np.nan), _every(5, 5), np.random.default_rng(0))
        assert (found.coordinates, found.is_proof) == (None, False)
        fixed_at = np.array([0.5, np.nan])
        found = domain.unseen(fixed_at, _every(5, 5), np.random.default_rng(0))
        assert (found.coordinates, found.is_proof) == (None, True)

    def test_what_an_infinite_space_repeats_is_neither_new_nor_a_proof(self) -> None:
        space = Space({"x": FloatDistribution(0.0, 1.0)})
        domain = FeasibleSet(space, [c.linear({"x": 1}, "==", 0.25)])
        taken = space.encode({"x": 0.25})[None, :]
        found = domain.unseen(np.full(1, np.nan), taken, np.random.default_rng(0))
        assert (found.coordinates, found.is_proof) == (None, False)


def test_the_last_configuration_is_found_and_then_none() -> None:
    space = Space({n: CategoricalDistribution(list("pqrstu")) for n in "abcdef"})
    order = [c.all_different(*"abcdef"), c.forbid(a=list("pqrst")), c.forbid(b=list("pqrsu"))]
    rest = [c.relation(("c", "d", "e", "f"), lambda *values: "".join(values) == "srqp")]
    domain = FeasibleSet(space, [*order, *rest])
    nothing = np.full(6, np.nan)
    rng = np.random.default_rng(0)
    found = domain.any_configuration(nothing, rng)
    assert "".join(space.decode(found).values()) == "utsrqp"
    assert domain.unseen(nothing, found[None, :], rng).is_proof
