"""A parameter that was not expected gets a value that keeps the constraints, wherever it lies."""

from __future__ import annotations

import re

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from qhpo import QhpoError
from qhpo import constraints as c
from qhpo.space import Axis
from qhpo.study import Declaration

SPACE = {"n": IntDistribution(0, 1000), "x": FloatDistribution(0.0, 1.0)}


def _value(name: str, *constraints: c.Constraint, **known: float) -> float:
    declaration = Declaration.checked(SPACE, constraints, None)
    axis = Axis.from_distribution(name, SPACE[name])
    return float(declaration.value_beside(axis, known, np.random.default_rng(0)))


def test_every_value_of_a_wide_range_is_asked_about() -> None:
    assert _value("n", c.relation(("n",), lambda n: n == 777)) == 777


def test_floats_are_asked_about_between_the_levels() -> None:
    value = _value("x", c.relation(("n", "x"), lambda n, x: 0.61 < n * x < 0.63), n=1)
    assert 0.61 < value < 0.63


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("n", "and none of its values keeps"),
        ("x", "and none of 4,096 values that were tried keeps"),
    ],
)
def test_what_was_not_tried_is_not_denied(name: str, tried: str) -> None:
    with pytest.raises(QhpoError, match=re.escape(tried)):
        _value(name, c.relation((name,), lambda value: False))
