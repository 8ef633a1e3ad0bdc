"""Conditions that are learnt from trials."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.space import (
    Activity,
    Condition,
    Enabling,
    Space,
    declared_conditions,
    learn_conditions,
)

FloatArray = NDArray[np.float64]
Truth = Callable[[Mapping[str, Any]], bool]

PARENTS: dict[str, BaseDistribution] = {
    "category": CategoricalDistribution(["a", "b", "c", "d"]),
    "count": IntDistribution(1, 8),
    "half": FloatDistribution(0.0, 3.5, step=0.5),
    "width": IntDistribution(0, 200),
}

SEEDS = st.integers(0, 2**32 - 1)


def _trials(
    space: Space, truths: Mapping[str, Truth], n: int, rng: np.random.Generator
) -> FloatArray:
    """Random trials; every child, parents first, is there where its truth says so."""
    rows = []
    for _ in range(n):
        params: dict[str, Any] = {}
        for name in [n for n in space.search_space if n not in truths] + list(truths):
            if name in truths and not truths[name](params):
                continue
            axis = next(axis for axis in space.axes if axis.name == name)
            params[name] = axis.value(float(axis.snap(np.array([rng.random()]))[0]))
            if axis.is_category:
                params[name] = axis.value(float(rng.choice(axis.coordinates)))
        rows.append(space.encode(params))
    return np.array(rows).reshape(-1, len(space))


def _explains(space: Space, conditions: Any, coordinates: FloatArray, child: str) -> bool:
    """Whether the one condition of a child holds in exactly the trials that have it."""
    (condition,) = (c for c in conditions if c.child == child)
    params = [space.decode(row) for row in coordinates]
    return all(condition.is_active(p) == (child in p) for p in params)


@st.composite
def _rules(draw: st.DrawFn, parent: str) -> Truth:
    """A rule of one parent that a condition can express."""
    if parent == "category":
        values = draw(st.sets(st.sampled_from("abcd"), min_size=1, max_size=3))
        return lambda p: p.get("category") in values
    low, high = {"count": (1, 8), "half": (0.0, 3.5), "width": (0, 200)}[parent]
    ends = sorted(draw(st.tuples(*[st.integers(0, 6)] * 2)))
    first, last = (low + (high - low) * (end + 0.5) / 7 for end in ends)
    kind = draw(st.sampled_from(["at least", "at most", "between"]))
    if kind == "at least":
        return lambda p: parent in p and p[parent] >= first
    if kind == "at most":
        return lambda p: parent in p and p[parent] <= last
    return lambda p: parent in p and first <= p[parent] <= last


class TestLearnt:
    SPACE = Space({**PARENTS, "child": IntDistribution(1, 3)})

    @given(st.data(), st.sampled_from(sorted(PARENTS)), st.integers(2, 60), SEEDS)
    def test_one_parent(self, data: st.DataObject, parent: str, n: int, seed: int) -> None:
        truth = data.draw(_rules(parent))
        trials = _trials(self.SPACE, {"child": truth}, n, np.random.default_rng(seed))
        conditions, unexplained = learn_conditions(self.SPACE, trials)
        seen = ~np.isnan(trials[:, 1])  # in the order of names: category, child, count, ...
        if seen.all():
            assert (conditions, unexplained) == ((), ())
        elif not seen.any():
            assert (conditions, unexplained) == ((), ("child",))
        else:
            assert unexplained == ()
            assert _explains(self.SPACE, conditions, trials, "child")

    @given(st.data(), st.sampled_from(list(itertools.combinations(sorted(PARENTS), 2))), SEEDS)
    @settings(max_examples=40)
    def test_two_parents(self, data: st.DataObject, parents: tuple[str, str], seed: int) -> None:
        one, other = (data.draw(_rules(parent)) for parent in parents)
        trials = _trials(
            self.SPACE, {"child": lambda p: one(p) and other(p)}, 60, np.random.default_rng(seed)
        )
        conditions, unexplained = learn_conditions(self.SPACE, trials)
        seen = ~np.isnan(trials[:, 1])
        if seen.any() and not seen.all():
            assert unexplained == ()
            assert _explains(self.SPACE, conditions, trials, "child")

    @given(st.data(), SEEDS)
    @settings(max_examples=40)
    def test_nested(self, data: st.DataObject, seed: int) -> None:
        space = Space({**PARENTS, "child": PARENTS["count"], "grand": IntDistribution(1, 3)})
        outer = data.draw(_rules("category"))
        trials = _trials(
            space,
            {"child": outer, "grand": lambda p: p.get("child", 0) >= 4},
            60,
            np.random.default_rng(seed),
        )
        conditions, _ = learn_conditions(space, trials)
        for condition in conditions:
            assert _explains(space, conditions, trials, condition.child)
        grand = [c for c in conditions if c.child == "grand"]
        has = ~np.isnan(trials[:, [axis.name for axis in space.axes].index("grand")])
        assert len(grand) == int(has.any() and not has.all())

    @given(SEEDS, st.integers(1, 12))
    @settings(max_examples=60)
    def test_whatever_the_trials_had(self, seed: int, n: int) -> None:
        # Parameters that come and go at random: what is learnt holds, the rest is reported.
        rng = np.random.default_rng(seed)
        space = Space({f"x{i}": IntDistribution(0, 2) for i in range(5)})
        trials = rng.choice([0.0, 0.5, 1.0], size=(n, 5))
        trials[rng.random((n, 5)) < 0.4] = np.nan
        conditions, unexplained = learn_conditions(space, trials)
        for condition in conditions:
            assert _explains(space, conditions, trials, condition.child)
        sometimes = {f"x{i}" for i in range(5) if np.isnan(trials[:, i]).any()}
        assert {c.child for c in conditions} | set(unexplained) == sometimes
        assert {c.child for c in conditions}.isdisjoint(unexplained)
        # An axis that is its own ancestor would be an error here.
        Activity(space, conditions, [axis.coordinates for axis in space.axes])
        is_whole = rng.random(n) < 0.5
        conditions, _ = learn_conditions(space, trials, is_whole=is_whole)
        for condition in conditions:
            child = int(condition.child[1])
            known = trials[is_whole | ~np.isnan(trials[:, child])]
            assert _explains(space, conditions, known, condition.child)
        Activity(space, conditions, [axis.coordinates for axis in space.axes])

    def test_no_trials_teach_nothing(self) -> None:
        nothing = np.empty((0, len(self.SPACE)))
        assert learn_conditions(self.SPACE, nothing) == ((), ())

    def test_what_no_rule_explains_is_reported(self) -> None:
        space = Space(
            {
                "a": CategoricalDistribution([0, 1]),
                "b": CategoricalDistribution([0, 1]),
                "child": IntDistribution(1, 3),
            }
        )
        # Exclusive or.
        trials = np.array([[0, 0, np.nan], [0, 1, 0.5], [1, 0, 0.5], [1, 1, np.nan]])
        assert learn_conditions(space, trials) == ((), ("child",))

    def test_the_layers_of_a_network(self) -> None:
        space = Space(
            {"n": IntDistribution(1, 4), **{f"u{i}": IntDistribution(8, 64) for i in "1234"}}
        )
        rng = np.random.default_rng(0)
        truths: dict[str, Truth] = {f"u{i}": lambda p, i=i: p["n"] >= i for i in range(2, 5)}
        conditions, unexplained = learn_conditions(space, _trials(space, truths, 30, rng))
        assert unexplained == ()
        assert {c.child: c.parents for c in conditions} == {
            f"u{i}": (Enabling("n", None, (i, math.inf)),) for i in range(2, 5)
        }

    def test_the_neighbours_of_seen_numbers_count_as_they_do(self) -> None:
        # 4 is not seen: it lies between two values with the child. 8 lies beyond.
        space = Space({"child": IntDistribution(1, 2), "count": IntDistribution(1, 8)})
        counts = {1: False, 2: False, 3: True, 5: True}
        trials = np.array(
            [
                space.encode({"count": n} | ({"child": 1} if has else {}))
                for n, has in counts.items()
            ]
        )
        ((condition,), _) = learn_conditions(space, trials)
        assert [n for n in range(1, 9) if condition.is_active({"count": n})] == [3, 4, 5, 6, 7, 8]

    def test_values_with_gaps_are_listed(self) -> None:
        space = Space({"child": IntDistribution(1, 2), "count": IntDistribution(1, 8)})
        trials = np.array(
            [
                space.encode({"count": n} | ({"child": 1} if n in (2, 7) else {}))
                for n in range(1, 9)
            ]
        )
        assert learn_conditions(space, trials) == (
            (Condition("child", (Enabling("count", (2, 7)),)),),
            (),
        )

    def test_few_values_seen_often_are_better_evidence(self) -> None:
        # The random rate happens to separate the trials too.
        space = Space(
            {
                "a_rate": FloatDistribution(0, 1),
                "child": IntDistribution(1, 2),
                "kind": CategoricalDistribution(["x", "y"]),
            }
        )
        trials = np.array(
            [[0.1, np.nan, 0], [0.2, np.nan, 0], [0.7, 0, 1], [0.8, 1, 1], [0.9, 0, 1]]
        )
        ((condition,), _) = learn_conditions(space, trials)
        assert condition.parents == (Enabling("kind", ("y",)),)

    def test_what_is_declared_is_taken_as_given(self) -> None:
        declared = declared_conditions(
            {"child": {"count": [1, 2]}}, {**PARENTS, "child": IntDistribution(1, 3)}
        )
        truth: Truth = lambda p: p["category"] == "a"  # noqa: E731
        trials = _trials(self.SPACE, {"child": truth}, 20, np.random.default_rng(0))
        assert learn_conditions(self.SPACE, trials, declared) == (declared, ())

    def test_a_learnt_condition_makes_no_cycle_with_a_declared_one(self) -> None:
        # The objective does it the other way round than declared.
        search_space: dict[str, BaseDistribution] = {
            "a": IntDistribution(0, 1),
            "b": IntDistribution(0, 1),
            "c": IntDistribution(0, 1),
        }
        space = Space(search_space)
        declared = declared_conditions({"a": {"b": 1}, "b": {"c": [0, 1]}}, search_space)
        trials = np.array([[0, 0, np.nan], [1, 0, 0], [1, 1, 1], [0, 1, np.nan]])
        conditions, unexplained = learn_conditions(space, trials, declared)
        assert conditions == declared
        assert unexplained == ("c",)
        Activity(space, conditions, [axis.coordinates for axis in space.axes])
