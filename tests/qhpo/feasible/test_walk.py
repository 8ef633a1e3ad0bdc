"""Walks find what only asking tells, and go on from what is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.constraints import Constraint
from qhpo.feasible.walk import Walk
from qhpo.space import Space

SPACE = Space(
    {
        "k": CategoricalDistribution(["p", "q"]),
        "n": IntDistribution(0, 99),
        "x": FloatDistribution(0.0, 1.0),
        "y": FloatDistribution(0.0, 1.0),
    }
)
NOTHING = np.full(4, np.nan)
BAND = c.relation(("x", "y"), lambda x, y: abs(x * y - 0.5) < 1e-3)
OTHERS = (
    c.predicate(lambda p: p["k"] == "q"),
    c.relation(("n",), lambda n: n % 50 == 7),
)


def _walk(constraints: list[Constraint], rng: np.random.Generator) -> Walk:
    active: Callable[[np.ndarray], np.ndarray] = np.copy
    switches = np.zeros(4, dtype=bool)
    return Walk(SPACE, constraints, active, None, lambda i: SPACE.axes[i].draw(rng), switches)


def _keeps(x: np.ndarray, constraints: list[Constraint]) -> bool:
    return all(constraint.satisfied(SPACE.decode(x)) for constraint in constraints)


@pytest.mark.parametrize("seed", range(5))
def test_several_constraints_are_met_one_by_one(seed: int) -> None:
    # All together hold in a hundred-thousandth of the space.
    rules, rng = [BAND, *OTHERS], np.random.default_rng(seed)
    found = _walk(rules, rng).blind(NOTHING, rng)
    assert found is not None
    assert _keeps(found, rules)


def test_what_is_fixed_stays() -> None:
    rng = np.random.default_rng(0)
    fixed = SPACE.encode({"x": 0.75, "k": "q", "n": 3, "y": 0.1})
    fixed[3] = np.nan
    walk = _walk([BAND], rng)
    found = walk.blind(fixed, rng)
    assert found is not None
    np.testing.assert_array_equal(found[:3], fixed[:3])
    for further in walk.beside([found], 5, fixed, rng):
        np.testing.assert_array_equal(further[:3], fixed[:3])


def test_what_nothing_keeps_is_given_up() -> None:
    rng = np.random.default_rng(0)
    assert _walk([c.predicate(lambda p: False)], rng).blind(NOTHING, rng) is None
    fixed = SPACE.encode({"x": 0.1, "k": "q", "n": 3, "y": 0.1})
    assert _walk([BAND], rng).blind(fixed, rng) is None


def test_one_that_is_known_leads_along_the_band() -> None:
    rules, rng = [BAND, *OTHERS], np.random.default_rng(0)
    walk = _walk(rules, rng)
    start = SPACE.encode({"x": 0.75, "y": 0.5 / 0.75, "k": "q", "n": 57})
    found = walk.beside([start], 30, NOTHING, rng)
    assert 10 < len(found) <= 30
    assert all(_keeps(x, rules) for x in found)
    assert len({SPACE.key(x) for x in found}) == len(found)
    assert np.ptp([x[2] for x in found]) > 0.01
