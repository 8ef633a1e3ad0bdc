"""Linear constraints on floats: settled whenever moving floats can, and the room of each float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.optimize import linprog

from qhpo import constraints as c
from qhpo.constraints.arithmetic import Linear
from qhpo.feasible.projection import Projection
from qhpo.space import Space

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FLOATS: dict[str, BaseDistribution] = {
    "a": FloatDistribution(0.0, 1.0),
    "b": FloatDistribution(-3.0, 5.0),
    "c": FloatDistribution(1e-4, 10.0, log=True),
    "d": FloatDistribution(100.0, 250.0),
}
OTHERS: dict[str, BaseDistribution] = {
    "m": IntDistribution(1, 9),
    "s": FloatDistribution(0.0, 1.0, step=0.1),
}
COEFFICIENTS = st.sampled_from([1.0, 1.0, -1.0, 2.0, 0.3, -0.7])


@st.composite
def problems(draw: Any, most: int = 3) -> tuple[Space, list[Linear], FloatArray, BoolArray]:
    """A space, linear constraints that some configuration keeps, and another configuration."""
    floats = draw(st.lists(st.sampled_from(sorted(FLOATS)), min_size=1, unique=True))
    others = draw(st.lists(st.sampled_from(sorted(OTHERS)), unique=True))
    space = Space({n: (FLOATS | OTHERS)[n] for n in floats + others})
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    start = np.array([axis.snap(rng.random(1))[0] for axis in space.axes])
    frozen = rng.random(len(space)) < 0.2
    target = start.copy()
    for i, axis in enumerate(space.axes):
        if axis.name in FLOATS and not frozen[i]:
            # At the ends of ranges too.
            target[i] = np.clip(rng.uniform(-0.3, 1.3), 0.0, 1.0)
    reached = space.decode(target)
    constraints = []
    for _ in range(draw(st.integers(1, most))):
        names = draw(st.lists(st.sampled_from(list(reached)), min_size=1, max_size=4, unique=True))
        coefficients = {n: draw(COEFFICIENTS) for n in names}
        total = sum(a * reached[n] for n, a in coefficients.items())
        sense = draw(st.sampled_from(["<=", "==", ">="]))
        gap = draw(st.sampled_from([0.0, 1e-3, 0.1, 2.0])) * {"<=": 1, "==": 0, ">=": -1}[sense]
        constraints.append(c.linear(coefficients, sense, total + gap))
    return space, constraints, start, frozen


def _margin(
    space: Space, constraints: Sequence[Linear], coordinates: FloatArray, frozen: BoolArray
) -> float:
    """The most by which floats alone can keep all inequalities; negative if they cannot.

    Equalities count as kept up to a tenth of what the constraints tolerate.
    """
    params = space.decode(coordinates)
    free = [
        axis.name
        for axis, is_frozen in zip(space.axes, frozen, strict=True)
        if axis.name in FLOATS and axis.name in params and not is_frozen
    ]
    rows, bounds = [], []
    for constraint in constraints:
        by_name = dict(constraint.coefficients)
        rest = sum(a * params[n] for n, a in by_name.items() if n in params and n not in free)
        row = [by_name.get(n, 0.0) for n in free]
        for sense, sign in (("<=", 1.0), (">=", -1.0)):
            if constraint.sense in (sense, "=="):
                is_equality = constraint.sense == "=="
                rows.append([*(sign * a for a in row), 0.0 if is_equality else 1.0])
                bounds.append(sign * (constraint.bound - rest) + 1e-10 * is_equality)
    ranges: list[Any] = [(FLOATS[n].low, FLOATS[n].high) for n in free]
    result = linprog([*([0.0] * len(free)), -1.0], rows, bounds, bounds=[*ranges, (None, 1.0)])
    return float(result.x[-1]) if result.status == 0 else -math.inf


@given(problems())
@settings(max_examples=200)
def test_settles_whatever_floats_can_settle(
    problem: tuple[Space, list[Linear], FloatArray, BoolArray],
) -> None:
    space, constraints, start, frozen = problem
    numbers = Projection(space, constraints)
    given_start = start.copy()
    settled = numbers.settle(start, frozen)
    np.testing.assert_array_equal(start, given_start)
    # Only floats without step move, and only within their ranges.
    moved = settled != start
    assert not moved[frozen].any()
    assert all(axis.name in FLOATS for axis, m in zip(space.axes, moved, strict=True) if m)
    assert ((settled >= 0.0) & (settled <= 1.0)).all()
    params = space.decode(settled)
    if _margin(space, constraints, start, frozen) > 1e-9:
        for constraint in constraints:
            assert constraint.satisfied(params)
            if constraint.sense == "==":
                total = sum(a * params[n] for n, a in constraint.coefficients)
                assert abs(total - constraint.bound) <= 1e-9 * max(1.0, abs(constraint.bound))


@given(problems())
@settings(max_examples=100)
def test_leaves_alone_what_keeps_all_constraints(
    problem: tuple[Space, list[Linear], FloatArray, BoolArray],
) -> None:
    space, constraints, start, frozen = problem
    numbers = Projection(space, constraints)
    settled = numbers.settle(start, frozen)
    assume(all(constraint.satisfied(space.decode(settled)) for constraint in constraints))
    again = numbers.settle(settled, frozen)
    # What rests on a bound may be moved off it by rounding errors.
    np.testing.assert_allclose(
        list(space.decode(again).values()),
        list(space.decode(settled).values()),
        rtol=0.0,
        atol=1e-8,
    )
    assert all(constraint.satisfied(space.decode(again)) for constraint in constraints)


class TestSettle:
    SPACE = Space({n: FloatDistribution(0.0, 1.0) for n in "xyz"})
    NOTHING = np.zeros(3, dtype=bool)

    def settled(self, values: Sequence[float], *constraints: Linear, frozen: str = "") -> Any:
        is_frozen = np.array([n in frozen for n in "xyz"])
        return Projection(self.SPACE, constraints).settle(np.array(values), is_frozen)

    def test_shares_the_move(self) -> None:
        total = c.linear({"x": 1, "y": 1, "z": 1}, "==", 1)
        np.testing.assert_allclose(self.settled([0.5, 0.5, 0.6], total), [0.3, 0.3, 0.4])
        np.testing.assert_allclose(
            self.settled([0.5, 0.5, 0.6], total, frozen="z"), [0.2, 0.2, 0.6]
        )

    def test_stops_at_the_ends(self) -> None:
        total = c.linear({"x": 1, "y": 1, "z": 1}, "==", 2.5)
        np.testing.assert_allclose(self.settled([0.9, 0.0, 0.1], total), [1.0, 0.7, 0.8], atol=1e-9)

    @pytest.mark.parametrize("x", np.linspace(0.0, 1.0, 7).tolist())
    def test_reaches_the_only_point(self, x: float) -> None:
        corner = c.linear({"x": 1, "y": 1, "z": -1}, "==", 2)
        settled = self.settled([x, 0.1, 0.7], corner)
        np.testing.assert_allclose(settled, [1.0, 1.0, 0.0], rtol=0.0, atol=1e-15)
        assert corner.satisfied(self.SPACE.decode(settled))
        cut = c.linear({"x": 1, "y": 1, "z": 1}, "<=", 0)
        settled = self.settled([x, 0.1, 0.7], cut)
        np.testing.assert_allclose(settled, [0.0, 0.0, 0.0], rtol=0.0, atol=1e-15)
        assert cut.satisfied(self.SPACE.decode(settled))

    def test_dependent_equalities_are_one(self) -> None:
        total = [c.linear({"x": a, "y": a, "z": a}, "==", a) for a in (1, 2, -3)]
        np.testing.assert_allclose(self.settled([0.5, 0.5, 0.6], *total), [0.3, 0.3, 0.4])

    def test_moves_no_further_than_an_inequality_needs(self) -> None:
        total = c.linear({"x": 1, "y": 1}, "<=", 1)
        settled = self.settled([0.7, 0.5, 0.9], total)
        np.testing.assert_allclose(settled, [0.6, 0.4, 0.9], atol=1e-9)
        assert total.satisfied(self.SPACE.decode(settled))
        np.testing.assert_array_equal(self.settled([0.2, 0.3, 0.9], total), [0.2, 0.3, 0.9])

    def test_inactive_axes_stay_so(self) -> None:
        total = c.linear({"x": 1, "y": 1, "z": 1}, "==", 1)
        settled = self.settled([0.5, np.nan, 0.1], total)
        np.testing.assert_allclose(settled, [0.7, np.nan, 0.3])

    def test_what_leads_back_from_an_end_is_found(self) -> None:
        # The first step takes x to its end, from where it must return.
        constraints = (
            c.linear({"x": 1, "y": 1}, "==", 1),
            c.linear({"x": 3, "y": 1, "z": -1}, "==", 1),
            c.linear({"y": 1, "z": 1}, ">=", 1),
        )
        settled = self.SPACE.decode(self.settled([0.0, 0.0, 1.0], *constraints))
        assert all(constraint.satisfied(settled) for constraint in constraints)

    def test_without_floats_nothing_moves(self) -> None:
        space = Space({"n": IntDistribution(0, 9), "s": FloatDistribution(0.0, 1.0, step=0.5)})
        numbers = Projection(space, [c.linear({"n": 1, "s": 1}, "==", 3)])
        assert not numbers.floats.any()
        np.testing.assert_array_equal(numbers.settle(np.zeros(2), np.zeros(2, dtype=bool)), [0, 0])


class TestFields:
    SPACE = Space(
        {
            "k": CategoricalDistribution(["p", "q"]),
            "n": IntDistribution(0, 9),
            "one": FloatDistribution(0.5, 0.5),
            "x": FloatDistribution(0.0, 1.0),
            "y": FloatDistribution(0.0, 2.0),
            "z": FloatDistribution(0.0, 1.0),
        }
    )

    def test_floats_are_those_that_linear_constraints_speak_of(self) -> None:
        numbers = Projection(
            self.SPACE,
            [
                c.linear({"x": 1, "n": 1, "one": 1}, "<=", 3),
                c.forbid(z=0.5),
                c.quadratic({("y", "z"): 1}, "<=", 1),
            ],
        )
        assert numbers.floats.tolist() == [False, False, False, True, False, False]

    def test_values_are_in_the_parameters_units(self) -> None:
        numbers = Projection(self.SPACE, [c.linear({"y": 1, "n": 1}, "<=", 3)])
        values = numbers.values(np.array([1.0, 1 / 3, 0.0, 0.5, 0.25, 0.5]))
        np.testing.assert_allclose(values, [0.0, 3.0, 0.0, 0.0, 0.5, 0.0])
        values = numbers.values(np.array([1.0, np.nan, 0.0, 0.5, 0.25, 0.5]))
        np.testing.assert_allclose(values, [0.0, 0.0, 0.0, 0.0, 0.5, 0.0])
