"""Rules: no violation where the constraints hold, and changes priced as if they were made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
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
from qhpo.forms.rules import Rules
from qhpo.space import Space
from tests.qhpo.strategies import Rule, every_place, rule_sets, search_spaces

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]

# Their values are listed for the strategies; the axes hold more.
WIDE: dict[str, BaseDistribution] = {
    "even": FloatDistribution(0.0, 2.0),
    "log": FloatDistribution(1e-3, 1.0, log=True),
    "width": IntDistribution(1, 1000, log=True),
}


@st.composite
def problems(draw: Any) -> tuple[Space, list[Rule], list[FloatArray]]:
    """A space, constraints, and the coordinates on every axis: levels and visited values."""
    distributions = draw(search_spaces(axes=(2, 3)))
    rules = draw(rule_sets(distributions))
    wide = draw(st.none() | st.sampled_from(sorted(WIDE)))
    if wide is not None:
        # What the strategies know of an axis are some of its values: the rest lies in between.
        name = draw(st.sampled_from(sorted(distributions)))
        others = {n: d for n, d in distributions.items() if n != name}
        rules = draw(rule_sets({**others, name: IntDistribution(1, 2)}))
        distributions = {**others, name: WIDE[wide]}
    space = Space(distributions)
    known = []
    for axis in space.axes:
        visited: list[float] = []
        if not axis.is_exhaustive:
            fractions = draw(st.lists(st.floats(0.0, 1.0), max_size=3))
            visited = [x for x in axis.snap(np.array(fractions)) if x not in axis.coordinates]
            visited = sorted(set(visited), reverse=True)
        known.append(np.append(axis.coordinates, visited))
    return space, rules, known


def _params(space: Space, known: Sequence[FloatArray], places: Sequence[int]) -> dict[str, Any]:
    return {
        axis.name: axis.value(float(coordinates[place]))
        for axis, coordinates, place in zip(space.axes, known, places, strict=True)
        if place >= 0
    }


def _some(places: IntArray, n: int, seed: int) -> IntArray:
    return places[np.random.default_rng(seed).permutation(len(places))[:n]]


def _compiled(problem: tuple[Space, list[Rule], list[FloatArray]]) -> Rules:
    space, rules, known = problem
    return Rules(space, [rule.constraint for rule in rules], known)


@given(problems(), st.integers(0, 99))
@settings(max_examples=150)
def test_no_violation_if_and_only_if_all_hold(
    problem: tuple[Space, list[Rule], list[FloatArray]], seed: int
) -> None:
    space, rules, known = problem
    compiled = _compiled(problem)
    places = _some(every_place([len(k) for k in known], first=-1), 150, seed)
    violation = compiled.violation(places)
    assert violation.shape == (len(places),)
    for row, broken in zip(places.tolist(), violation.tolist(), strict=True):
        params = _params(space, known, row)
        assert broken >= 0.0
        # Black boxes are asked apart; together they are the whole truth.
        accepted = compiled.accepts(space.encode(params))
        assert (broken == 0.0 and accepted) is all(rule.holds(params) for rule in rules), params
        assert accepted or compiled.has_black_boxes


@given(problems(), st.integers(0, 99))
@settings(max_examples=100)
def test_changes_are_priced_as_if_they_were_made(
    problem: tuple[Space, list[Rule], list[FloatArray]], seed: int
) -> None:
    space, _, known = problem
    compiled = _compiled(problem)
    places = _some(every_place([len(k) for k in known], first=-1), 12, seed)
    given_places = places.copy()
    after = compiled.after_change(places)
    np.testing.assert_array_equal(places, given_places)
    levels = [(i, level) for i, n in enumerate(space.n_levels.tolist()) for level in range(n)]
    assert after.shape == (len(places), len(levels))
    for column, (axis, level) in enumerate(levels):
        changed = places.copy()
        changed[:, axis] = level
        _assert_equal(after[:, column], compiled.violation(changed))


@given(problems(), st.integers(0, 99), st.data())
@settings(max_examples=100)
def test_pairs_of_changes_are_priced_as_if_they_were_made(
    problem: tuple[Space, list[Rule], list[FloatArray]], seed: int, data: st.DataObject
) -> None:
    space, _, known = problem
    compiled = _compiled(problem)
    places = _some(every_place([len(k) for k in known], first=-1), 6, seed)
    levels = [(i, level) for i, n in enumerate(space.n_levels.tolist()) for level in range(n)]
    every_column = st.just(list(range(len(levels))))
    some_columns = st.lists(st.sampled_from(range(len(levels))), unique=True, max_size=5)
    chosen = np.array(sorted(data.draw(every_column | some_columns)), dtype=np.intp)
    axes = np.array([axis for axis, _ in levels])[chosen]
    # Every configuration has levels of its own, of the same axes.
    drawn = np.random.default_rng(seed).integers(
        space.n_levels[axes], size=(len(places), len(axes))
    )
    columns = drawn + space.starts[axes]
    after = compiled.after_pair(places, columns)
    assert after.shape == (len(places), len(chosen), len(chosen))
    for r, s in itertools.product(range(len(chosen)), repeat=2):
        if axes[r] != axes[s]:
            changed = places.copy()
            changed[:, axes[r]], changed[:, axes[s]] = drawn[:, r], drawn[:, s]
            _assert_equal(after[:, r, s], compiled.violation(changed))


def _assert_equal(after: FloatArray, recomputed: FloatArray) -> None:
    np.testing.assert_allclose(after, recomputed, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(after == 0.0, recomputed == 0.0)


class TestRules:
    SPACE = Space(
        {
            "k": CategoricalDistribution(["p", "q", "r"]),
            "m": IntDistribution(0, 3),
            "n": IntDistribution(0, 3),
            "x": FloatDistribution(0.0, 1.0),
        }
    )

    def rules(self, *constraints: c.Constraint) -> Rules:
        return Rules(self.SPACE, constraints, [axis.coordinates for axis in self.SPACE.axes])

    def test_what_cannot_be_tabulated_is_asked_one_by_one(self) -> None:
        rules = self.rules(
            c.predicate(lambda p: True), c.relation(("m", "n", "x"), lambda m, n, x: x > 0.5)
        )
        assert rules.has_black_boxes
        assert not rules.violation(every_place(self.SPACE.n_levels.tolist())[:50]).any()
        assert rules.accepts(self.SPACE.encode({"m": 1, "n": 1, "x": 0.6, "k": "p"}))
        assert not rules.accepts(self.SPACE.encode({"m": 1, "n": 1, "x": 0.4, "k": "p"}))
        assert rules.accepts(self.SPACE.encode({"m": 1, "x": 0.4, "k": "p"}))

    @pytest.mark.parametrize(
        "constraint",
        [
            c.forbid(k="p", m=1, n=1),
            c.requires({"m": 0}, {"n": 0, "k": "q"}),
            c.exactly(1, {"m": 3, "n": 1}),
            c.linear({"m": 1, "x": 2}, "<=", 3),
            c.quadratic({("m", "n"): 1}, ">=", 1),
            c.all_different("m", "n"),
            c.relation("m", lambda m: m != 2),
            c.relation(("n", "m"), lambda n, m: n <= m),
            c.relation(("k", "m", "n"), lambda k, m, n: m < n),
        ],
        ids=repr,
    )
    def test_everything_else_is_priced(self, constraint: c.Constraint) -> None:
        rules = self.rules(constraint)
        assert not rules.has_black_boxes
        assert rules.violation(every_place(self.SPACE.n_levels.tolist())).any()

    def test_axes_are_those_that_constraints_join(self) -> None:
        assert self.rules(c.forbid(k="p"), c.forbid(m=1, n=1)).axes.tolist() == [1, 2]
        assert self.rules(c.linear({"x": 1}, "<=", 0.5)).axes.tolist() == []
        assert self.rules(c.predicate(bool)).axes.tolist() == [0, 1, 2, 3]

    def test_without_constraints_there_is_nothing_to_break(self) -> None:
        rules = self.rules()
        places = np.zeros((2, 4), dtype=np.intp)
        assert rules.violation(places).tolist() == [0.0, 0.0]
        assert not rules.after_change(places).any()
        assert rules.accepts(np.zeros(4))


def test_an_inequality_is_as_strict_as_python() -> None:
    # What is 0.3 on paper is 0.3, or more or less by a rounding error: by the order of the sum too.
    space = Space({n: FloatDistribution(0.0, 0.3, step=0.05) for n in "xyz"})
    constraint = c.linear({"z": 1, "x": 1, "y": 1}, "<=", 0.3)
    rules = Rules(space, [constraint], [axis.coordinates for axis in space.axes])
    places = every_place(space.n_levels.tolist())
    expected = np.reshape(
        [constraint.satisfied(space.decode(row)) for row in space.at_levels(places)], space.n_levels
    )
    on_paper = places.sum(axis=1) == 6
    assert set(expected.ravel()[on_paper].tolist()) == {True, False}
    assert ((rules.violation(places) == 0.0) == expected.ravel()).all()
    after = rules.after_change(places) == 0.0
    columns = np.tile(np.arange(21), (len(places), 1))
    pairs = rules.after_pair(places, columns) == 0.0
    for places_of_one, after_one, pairs_one in zip(places.tolist(), after, pairs, strict=True):
        x, y, z = places_of_one
        np.testing.assert_array_equal(after_one[7:14], expected[x, :, z])
        np.testing.assert_array_equal(pairs_one[7:14, 14:], expected[x])
        np.testing.assert_array_equal(pairs_one[14:, :7], expected[:, y].T)


def test_relations_tell_values_of_different_types_apart() -> None:
    space = Space({"x": CategoricalDistribution([True, 2]), "y": IntDistribution(1, 2)})
    memory: dict[Any, bool] = {}
    known = [axis.coordinates for axis in space.axes]
    is_true = c.relation(("x",), lambda x: x is True)
    also = c.relation(("y",), is_true.accepts)
    rules = Rules(space, [is_true, also], known, memory)
    places = every_place([2, 2])
    assert (rules.violation(places) == 0.0).tolist() == [False] * 4
    alone = Rules(space, [is_true], known, memory)
    assert (alone.violation(places) == 0.0).tolist() == [True, True, False, False]


def test_relations_are_asked_once_per_tuple() -> None:
    asked = []

    def accepts(x: float, y: int) -> bool:
        asked.append((x, y))
        return x < y

    space = Space({"x": FloatDistribution(0.0, 1.0), "y": IntDistribution(0, 1)})
    constraint = c.relation(("x", "y"), accepts)
    memory: dict[Any, bool] = {}
    levels = [axis.coordinates for axis in space.axes]
    Rules(space, [constraint], levels, memory)
    assert len(asked) == math.prod(space.n_levels)
    wider = [np.append(levels[0], [0.123]), levels[1]]
    Rules(space, [constraint], wider, memory)
    assert asked[math.prod(space.n_levels) :] == [(0.123, 0), (0.123, 1)]


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_choices_may_be_any_objects() -> None:
    space = Space(
        {"x": CategoricalDistribution([[1], [1, 2]]), "y": CategoricalDistribution([(1,), 2])}
    )
    constraint = c.relation(("x", "y"), lambda x, y: len(x) == 1 or y == 2)
    rules = Rules(space, [constraint, c.forbid(x=[[1]])], [a.coordinates for a in space.axes])
    places = every_place([2, 2])
    assert (rules.violation(places) == 0.0).tolist() == [False, False, False, True]
