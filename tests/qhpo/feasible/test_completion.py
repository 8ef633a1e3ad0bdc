"""Value by value: chains, stars and grids of rules over wide numbers, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.feasible import FeasibleSet
from qhpo.space import Space, declared_conditions

Link = Callable[[str, str], c.Constraint]

NAMES = [f"w{i:02d}" for i in range(16)]
CHAIN = list(pairwise(NAMES))
STAR = [(NAMES[0], name) for name in NAMES[1:]]
GRID = [(NAMES[i], NAMES[i + 1]) for i in range(15) if i % 4 < 3]
GRID += [(NAMES[i], NAMES[i + 4]) for i in range(12)]


def _not_above(first: int, second: int) -> bool:
    return second <= first


def _row(first: str, second: str) -> c.Constraint:
    return c.linear({second: 1, first: -1}, "<=", 0)


def _asked(first: str, second: str) -> c.Constraint:
    return c.relation((first, second), _not_above)


def _divides(first: str, second: str) -> c.Constraint:
    return c.relation((first, second), lambda a, b: a % b == 0)


@pytest.mark.parametrize("pairs", [CHAIN, STAR, GRID], ids=["chain", "star", "grid"])
@pytest.mark.parametrize("link", [_row, _asked, _divides])
@pytest.mark.parametrize("top", [8, 512, 5000])
def test_links_are_kept_by_draws_and_nearest_configurations(
    pairs: list[tuple[str, str]], link: Link, top: int
) -> None:
    distributions: dict[str, BaseDistribution] = {n: IntDistribution(1, top) for n in NAMES}
    distributions["kind"] = CategoricalDistribution("ab")
    rules = [link(*pair) for pair in pairs]
    rules.append(c.requires({"kind": "a"}, {NAMES[3]: [1, 2]}))
    domain, rng = FeasibleSet(Space(distributions), rules), np.random.default_rng(0)
    fixed = np.full(len(domain.space), np.nan)
    fixed[0] = domain.space.axes[0].coordinate("a")
    drawn = domain.draws(8, fixed, rng)
    assert len(drawn) == 8
    assert all(domain.satisfied(x) and x[0] == fixed[0] for x in drawn)
    row = np.array([axis.draw(rng) for axis in domain.space.axes])
    nearest = domain.nearest(row, np.full(len(row), np.nan), rng)
    assert nearest is not None
    assert domain.satisfied(nearest)
    np.testing.assert_array_equal(domain.nearest(nearest, fixed * np.nan, rng), nearest)


def test_draws_of_a_chain_are_spread() -> None:
    space = Space({name: IntDistribution(1, 512) for name in NAMES})
    domain = FeasibleSet(space, [_row(*pair) for pair in CHAIN])
    free = np.full(len(space), np.nan)
    drawn = np.array(domain.draws(50, free, np.random.default_rng(0)))
    # Of 16 numbers in falling order the k-th has a mean of 1 - k / 17.
    np.testing.assert_allclose(drawn.mean(axis=0), 1.0 - np.arange(1, 17) / 17.0, atol=0.16)
    assert len(np.unique(drawn, axis=0)) == 50


def test_floats_of_a_chain_are_told_apart() -> None:
    space = Space({name: FloatDistribution(0.0, 1.0) for name in NAMES})
    domain = FeasibleSet(space, [_row(*pair) for pair in CHAIN])
    for x in domain.draws(5, np.full(len(space), np.nan), np.random.default_rng(0)):
        assert domain.satisfied(x)
        assert len(np.unique(x)) == len(x)


def test_a_chain_that_ends_above_its_beginning_is_proven_to_leave_nothing() -> None:
    space = Space({name: IntDistribution(1, 512) for name in NAMES})
    rules = [_row(*pair) for pair in CHAIN]
    free, rng = np.full(len(space), np.nan), np.random.default_rng(0)
    tight = c.linear({NAMES[-1]: 1, NAMES[0]: -1}, ">=", 0)
    found = FeasibleSet(space, [*rules, tight]).find(free, rng)
    assert found.coordinates is not None
    assert len(set(found.coordinates)) == 1
    wrong = c.linear({NAMES[-1]: 1, NAMES[0]: -1}, ">=", 1)
    assert FeasibleSet(space, [*rules, wrong]).find(free, rng).is_proof
    fixed = free.copy()
    fixed[0], fixed[-1] = space.axes[0].coordinate(100), space.axes[-1].coordinate(101)
    assert FeasibleSet(space, rules).find(fixed, rng).is_proof


def test_levels_of_a_chain_are_repaired_with_as_few_changes_as_its_breaks() -> None:
    space = Space({name: IntDistribution(1, 16) for name in NAMES})
    moves = FeasibleSet(space, [_asked(*pair) for pair in CHAIN]).levels
    falling = np.arange(16)[::-1].astype(np.intp)
    broken = np.stack([falling, falling])
    broken[0, 8], broken[1, [2, 12]] = 15, 0
    nothing = np.zeros(16, dtype=bool)
    repaired, ok = moves.repair(broken, nothing, np.random.default_rng(0))
    assert ok.all()
    assert (moves.violation(repaired) == 0.0).all()
    assert (repaired[0, :7] == falling[:7]).sum() + (repaired[0, 10:] == falling[10:]).sum() >= 6


def test_inactive_numbers_break_no_link() -> None:
    distributions: dict[str, BaseDistribution] = {n: IntDistribution(1, 512) for n in NAMES}
    distributions["depth"] = IntDistribution(1, 16)
    conditions = declared_conditions(
        {name: {"depth": list(range(k + 1, 17))} for k, name in enumerate(NAMES) if k},
        distributions,
    )
    domain = FeasibleSet(Space(distributions), [_row(*pair) for pair in CHAIN], conditions)
    free, rng = np.full(17, np.nan), np.random.default_rng(0)
    drawn = domain.draws(20, free, rng)
    assert len(drawn) == 20
    assert all(domain.satisfied(x) and domain.is_whole(x) for x in drawn)
    assert len({int(np.isnan(x).sum()) for x in drawn}) > 5
