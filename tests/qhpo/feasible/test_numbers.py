"""Sums and products of numbers: settled where one number can be solved for, and its room."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.constraints import Constraint
from qhpo.feasible.numbers import Numbers
from qhpo.space import Space

FloatArray = NDArray[np.float64]
Problem = tuple[Space, list[Constraint], FloatArray, FloatArray]

UNIT: dict[str, BaseDistribution] = {n: FloatDistribution(0.0, 1.0) for n in "xyz"}
AXES: dict[str, BaseDistribution] = {
    "a": FloatDistribution(0.0, 1.0),
    "b": FloatDistribution(-3.0, 5.0),
    "c": FloatDistribution(1e-4, 10.0, log=True),
    "m": IntDistribution(1, 60),
    "n": IntDistribution(1, 5),
    "s": FloatDistribution(0.0, 4.0, step=0.1),
}
COEFFICIENTS = st.sampled_from([1.0, 1.0, -1.0, 2.0, 0.3, -0.7])


@st.composite
def problems(draw: Any) -> Problem:
    """A space, sums of numbers, a configuration that keeps them, and another one."""
    names = draw(st.lists(st.sampled_from(sorted(AXES)), min_size=2, max_size=4, unique=True))
    space = Space({name: AXES[name] for name in names})
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kept, start = (np.array([axis.draw(rng) for axis in space.axes]) for _ in range(2))
    params = space.decode(kept)
    constraints: list[Constraint] = []
    for _ in range(draw(st.integers(1, 2))):
        keys = [*names, *((p, q) for p in names for q in names if p <= q)]
        chosen = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique=True))
        terms = {key: draw(COEFFICIENTS) for key in chosen}
        total = sum(
            a * (params[k] if isinstance(k, str) else params[k[0]] * params[k[1]])
            for k, a in terms.items()
        )
        sense = draw(st.sampled_from(["<=", "==", ">="]))
        gap = draw(st.sampled_from([1e-3, 0.1])) * {"<=": 1, "==": 0, ">=": -1}[sense]
        constraints.append(c.quadratic(terms, sense, total + gap))
    return space, constraints, kept, start


def _holds(space: Space, constraints: list[Constraint], coordinates: FloatArray) -> bool:
    params = space.decode(coordinates)
    return all(constraint.satisfied(params) for constraint in constraints)


_AT_A_BOUND = Space({name: AXES[name] for name in "mns"})
"""A bound that a value of m reaches but for rounding."""


@given(problems(), st.integers(0, 99))
@example(
    (
        _AT_A_BOUND,
        [c.quadratic({("m", "s"): 2.0, "m": 0.3, ("m", "n"): -1.0}, "<=", -5.799999999999992)],
        np.array([0.98305085, 0.25, 0.2]),
        np.array([0.59322034, 0.5, 0.1]),
    ),
    0,
)
@settings(max_examples=150)
def test_one_number_is_given_back_what_keeps_the_sums(problem: Problem, seed: int) -> None:
    space, constraints, kept, start = problem
    numbers, rng = Numbers(space, constraints), np.random.default_rng(seed)
    for i in np.flatnonzero(numbers.solved).tolist():
        moved = kept.copy()
        moved[i] = start[i]
        fixed = np.arange(len(space)) != i
        settled = numbers.settle(moved, fixed, rng)
        assert _holds(space, constraints, settled)
        np.testing.assert_array_equal(settled[fixed], kept[fixed])
        assert abs(settled[i] - start[i]) <= abs(kept[i] - start[i]) + 1e-6
        spread = numbers.spread(settled, fixed, rng)
        assert _holds(space, constraints, spread)
        np.testing.assert_array_equal(spread[fixed], kept[fixed])


@given(problems(), st.integers(0, 99))
@settings(max_examples=150)
def test_only_free_numbers_move_to_legal_values(problem: Problem, seed: int) -> None:
    space, constraints, _, start = problem
    numbers, rng = Numbers(space, constraints), np.random.default_rng(seed)
    fixed, given_start = rng.random(len(space)) < 0.3, start.copy()
    settled = numbers.settle(start, fixed, rng)
    np.testing.assert_array_equal(start, given_start)
    np.testing.assert_array_equal(settled[fixed], start[fixed])
    for axis, coordinate in zip(space.axes, settled.tolist(), strict=True):
        assert axis.snap(np.array([coordinate]))[0] == pytest.approx(coordinate, abs=1e-12)
    if _holds(space, constraints, start):
        np.testing.assert_array_equal(settled, start)


@given(problems())
@settings(max_examples=150)
def test_range_ends_are_allowed_and_what_lies_beyond_is_not(problem: Problem) -> None:
    space, constraints, kept, _ = problem
    numbers = Numbers(space, constraints)

    def holds(axis: int, coordinate: float) -> bool:
        moved = kept.copy()
        moved[axis] = coordinate
        return _holds(space, constraints, moved)

    for i in np.flatnonzero(numbers.solved).tolist():
        low, high = numbers.range_of(i, kept)
        assert 0.0 <= low <= kept[i] <= high <= 1.0
        assert holds(i, low)
        assert holds(i, high)
        axis = space.axes[i]
        # Equalities tolerate more where a logarithmic scale is fine.
        is_equal = any(r.quadratic_row.tolerance and axis.name in r.names for r in constraints)
        if np.isfinite(axis.n_values):
            # What lies on a bound may be left out for a rounding error.
            gap = 2.0 / (axis.n_values - 1)
        else:
            gap = 1e-2 if is_equal else 1e-5
        for end, beyond in ((low, low - gap), (high, high + gap)):
            if not is_equal and 0.0 < end < 1.0 and 0.0 <= beyond <= 1.0:
                assert not holds(i, beyond)


class TestSettle:
    @pytest.mark.parametrize(
        ("space", "rules"),
        [
            ("xy", [c.quadratic({("x", "y"): 1}, "==", 0.5)]),
            ("xy", [c.quadratic({("x", "x"): 1}, "==", 0.5)]),
            ("xy", [c.quadratic({("x", "x"): 1, ("y", "y"): 1}, "==", 1)]),
            (
                "xyz",
                [
                    c.quadratic({("x", "x"): 1, ("y", "y"): 1, ("z", "z"): 1}, "<=", 1.0001),
                    c.quadratic({("x", "x"): 1, ("y", "y"): 1, ("z", "z"): 1}, ">=", 0.9999),
                ],
            ),
            (
                "xyz",
                [
                    c.quadratic({("x", "y"): 1, ("y", "z"): 1}, "==", 0.3),
                    c.linear({"x": 1, "y": 1, "z": 1}, "==", 1.5),
                ],
            ),
        ],
        ids=["product", "square", "circle", "shell", "two"],
    )
    def test_floats_are_settled_from_anywhere(self, space: str, rules: list[Constraint]) -> None:
        unit, rng = Space({name: UNIT[name] for name in space}), np.random.default_rng(0)
        numbers, nothing = Numbers(unit, rules), np.zeros(len(space), dtype=bool)
        settled = [numbers.settle(rng.random(len(space)), nothing, rng) for _ in range(40)]
        kept = {unit.key(x) for x in settled if _holds(unit, rules, x)}
        assert len(kept) > 30 if "x" not in rules[0].names or len(rules[0].names) > 1 else kept

    def test_the_least_move_of_a_circle_is_along_its_radius(self) -> None:
        space = Space({n: FloatDistribution(-2.0, 2.0) for n in "xy"})
        numbers = Numbers(space, [c.quadratic({("x", "x"): 1, ("y", "y"): 1}, "==", 1)])
        start = space.encode({"x": 0.66, "y": 0.88})
        settled = numbers.settle(start, np.zeros(2, dtype=bool), np.random.default_rng(0))
        params = space.decode(settled)
        assert params["x"] == pytest.approx(0.6, abs=1e-9)
        assert params["y"] == pytest.approx(0.8, abs=1e-9)

    @pytest.mark.parametrize("high", [200, 10**6])
    def test_whole_numbers_are_multiplied_exactly(self, high: int) -> None:
        space = Space({n: IntDistribution(1, high) for n in "pq"})
        rule = c.quadratic({("p", "q"): 1}, "==", 97)
        numbers, rng = Numbers(space, [rule]), np.random.default_rng(0)
        found = set()
        for _ in range(20):
            start = np.array([axis.draw(rng) for axis in space.axes])
            params = space.decode(numbers.settle(start, np.zeros(2, dtype=bool), rng))
            if rule.satisfied(params):
                found.add((params["p"], params["q"]))
        assert found == {(1, 97), (97, 1)}

    def test_a_number_of_few_values_makes_room_for_a_float(self) -> None:
        space = Space({"n": IntDistribution(1, 10), "x": FloatDistribution(0.2, 0.3)})
        rule = c.quadratic({("n", "x"): 1}, "==", 0.5)
        start = space.encode({"n": 9, "x": 0.21})
        rng = np.random.default_rng(0)
        settled = Numbers(space, [rule]).settle(start, np.zeros(2, dtype=bool), rng)
        assert space.decode(settled) == pytest.approx({"n": 2, "x": 0.25})

    def test_inactive_numbers_contribute_nothing(self) -> None:
        space = Space(UNIT)
        rule = c.quadratic({("x", "y"): 1, "z": 1}, "==", 0.25)
        start = np.array([0.9, np.nan, 0.9])
        rng = np.random.default_rng(0)
        settled = Numbers(space, [rule]).settle(start, np.zeros(3, dtype=bool), rng)
        np.testing.assert_allclose(settled, [0.9, np.nan, 0.25], atol=1e-9)

    def test_what_cannot_be_kept_is_left_as_it_is(self) -> None:
        space = Space({name: UNIT[name] for name in "xy"})
        numbers = Numbers(space, [c.quadratic({("x", "y"): 1}, "==", 2)])
        start = np.array([0.3, 0.4])
        settled = numbers.settle(start, np.zeros(2, dtype=bool), np.random.default_rng(0))
        np.testing.assert_array_equal(settled, start)


@given(problems())
@settings(max_examples=100)
def test_what_is_kept_somewhere_is_not_impossible(problem: Problem) -> None:
    space, constraints, _, _ = problem
    assert not Numbers(space, constraints).are_impossible


@pytest.mark.parametrize(
    "rule",
    [
        c.quadratic({("x", "y"): 1}, "==", 1.01),
        c.quadratic({("x", "x"): 1, "y": -1}, "<=", -1.01),
        c.linear({"x": 1, "y": -2}, ">=", 1.01),
        c.quadratic({("k", "k"): 1, "x": 1}, "<=", -0.01),
    ],
)
def test_what_is_beyond_all_values_is_impossible(rule: Constraint) -> None:
    choices = CategoricalDistribution([-3, 2])
    space = Space({"x": UNIT["x"], "y": UNIT["y"], "k": choices, "z": FloatDistribution(-1, 1)})
    assert Numbers(space, [rule]).are_impossible


class TestFields:
    SPACE = Space(AXES)

    def test_solved_and_coupled(self) -> None:
        rules = [
            c.quadratic({("a", "m"): 1, ("n", "n"): 1}, "<=", 9),
            c.linear({"b": 1, "c": 1, "n": 1}, "==", 3),
            c.linear({"a": 1, "s": 1}, "<=", 3),
            c.forbid(b=0.5),
        ]
        numbers = Numbers(self.SPACE, rules)
        assert numbers.solved.tolist() == [True, True, True, True, False, True]
        assert numbers.coupled == [(0, 3), (1, 2), (2, 1), (3, 0)]

    def test_the_range_of_what_is_not_bound_is_everything(self) -> None:
        numbers = Numbers(self.SPACE, [c.linear({"a": 1, "n": 1}, "<=", 3)])
        for axis in (1, 2, 3, 4, 5):
            assert numbers.range_of(axis, np.full(6, 0.5)) == (0.0, 1.0)

    def test_no_room_is_no_range(self) -> None:
        space = Space({name: UNIT[name] for name in "xy"})
        numbers = Numbers(space, [c.linear({"x": 1, "y": 1}, "==", 1)])
        assert numbers.range_of(0, np.array([0.3, 0.7])) == (0.3, 0.3)
