"""Exact penalties: 0 at some setting of the auxiliary variables if all holds, else 1 or more."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import dimod
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

from qhpo import constraints as c
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.errors import QhpoError
from qhpo.forms.builder import PenaltyBuilder
from qhpo.forms.rules import Rules
from qhpo.space import Space
from tests.qhpo.strategies import EXACT_STEPS, Rule, every_place, rule_sets, search_spaces

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]
RandomDQM = Callable[..., dimod.DiscreteQuadraticModel]

TABULATED = (
    "forbid",
    "requires",
    "cardinality",
    "all_different",
    "linear",
    "quadratic",
    "relation",
)


def _exact_penalty(space: Space, constraints: Sequence[c.Constraint]) -> PenaltyBuilder:
    return Rules(space, constraints, [axis.coordinates for axis in space.axes]).exact_penalty()


def _least_over_auxiliaries(builder: PenaltyBuilder, d: int) -> FloatArray:
    """Lowest energy of every configuration, by enumeration of all auxiliary variables.

    Given the axes, auxiliary variables that share no bias are minimized one group at a time.
    """
    sizes = builder.sizes
    starts = np.concatenate([[0], np.cumsum(sizes)])
    quadratic = builder.quadratic
    places = every_place(sizes[:d])
    tables = DenseDQM(
        starts[: d + 1].astype(np.intp),
        builder.linear[: starts[d]],
        quadratic[: starts[d], : starts[d]],
        builder.offset,
    )
    energy = tables.energies(places)
    selected = places + starts[:d]
    fields = builder.linear + quadratic[selected].sum(axis=1)  # (q, cases)
    for group in _groups(quadratic, starts, d):
        assert math.prod(sizes[v] for v in group) <= 200_000
        least = np.full(len(places), np.inf)
        for chosen in itertools.product(*(range(starts[v], starts[v + 1]) for v in group)):
            among = quadratic[np.ix_(chosen, chosen)].sum() / 2.0
            least = np.minimum(least, fields[:, chosen].sum(axis=1) + among)
        energy = energy + least
    return energy


def _groups(quadratic: FloatArray, starts: IntArray, d: int) -> list[list[int]]:
    left = set(range(d, len(starts) - 1))
    groups = []
    while left:
        group, border = [], [left.pop()]
        while border:
            v = border.pop()
            group.append(v)
            joined = [
                w
                for w in left
                if quadratic[starts[v] : starts[v + 1], starts[w] : starts[w + 1]].any()
            ]
            left.difference_update(joined)
            border += joined
        groups.append(group)
    return groups


def _truth(space: Space, rules: Sequence[Rule]) -> NDArray[np.bool_]:
    """Of all configurations of the levels, in their order."""
    return np.array(
        [
            all(rule.holds(space.decode(row)) for rule in rules)
            for row in space.at_levels(every_place(space.n_levels.tolist()))
        ]
    )


@st.composite
def problems(draw: Any, most: int = 4, kinds: Sequence[str] = TABULATED) -> Any:
    """A space of which every sum is exact, and constraints over it."""
    distributions = draw(search_spaces(EXACT_STEPS, most, (2, 3), kinds == ("quadratic",)))
    return Space(distributions), draw(rule_sets(distributions, kinds))


def _penalty(space: Space, rules: Sequence[Rule]) -> PenaltyBuilder:
    return _exact_penalty(space, [rule.constraint for rule in rules])


@given(problems() | problems(kinds=("quadratic",)))
@settings(max_examples=150)
def test_is_zero_if_all_hold_and_at_least_one_otherwise(problem: tuple[Space, list[Rule]]) -> None:
    space, rules = problem
    builder = _penalty(space, rules)
    np.testing.assert_array_equal(builder.quadratic, builder.quadratic.T)
    least = _least_over_auxiliaries(builder, len(space))
    holds = _truth(space, rules)
    np.testing.assert_allclose(least[holds], 0.0, atol=1e-6)
    assert (least[~holds] >= 1.0 - 1e-6).all()


@given(problems())
@settings(max_examples=30)
def test_the_model_has_the_energies_of_the_builder(problem: tuple[Space, list[Rule]]) -> None:
    space, rules = problem
    builder = _penalty(space, rules)
    labels = [axis.name for axis in space.axes]
    dqm = builder.to_dqm(labels)
    d, n = len(space), len(builder.sizes)
    assert list(dqm.variables) == [*labels, *(f"aux:{i}" for i in range(n - d))]
    assert [dqm.num_cases(v) for v in dqm.variables] == builder.sizes
    tables = DenseDQM.from_dqm(dqm)
    np.testing.assert_allclose(tables.linear, builder.linear)
    np.testing.assert_allclose(tables.quadratic, builder.quadratic)
    assert tables.offset == pytest.approx(builder.offset)


@given(problems(most=3, kinds=("forbid", "requires", "cardinality", "relation", "linear")))
@settings(max_examples=40)
def test_ground_states_of_the_encoded_model_are_the_feasible_optima(
    random_dqm: RandomDQM, problem: tuple[Space, list[Rule]]
) -> None:
    space, rules = problem
    holds = _truth(space, rules)
    assume(holds.any())
    builder = _penalty(space, rules)
    d, n_levels = len(space), int(space.n_levels.sum())
    assume(len(builder.linear) <= 17)
    model = DenseDQM.from_dqm(random_dqm(space.n_levels.tolist(), seed=len(builder.linear)))
    places = every_place(space.n_levels.tolist())
    energies = model.energies(places)
    penalty = 1.0 + float(np.ptp(energies))
    quadratic = penalty * builder.quadratic
    quadratic[:n_levels, :n_levels] += model.quadratic
    linear = penalty * builder.linear
    linear[:n_levels] += model.linear
    starts = np.concatenate([[0], np.cumsum(builder.sizes)]).astype(np.intp)
    tables = DenseDQM(starts, linear, quadratic, penalty * builder.offset + model.offset)
    encoding = OneHotEncoding(tables)

    states = dimod.ExactSolver().sample(encoding.bqm)
    order = np.argsort(list(states.variables))
    lowest = energies[holds].min()
    assert states.first.energy == pytest.approx(lowest, abs=1e-6)
    is_ground = states.record.energy < states.first.energy + 1e-7
    reads = states.record.sample[is_ground][:, order]
    cases = encoding.decode(reads)
    # Every ground state is valid, so that decoding is reading it.
    for i, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):
        np.testing.assert_array_equal(reads[:, start:stop].sum(axis=1), 1)
        assert reads[np.arange(len(reads)), start + cases[:, i]].all()
    ground = {tuple(row) for row in cases[:, :d].tolist()}
    optima = {tuple(p) for p in places[holds & (energies < lowest + 1e-7)].tolist()}
    assert ground == optima


class TestExamples:
    SPACE = Space({n: IntDistribution(0, 3) for n in "abc"})

    def check(self, *constraints: c.Constraint, space: Space | None = None) -> PenaltyBuilder:
        space = space or self.SPACE
        builder = _exact_penalty(space, constraints)
        rules = [Rule(constraint, constraint.satisfied) for constraint in constraints]
        least = _least_over_auxiliaries(builder, len(space))
        holds = _truth(space, rules)
        np.testing.assert_allclose(least[holds], 0.0, atol=1e-6)
        assert (least[~holds] >= 1.0 - 1e-6).all()
        return builder

    def test_nothing_costs_nothing(self) -> None:
        builder = self.check()
        assert not builder.linear.any()
        assert builder.offset == 0.0

    def test_conflicts_of_pairs_need_no_auxiliary_variable(self) -> None:
        builder = self.check(
            c.forbid(a=1, b=[2, 3]),
            c.requires({"a": 0}, {"b": [1, 2]}),
            c.at_most(1, {"a": 3, "b": 3, "c": 3}),
            c.all_different("a", "b"),
            c.relation(("c", "a"), lambda x, y: x <= y),
            c.forbid(c=0),
        )
        assert builder.sizes == [4, 4, 4]

    def test_a_count_needs_no_slack_if_it_is_exact(self) -> None:
        assert self.check(c.exactly(2, {"a": 1, "b": 1, "c": 1})).sizes == [4, 4, 4, 1]

    def test_large_slack_is_binary(self) -> None:
        builder = self.check(c.linear({"a": 10, "b": 7, "c": 1}, "<=", 29))
        assert builder.sizes == [4, 4, 4, 2, 2, 2, 2, 2]

    def test_what_always_holds_costs_nothing(self) -> None:
        assert self.check(c.linear({"a": 1, "b": 1}, "<=", 6)).sizes == [4, 4, 4]
        assert self.check(c.at_least(0, {"a": 1, "b": 1})).sizes == [4, 4, 4]

    def test_what_never_holds_costs_everywhere(self) -> None:
        self.check(c.linear({"a": 2}, "==", 3))
        self.check(c.linear({"a": 1, "b": 1}, ">=", 7))
        self.check(c.relation(("a", "b", "c"), lambda a, b, c: False))

    def test_fractions_with_a_common_unit_are_whole(self) -> None:
        space = Space({n: FloatDistribution(0.0, 0.3, step=0.1) for n in "ab"})
        self.check(c.linear({"a": 1, "b": 1}, "==", 0.3), space=space)
        self.check(c.linear({"a": 1, "b": 2}, "<=", 0.55), space=space)
        self.check(c.linear({"a": 1 / 3, "b": 1}, ">=", 0.35), space=space)
        self.check(c.quadratic({("a", "b"): 1, "a": 0.1}, "<=", 0.05), space=space)

    @pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-8, 1e-10])
    def test_a_bound_just_below_a_sum_excludes_it(self, gap: float) -> None:
        # How users write strict inequalities.
        self.check(c.linear({"a": 1, "b": 1}, "<=", 3 - gap))
        self.check(c.linear({"a": 1, "b": 1}, ">=", 3 + gap))
        self.check(c.linear({"a": 1000, "b": 1000}, "<=", 3000 - gap * 1000))

    def test_an_equality_tolerates_what_the_constraint_does(self) -> None:
        self.check(c.linear({"a": 1, "b": 1}, "==", 3 + 1e-10))
        self.check(c.linear({"a": 1, "b": 1}, "==", 3 + 1e-7))

    def test_categories_and_numbers_together(self) -> None:
        space = Space(
            {
                "k": CategoricalDistribution([None, "x", True]),
                "m": IntDistribution(1, 7, step=3),
                "n": CategoricalDistribution([16, 32]),
            }
        )
        self.check(
            c.quadratic({("m", "n"): 1}, "<=", 128),
            c.relation(("k", "m", "n"), lambda k, m, n: k is not None or m * n < 100),
            space=space,
        )


MISTAKES: dict[str, tuple[c.Constraint, str]] = {
    "predicate": (
        c.predicate(lambda p: True),
        "needs constraints that can be tabulated; got .*; such constraints are checked on every",
    ),
    "irrational numbers": (
        c.linear({"x": math.pi, "n": 1}, "<=", 2),
        "needs contributions that are multiples of one number; .*; it is weighted and checked",
    ),
    "numbers of very different size": (
        c.linear({"n": 1e-3, "k": 1e6}, "<=", 2),
        "needs contributions that are multiples of one number",
    ),
    "many tuples": (
        c.relation(("k", "n", "x"), lambda k, n, x: True),
        "at most 512 allowed tuples of values; got 1024; the relation is checked on every",
    ),
}


@pytest.mark.parametrize(("constraint", "message"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_has_no_exact_form(constraint: c.Constraint, message: str) -> None:
    distributions: dict[str, BaseDistribution] = {
        "k": IntDistribution(0, 7),
        "n": IntDistribution(1, 8),
        "x": FloatDistribution(0.0, 1.5, step=0.1),
    }
    with pytest.raises(QhpoError, match=message):
        _exact_penalty(Space(distributions), [constraint])


@given(st.integers(1, 40), st.integers(0, 60))
def test_slack_takes_every_value_up_to_the_largest_and_no_other(most: int, lower: int) -> None:
    # One axis whose levels are all whole numbers: the bounds are what the penalty lets through.
    space = Space({"x": IntDistribution(0, 15), "y": IntDistribution(0, 15)})
    upper = lower + most
    constraints = [
        c.linear({"x": 1, "y": 4}, ">=", lower),
        c.linear({"x": 1, "y": 4}, "<=", upper),
    ]
    builder = PenaltyBuilder(space.starts)
    contributions = np.concatenate([np.arange(16.0), 4.0 * np.arange(16.0)])
    builder.add_bounded(contributions, lower, upper)
    least = _least_over_auxiliaries(builder, 2)
    holds = [
        all(constraint.satisfied(space.decode(row)) for constraint in constraints)
        for row in space.at_levels(every_place([16, 16]))
    ]
    np.testing.assert_array_equal(np.isclose(least, 0.0), holds)


@given(problems(most=3), st.floats(0.25, 8.0))
@settings(max_examples=20)
def test_squares_expand(problem: tuple[Space, list[Rule]], weight: float) -> None:
    space, _ = problem
    rng = np.random.default_rng(len(space))
    f = rng.integers(-3, 4, size=int(space.n_levels.sum())).astype(float)
    builder = PenaltyBuilder(space.starts)
    builder.add_square(f, 2.0, weight)
    places = every_place(space.n_levels.tolist())
    sums = f[places + space.starts[:-1]].sum(axis=1)
    expected = weight * (sums - 2.0) ** 2
    np.testing.assert_allclose(_least_over_auxiliaries(builder, len(space)), expected, atol=1e-9)


def test_a_sum_is_counted_in_its_largest_unit() -> None:
    # In units of 0.15: 1.5 x is 1 to 5 of them, -3 x y is -2 to -30, and -0.7 is -4 and a bit.
    space = Space({"x": FloatDistribution(0.1, 0.5, step=0.1), "y": IntDistribution(1, 3)})
    builder = _exact_penalty(space, [c.quadratic({"x": 1.5, ("x", "y"): -3}, ">=", -0.7)])
    # A case for every pair of values, and one for every sum from -4 to 5 - 2.
    assert builder.sizes == [5, 3, 15, 8]
