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


def _n_exceptions(space: Space, conditions: Any, coordinates: FloatArray, child: str) -> int:
    """Trials that have a child where they should not, or lack it where they should have it."""
    of_child = [c for c in conditions if c.child == child]
    params = [space.decode(row) for row in coordinates]
    return sum(all(c.is_active(p) for c in of_child) != (child in p) for p in params)


def _nearly_explains(space: Space, conditions: Any, coordinates: FloatArray, child: str) -> bool:
    """Whether few trials are exceptions to the conditions of a child."""
    most = max(1, len(coordinates) // 10)
    return _n_exceptions(space, conditions, coordinates, child) <= most


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
            # Of few trials a list is shorter than a rule.
            is_known = _nearly_explains(self.SPACE, conditions, trials, "child")
            assert is_known or min(seen.sum(), (~seen).sum()) < 4

    @given(st.data(), st.sampled_from(list(itertools.combinations(sorted(PARENTS), 2))), SEEDS)
    @settings(max_examples=40)
    def test_two_parents(self, data: st.DataObject, parents: tuple[str, str], seed: int) -> None:
        one, other = (data.draw(_rules(parent)) for parent in parents)
        trials = _trials(
            self.SPACE, {"child": lambda p: one(p) and other(p)}, 60, np.random.default_rng(seed)
        )
        conditions, _ = learn_conditions(self.SPACE, trials)
        seen = ~np.isnan(trials[:, 1])
        if seen.any() and not seen.all():
            # Of few trials a list is shorter than a rule with four ends.
            is_known = _nearly_explains(self.SPACE, conditions, trials, "child")
            assert is_known or min(seen.sum(), (~seen).sum()) < 10

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
        for name in ("child", "grand"):
            has = ~np.isnan(trials[:, [axis.name for axis in space.axes].index(name)])
            if has.any():
                assert _nearly_explains(space, conditions, trials, name)

    @given(SEEDS, st.integers(1, 12))
    @settings(max_examples=60)
    def test_whatever_the_trials_had(self, seed: int, n: int) -> None:
        # Parameters that come and go at random: what is learnt holds.
        rng = np.random.default_rng(seed)
        space = Space({f"x{i}": IntDistribution(0, 2) for i in range(5)})
        trials = rng.choice([0.0, 0.5, 1.0], size=(n, 5))
        trials[rng.random((n, 5)) < 0.4] = np.nan
        conditions, gone = learn_conditions(space, trials)
        for condition in conditions:
            assert _nearly_explains(space, conditions, trials, condition.child)
        sometimes = {f"x{i}" for i in range(5) if np.isnan(trials[:, i]).any()}
        assert {c.child for c in conditions} | set(gone) <= sometimes
        assert {c.child for c in conditions}.isdisjoint(gone)
        assert all(np.isnan(trials[-10:, int(name[1])]).all() for name in gone)
        # An axis that is its own ancestor would be an error here.
        Activity(space, conditions, [axis.coordinates for axis in space.axes])
        is_whole = rng.random(n) < 0.5
        conditions, _ = learn_conditions(space, trials, is_whole=is_whole)
        for condition in conditions:
            child = int(condition.child[1])
            known = trials[is_whole | ~np.isnan(trials[:, child])]
            assert _nearly_explains(space, conditions, known, condition.child)
        Activity(space, conditions, [axis.coordinates for axis in space.axes])

    def test_no_trials_teach_nothing(self) -> None:
        nothing = np.empty((0, len(self.SPACE)))
        assert learn_conditions(self.SPACE, nothing) == ((), ())

    def test_what_no_rule_explains_is_gone_once_the_last_trials_lack_it(self) -> None:
        space = Space(
            {
                "a": CategoricalDistribution([0, 1]),
                "b": CategoricalDistribution([0, 1]),
                "child": IntDistribution(1, 3),
            }
        )
        # Exclusive or.
        trials = np.array([[0, 0, np.nan], [0, 1, 0.5], [1, 0, 0.5], [1, 1, np.nan]])
        assert learn_conditions(space, trials) == ((), ())
        trials = np.concatenate([trials, [[0, 0, np.nan], [1, 1, np.nan]] * 4])
        assert learn_conditions(space, trials) == ((), ())
        trials = np.concatenate([trials, [[0, 0, np.nan]]])
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

    @given(SEEDS, st.integers(3, 40))
    @settings(max_examples=30)
    def test_one_trial_that_lacks_a_parameter_is_an_exception(self, seed: int, n: int) -> None:
        space = Space({name: FloatDistribution(-5, 5) for name in "xyz"})
        trials = np.random.default_rng(seed).random((n, 3))
        trials[0, 1:] = np.nan
        conditions, unexplained = learn_conditions(space, trials)
        assert unexplained == ()
        # Of few trials it may have been the first of many at an end of x.
        assert n < 10 or conditions == ()

    @given(SEEDS, st.sampled_from([150, 300]))
    @settings(max_examples=20, deadline=None)
    def test_exceptions_of_both_kinds_leave_a_rule_as_it_is(self, seed: int, n: int) -> None:
        rng = np.random.default_rng(seed)
        truth: Truth = lambda p: p["category"] in ("a", "c")  # noqa: E731
        trials = _trials(self.SPACE, {"child": truth}, n, rng)
        has = ~np.isnan(trials[:, 1])
        lacking, having = np.flatnonzero(has)[:2], np.flatnonzero(~has)[:1]
        trials[lacking, 1], trials[having, 1] = np.nan, 0.5
        ((condition,), _) = learn_conditions(self.SPACE, trials)
        assert condition.parents == (Enabling("category", ("a", "c")),)

    @given(SEEDS)
    @settings(max_examples=20, deadline=None)
    def test_exceptions_to_a_rule_of_two_parents(self, seed: int) -> None:
        truth: Truth = lambda p: p["category"] in ("a", "c") and p["count"] >= 4  # noqa: E731
        trials = _trials(self.SPACE, {"child": truth}, 150, np.random.default_rng(seed))
        has = ~np.isnan(trials[:, 1])
        trials[np.flatnonzero(has)[0], 1], trials[np.flatnonzero(~has)[0], 1] = np.nan, 0.5
        ((condition,), _) = learn_conditions(self.SPACE, trials)
        parents = {p.parent: p for p in condition.parents}
        assert parents["category"].values == ("a", "c")
        assert parents["count"].limits == (4, math.inf)

    def test_a_parameter_that_nearly_all_trials_have_is_active_always(self) -> None:
        rng = np.random.default_rng(0)
        trials = _trials(self.SPACE, {}, 60, rng)
        trials[rng.choice(60, 4, replace=False), 1] = np.nan
        assert learn_conditions(self.SPACE, trials) == ((), ())

    def test_of_equal_rules_the_parent_that_explains_more_trials(self) -> None:
        # Both separate the trials, with three distinct values each; every trial has n.
        space = Space(
            {"n": IntDistribution(1, 3), "u1": IntDistribution(1, 3), "u2": IntDistribution(1, 9)}
        )
        rows = [{"n": 1}, {"n": 1}, {"n": 2, "u1": 1}, {"n": 2, "u1": 2}]
        rows += [{"n": 3, "u1": 3, "u2": 5}] * 2
        conditions, _ = learn_conditions(space, np.array([space.encode(row) for row in rows]))
        assert conditions[1] == Condition("u2", (Enabling("n", None, (3, math.inf)),))

    def test_a_wrong_rule_is_revised_when_trials_contradict_it(self) -> None:
        space = Space(
            {
                "layers": IntDistribution(1, 9),
                "units_1": CategoricalDistribution([16, 64]),
                "units_2": IntDistribution(8, 64),
            }
        )
        rows: list[dict[str, int]] = [{"layers": 1}, {"layers": 2, "units_1": 16}]
        rows += [{"layers": n, "units_1": 64, "units_2": 9} for n in (3, 4)]

        def parents() -> list[str]:
            conditions, _ = learn_conditions(space, np.array([space.encode(row) for row in rows]))
            return [p.parent for c in conditions if c.child == "units_2" for p in c.parents]

        assert parents() == ["units_1"]
        rows.append({"layers": 5, "units_1": 16, "units_2": 8})
        rows.append({"layers": 2, "units_1": 64})
        assert parents() == ["layers"]

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
        assert unexplained == ()
        Activity(space, conditions, [axis.coordinates for axis in space.axes])
