"""How new a configuration is, against the definition written as loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from qhpo.acquisition.novelty import Novelty

from qhpo.space import Axis, Space
from qhpo.surrogate.anova_gp import AnovaGP


def _sameness(axis: Axis, x: float, y: float) -> float:
    if math.isnan(x) or math.isnan(y):
        return float(math.isnan(x) and math.isnan(y))
    if axis.is_exhaustive:
        return float(x == y)
    half_a_level = 0.5 / (axis.n_levels - 1)
    return math.exp(-0.5 * ((x - y) / half_a_level) ** 2)


def _by_definition(space: Space, x: np.ndarray, visited: np.ndarray) -> float:
    products = [
        math.prod(_sameness(axis, a, b) for axis, a, b in zip(space.axes, x, y, strict=True))
        for y in visited
    ]
    return 1.0 - max(products)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.4))
@settings(max_examples=30)
def test_agrees_with_the_definition(
    mixed_space: Space, observe: Any, make_model: Any, seed: int, inactive: float
) -> None:
    visited = observe(mixed_space, 6, seed, inactive)
    # Some of the points are copies of visited ones, but for one axis.
    points = observe(mixed_space, 6, seed + 1, inactive)
    axis = np.random.default_rng(seed).integers(len(mixed_space))
    points[:3] = visited[:3]
    points[:3, axis] = observe(mixed_space, 3, seed + 2)[:, axis]
    model = make_model(mixed_space, 6, seed, inactive=inactive, others=points)
    expected = [_by_definition(mixed_space, x, visited) for x in points]
    np.testing.assert_allclose(np.exp(Novelty(model).log_of(points)), expected, atol=1e-9)


def test_of_changes_is_the_novelty_of_each_changed_configuration(
    mixed_space: Space, observe: Any, make_model: Any
) -> None:
    points = observe(mixed_space, 4, 9, inactive=0.3)
    novelty = Novelty(make_model(mixed_space, 6, inactive=0.2, others=points))
    axis = np.repeat(np.arange(len(mixed_space)), mixed_space.n_levels)
    levels = np.concatenate([axis.coordinates for axis in mixed_space.axes])
    for point, got in zip(points, novelty.log_of_changes(points), strict=True):
        changed = np.tile(point, (len(axis), 1))
        changed[np.arange(len(axis)), axis] = levels
        np.testing.assert_allclose(got, novelty.log_of(changed), atol=1e-9)


def test_rises_from_nothing_at_a_visited_configuration(hyperparameters: Any) -> None:
    space = Space({"n": IntDistribution(0, 3), "x": FloatDistribution(0, 1)})
    visited = space.encode({"n": 1, "x": 0.4})[None, :]
    away = np.array([[visited[0, 0], x] for x in np.linspace(0.4, 1.0, 50)])
    other = space.encode({"n": 2, "x": 0.4})[None, :]
    members = hyperparameters(space, 1)
    novelty = Novelty(AnovaGP(space, visited, np.zeros(1), members, np.concatenate([away, other])))
    assert not novelty.is_constant
    course = np.exp(novelty.log_of(away))
    assert course[0] == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(course) >= 0).all()
    assert course[-1] == pytest.approx(1.0, abs=1e-6)
    assert np.isfinite(novelty.log_of(visited)).all()
    assert novelty.log_of(other)[0] == pytest.approx(0.0)


def test_is_the_same_everywhere_where_no_number_lies_between_levels(hyperparameters: Any) -> None:
    space = Space({"n": IntDistribution(0, 3), "m": IntDistribution(0, 3)})
    every = np.array([space.encode({"n": i, "m": j}) for i in range(4) for j in range(4)])
    model = AnovaGP(space, every[:5], np.zeros(5), hyperparameters(space, 1))
    assert Novelty(model).is_constant
    assert not Novelty(model).log_of(every[5:]).any()
    assert not Novelty(model).log_of_changes(every[5:]).any()
