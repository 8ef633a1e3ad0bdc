"""The polish off the grid: legal, no worse, and only where it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.feasible import FeasibleSet
from qhpo.space import Space
from qhpo.suggest.polish import polish
from tests.qhpo.known import KnownScore

SPACE = Space(
    {
        "batch": IntDistribution(1, 1000, log=True),
        "depth": IntDistribution(1, 4),
        "drop": FloatDistribution(0.0, 0.95, step=0.05),
        "kind": CategoricalDistribution(["a", "b", "c"]),
        "rate": FloatDistribution(1e-5, 1e-1, log=True),
        "width": IntDistribution(-50, 50),
    }
)
BETWEEN = np.array([not axis.is_exhaustive for axis in SPACE.axes])
FLOATS = Space({name: FloatDistribution(0, 1) for name in "abc"})


def _near(target: np.ndarray, space: Space = SPACE) -> KnownScore:
    """A score that is 0 at a configuration and falls away from it."""
    return KnownScore(space, lambda x: -np.nansum((x - target) ** 2, axis=1))


def _polish(
    score: KnownScore,
    x: Sequence[float] | np.ndarray,
    constraints: Sequence[c.Constraint] = (),
    fixed: np.ndarray | None = None,
    seed: int = 0,
    space: Space = SPACE,
) -> tuple[np.ndarray, float]:
    start = np.array(x, dtype=float)
    fixed = np.zeros(len(space), dtype=bool) if fixed is None else fixed
    given_start = start.copy()
    found = polish(
        score, start, fixed, np.random.default_rng(seed), FeasibleSet(space, constraints)
    )
    np.testing.assert_array_equal(start, given_start)
    return found


@given(st.integers(0, 2**32 - 1), st.lists(st.booleans(), min_size=6, max_size=6).map(np.array))
@settings(max_examples=50)
def test_is_legal_and_never_lowers_the_score(observe: Any, seed: int, fixed: np.ndarray) -> None:
    target, start = observe(SPACE, 2, seed)
    # What a trial left out stays out.
    start[np.random.default_rng(seed).random(6) < 0.2] = np.nan
    score = _near(target)
    polished, value = _polish(score, start, fixed=fixed, seed=seed)
    stays = fixed | ~BETWEEN | np.isnan(start)
    np.testing.assert_array_equal(polished[stays], start[stays])
    for axis, after in zip(SPACE.axes, polished.tolist(), strict=True):
        if not np.isnan(after):
            assert axis.coordinate(axis.value(after)) == pytest.approx(after, abs=1e-12)
    assert value == score.score(polished[None, :])[0]
    assert value >= score.score(start[None, :])[0]


def test_finds_the_top_between_the_levels(observe: Any) -> None:
    for target in observe(SPACE, 20, 5):
        levels = SPACE.at_levels(SPACE.nearest_levels(target))
        polished, _ = _polish(_near(target), levels)
        # A tenth of a level, or the nearest of the values that there are.
        reached = np.abs(polished - target) <= 0.1 / 15
        steps = np.array([1.0 / (axis.n_values - 1) for axis in SPACE.axes])
        assert (reached | (np.abs(polished - target) <= steps)).all()


def test_is_decided_by_the_generator(observe: Any) -> None:
    target, start = observe(SPACE, 2, 0)
    one, other, third = (_polish(_near(target), start, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_reaches_the_end_that_a_linear_constraint_leaves() -> None:
    score = KnownScore(FLOATS, lambda x: x[:, 0])
    fixed = np.array([False, True, True])
    start = [0.3, 0.2, 0.9]
    rules = [c.linear({"a": 1, "b": 2}, "<=", 0.8)]
    polished, value = _polish(score, start, rules, fixed, space=FLOATS)
    assert value == polished[0] == pytest.approx(0.4, abs=1e-9)
    assert FeasibleSet(FLOATS, rules).satisfied(polished)


def test_slides_along_an_equality() -> None:
    rules = [c.linear({"a": 1, "b": 2}, "==", 1)]
    score = _near(np.array([0.37, np.nan, np.nan]), FLOATS)
    polished, _ = _polish(score, [0.3, 0.35, 0.5], rules, space=FLOATS)
    assert polished[0] == pytest.approx(0.37, abs=0.01)
    assert FeasibleSet(FLOATS, rules).satisfied(polished)
    for fixed in np.eye(3, dtype=bool)[:2]:
        stays, _ = _polish(score, [0.3, 0.35, 0.5], rules, fixed, space=FLOATS)
        np.testing.assert_allclose(stays[:2], [0.3, 0.35], atol=1e-9)
    partial, _ = _polish(score, [np.nan, 0.35, 0.5], rules, space=FLOATS)
    assert np.isnan(partial[0])


@pytest.mark.parametrize("seed", range(5))
def test_keeps_what_can_only_be_asked(observe: Any, seed: int) -> None:
    rules = [c.predicate(lambda p: p["width"] % 3 == 0), c.requires({"kind": "a"}, {"depth": 1})]
    feasible = FeasibleSet(SPACE, rules)
    target, *others = observe(SPACE, 40, seed)
    start = next(x for x in others if feasible.satisfied(x))
    polished, value = _polish(_near(target), start, rules, seed=seed)
    assert feasible.satisfied(polished)
    assert value > _near(target).score(start[None, :])[0]
