"""Climbs end at local maxima of what is allowed, as trying out all neighbours finds them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.feasible import FeasibleSet
from qhpo.space import Space, declared_conditions
from qhpo.suggest.climb import climb, climb_pairs
from qhpo.suggest.search import Search
from tests.qhpo.known import random_tables
from tests.qhpo.strategies import Problem
from tests.qhpo.suggest.searches import (
    Where,
    everywhere,
    make_search,
    problems,
    random_configurations,
    rugged,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

seeds = st.integers(0, 2**32 - 1)


class Climb(NamedTuple):
    problem: Problem
    where: Where
    search: Search
    starts: IntArray

    def seen(self, imputed: IntArray) -> FloatArray:
        """The configurations that imputed places, (q, d), stand for."""
        return self.problem.active(self.search.occurring.coordinates(imputed))

    def neighbours(self, imputed: IntArray) -> Iterator[IntArray]:
        """What one change of an active axis leads to, of shape (d,), if that is allowed."""
        (here,) = self.seen(imputed[None, :])
        distance = self.where.distance(here[None, :])[0]
        for axis, n_levels in enumerate(self.problem.space.n_levels):
            if self.where.fixed[axis] or np.isnan(here[axis]):
                continue
            for level in set(range(n_levels)) - {int(imputed[axis])}:
                changed = imputed.copy()
                changed[axis] = level
                x = self.seen(changed[None, :])
                after = self.where.distance(x)[0]
                # From beyond the radius, changes that lead nearer are allowed.
                is_near = after <= self.where.radius or after < distance
                if is_near and self.problem.holds(x)[0] and not self.where.is_avoided(x[0]):
                    yield changed


def _climb(problem: Problem, seed: int) -> Climb:
    """Starts in a random region that keep the constraints, near the centre and many avoided."""
    space, rng = problem.space, np.random.default_rng(seed)
    d = len(space)
    observed = random_configurations(problem, 6, rng)
    is_partial = problem.feasible().is_plain and rng.random() < 0.5
    if is_partial:
        # A trial may not have asked for everything: what the centre left out stays out.
        observed[0, rng.random(d) < 0.3] = np.nan
    centre = observed[0]
    imputed = centre if is_partial else np.nan_to_num(centre)
    fixed = (rng.random(d) < rng.choice([0.0, 0.3])) & ~np.isnan(centre)
    drawn = np.stack([space.at_levels(rng.integers(space.n_levels)) for _ in range(40)])
    near = np.where(rng.random((40, d)) < rng.random((40, 1)), drawn, imputed)
    near[:, fixed] = centre[fixed]
    starts = near[problem.holds(near)][:5]
    assume(len(starts))
    around = np.where(
        rng.random((30, d)) < 0.7, starts[rng.integers(len(starts), size=30)], drawn[:30]
    )
    if is_partial:
        around[np.arange(30), rng.integers(d, size=30)] = np.nan
    avoid = np.concatenate([observed[3:], problem.active(around)[: rng.choice([0, 5, 30])]])
    where = Where(centre, avoid, fixed, int(rng.integers(d + 1)))
    search = make_search(
        problem.feasible(), where, observed, random_tables(space, rng), rugged(space, seed), near
    )
    return Climb(problem, where, search, search.occurring.places(starts))


@given(problems(), seeds, st.booleans())
@settings(max_examples=150)
def test_ends_where_no_allowed_change_is_better(
    problem: Problem, seed: int, in_parts: bool
) -> None:
    run = _climb(problem, seed)
    before = run.starts.copy()
    # As in a space of many axes: a part of the changes is looked at a step, and more steps needed.
    small = {"_LEAST_COLUMNS": 1, "_MAX_STEP_OPERATIONS": 1, "_MAX_STEPS": 1000}
    with mock.patch.multiple("qhpo.suggest.climb", **(small if in_parts else {"_MAX_STEPS": 50})):
        ends, scores = climb(run.search, run.starts)
    np.testing.assert_array_equal(run.starts, before)
    assert ends.shape == run.starts.shape
    np.testing.assert_array_equal(ends[:, run.where.fixed], before[:, run.where.fixed])
    x = run.seen(ends)
    np.testing.assert_array_equal(run.search.occurring.coordinates(run.search.active(ends)), x)
    assert problem.holds(x).all()
    for start, end, here, score in zip(before, ends, x, scores.tolist(), strict=True):
        around = list(run.neighbours(end))
        if score == -np.inf:
            assert (end == start).all()
            assert run.where.is_avoided(here)
            assert not around
            continue
        assert not run.where.is_avoided(here)
        assert score == run.search.acquisition.score(here[None, :])[0]
        (first,) = run.seen(start[None, :])
        if not run.where.is_avoided(first):
            assert score >= run.search.acquisition.score(first[None, :])[0]
        farthest = max(run.where.radius, run.where.distance(first[None, :])[0])
        assert run.where.distance(here[None, :])[0] <= farthest
        if around:
            assert run.search.acquisition.score(run.seen(np.array(around))).max() <= score + 1e-8


@given(problems(("cardinality", "all_different", "linear", "predicate")), seeds)
@settings(max_examples=60)
def test_pairs_keep_everything_and_never_lower_the_score(problem: Problem, seed: int) -> None:
    run = _climb(problem, seed)
    rng = np.random.default_rng(seed)
    imputed, best = climb(run.search, run.starts)
    order = np.argsort(-best, kind="stable")
    mean = run.search.surrogate.quadratic("mean", 0, rng)
    ends, scores = climb_pairs(run.search, imputed[order], best[order], mean, rng)
    assert 1 <= len(ends) <= len(imputed)
    assert (scores >= best[order][: len(ends)]).all()
    np.testing.assert_array_equal(
        ends[:, run.where.fixed], imputed[order][: len(ends), run.where.fixed]
    )
    x = run.seen(ends)
    assert problem.holds(x).all()
    found = np.isfinite(scores)
    assert not any(run.where.is_avoided(one) for one in x[found])
    np.testing.assert_array_equal(scores[found], run.search.acquisition.score(x[found]))


@pytest.mark.parametrize("n_refused", [0, 3])
def test_pairs_lead_where_no_single_change_is_allowed(n_refused: int) -> None:
    space = Space({name: IntDistribution(0, 1) for name in "abcdef"})
    start = np.array([1, 1, 1, 0, 0, 0])
    swaps = np.array([start] * 9)
    for k, (on, off) in enumerate(itertools.product(range(3), range(3, 6))):
        swaps[k, [on, off]] = 0, 1
    for seed in range(10):
        rng = np.random.default_rng(seed)
        tables = random_tables(space, rng)
        swaps = swaps[np.argsort(tables.energies(swaps))]
        # A black box refuses the best ones.
        refused = swaps[:n_refused].tolist()
        rules = [c.exactly(3, dict.fromkeys("abcdef", 1))]
        rules += [c.predicate(lambda p, no=no: list(p.values()) != no) for no in refused]
        where = everywhere(space, start.astype(float))
        search = make_search(FeasibleSet(space, rules), where, where.centre[None, :], tables)
        same, score = climb(search, start[None, :])
        np.testing.assert_array_equal(same, start[None, :])
        ends, scores = climb_pairs(search, same, score, tables, rng)
        # All nine swaps are looked at: the best is made, and others may follow.
        assert scores[0] >= -tables.energies(swaps[[n_refused]])[0] - 1e-9
        assert ends.sum() == 3
        assert ends[0].tolist() not in refused
        assert scores[0] == -tables.energies(ends)[0]


def test_a_switch_is_scored_with_its_children() -> None:
    space = Space({"child": IntDistribution(0, 2), "on": CategoricalDistribution([False, True])})
    conditions = declared_conditions({"child": {"on": True}}, space.search_space)
    worth = {(None, 0): 0.0, (0, 1): -1.0, (1, 1): -2.0, (2, 1): 3.0}
    off = np.array([np.nan, 0.0])
    search = make_search(
        FeasibleSet(space, (), conditions),
        everywhere(space, off),
        off[None, :],
        random_tables(space, np.random.default_rng(0)),
        # What the conditions rule out would be best.
        lambda x: np.array([worth.get(space.key(one), 9.0) for one in x]),
    )
    # What a child would be if it were active decides whether to switch it on.
    ends, scores = climb(search, np.array([[0, 0], [1, 0], [2, 0]]))
    assert ends.tolist() == [[0, 0], [1, 0], [2, 1]]
    assert scores.tolist() == [0.0, 0.0, 3.0]
