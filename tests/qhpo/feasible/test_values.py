"""Values worth a draw: all that single rules leave, and what rules name."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.feasible.values import Values
from qhpo.space import Space

SPACE = Space(
    {
        "few": IntDistribution(0, 9),
        "huge": IntDistribution(0, 10**6),
        "k": CategoricalDistribution(["p", "q"]),
        "log": IntDistribution(1, 5000, log=True),
        "some": IntDistribution(1, 60),
        "x": FloatDistribution(0.0, 1.0),
    }
)
FEW, HUGE, K, LOG, SOME, X = range(6)
RULES = (
    c.relation(("log",), lambda n: n % 700 == 0),
    c.forbid(some=[n for n in range(1, 61) if n % 7]),
    c.relation(("x",), lambda x: 0.31 < x < 0.33),
    c.requires({"k": "p"}, {"huge": [123_457, 999_999]}),
    c.relation(("some", "x"), lambda n, x: n > x),
)


def _numbers(values: Values, axis: int, coordinates: np.ndarray) -> list[float]:
    return [SPACE.axes[axis].value(x) for x in coordinates.tolist()]


def test_between_the_levels() -> None:
    assert Values(SPACE, RULES).between == [HUGE, LOG, SOME, X]


def test_single_rules_leave_their_values() -> None:
    values = Values(SPACE, RULES)
    log, some = values.allowed(LOG), values.allowed(SOME)
    assert log is not None
    assert some is not None
    assert _numbers(values, LOG, log) == [700, 1400, 2100, 2800, 3500, 4200, 4900]
    assert _numbers(values, SOME, some) == [7, 14, 21, 28, 35, 42, 49, 56]
    assert values.allowed(HUGE) is None
    assert values.is_whole(SOME)
    assert not values.is_whole(X)


@pytest.mark.parametrize("seed", range(3))
def test_draws_and_samples_are_allowed(seed: int) -> None:
    values, rng = Values(SPACE, RULES), np.random.default_rng(seed)
    assert all(n % 700 == 0 for n in _numbers(values, LOG, values.draw(LOG, 50, rng)))
    assert set(_numbers(values, SOME, values.draw(SOME, 200, rng))) == set(range(7, 61, 7))
    assert all(0.31 < x < 0.33 for x in values.draw(X, 50, rng))
    assert all(0.31 < x < 0.33 for x in values.sample(X, rng))
    assert {123_457, 999_999} <= set(_numbers(values, HUGE, values.sample(HUGE, rng)))
    assert len(values.sample(HUGE, rng)) > 10


def test_without_rules_every_value_is_drawn() -> None:
    values, rng = Values(SPACE, ()), np.random.default_rng(0)
    drawn = _numbers(values, SOME, values.draw(SOME, 3000, rng))
    counts = [drawn.count(n) for n in range(1, 61)]
    assert min(counts) > 20
    assert max(counts) < 90
    assert len(set(values.draw(X, 50, rng).tolist())) == 50


def test_a_spread_has_what_is_named_and_the_ends() -> None:
    values = Values(SPACE, RULES)
    named = [123_457, 999_999]
    assert set(named) <= set(_numbers(values, HUGE, values.spread(HUGE, 10)))
    assert len(values.spread(HUGE, 10)) == 10
    assert _numbers(values, LOG, values.spread(LOG, 3)) == [700, 2800, 4900]
