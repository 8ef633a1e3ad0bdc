"""The polish off the grid: legal, no worse, and only where it may."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from qhpo.acquisition.local_search import LogEI
from qhpo.acquisition.polish import polish

from qhpo.feasible import FeasibleSet
from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP


@pytest.fixture(scope="module")
def space() -> Space:
    return Space(
        {
            "batch": IntDistribution(1, 1000, log=True),
            "depth": IntDistribution(1, 4),
            "drop": FloatDistribution(0.0, 0.95, step=0.05),
            "kind": CategoricalDistribution(["a", "b", "c"]),
            "rate": FloatDistribution(1e-5, 1e-1, log=True),
            "width": IntDistribution(-50, 50),
        }
    )


@pytest.fixture(scope="module")
def score(space: Space, make_model: Any) -> LogEI:
    return LogEI(make_model(space, 12, 1, n_members=2))


def _score_at(score: LogEI, coordinates: np.ndarray) -> float:
    """By another way than the polish's own: with the configuration in the support."""
    model = score.model
    observed = model.bank.coordinates_of(model.bank.rows_at(model.places))
    wider = AnovaGP(model.space, observed, model.y, model.members, coordinates[None, :])
    return float(LogEI(wider)(wider.bank.rows_of(coordinates[None, :]))[0])


@given(st.integers(0, 2**32 - 1), st.lists(st.booleans(), min_size=6, max_size=6))
@settings(max_examples=30)
def test_keeps_the_rules_and_never_lowers_the_score(
    space: Space, observe: Any, score: LogEI, seed: int, frozen_axes: list[bool]
) -> None:
    frozen = np.array(frozen_axes)
    assume(any(not axis.is_exhaustive for axis, f in zip(space.axes, frozen, strict=True) if not f))
    start = observe(space, 1, seed)[0]
    given_start = start.copy()
    polished, value = polish(
        score, start, frozen, np.random.default_rng(seed), FeasibleSet(score.model.space)
    )
    np.testing.assert_array_equal(start, given_start)
    for axis, before, after, is_frozen in zip(space.axes, start, polished, frozen, strict=True):
        if is_frozen or axis.is_exhaustive:
            assert after == before
        legal = axis.value(float(after))
        assert axis.contains(legal)
        assert axis.coordinate(legal) == pytest.approx(after, abs=1e-12)
    assert value == pytest.approx(_score_at(score, polished), abs=1e-7)
    assert value >= _score_at(score, start) - 1e-9


def test_gains_between_the_levels(space: Space, observe: Any, score: LogEI) -> None:
    free = np.zeros(len(space), dtype=bool)
    gains = []
    for start in observe(space, 10, 5):
        levels = space.at_levels(space.nearest_levels(start))
        polished, value = polish(
            score, levels, free, np.random.default_rng(0), FeasibleSet(score.model.space)
        )
        gains.append(value - _score_at(score, levels))
        assert (polished != levels).any()
    assert np.mean(gains) > 0.01


def test_finds_the_top_of_a_smooth_score(hyperparameters: Any) -> None:
    space = Space({"x": FloatDistribution(0, 1)})
    x = np.array([[0.1], [0.35], [0.5], [0.9]])
    y = np.array([0.8, -0.9, -0.7, 0.8])
    score = LogEI(AnovaGP(space, x, y, hyperparameters(space, 1)))
    grid = np.linspace(0, 1, 2001)[:, None]
    wider = AnovaGP(space, x, y, score.model.members, grid)
    best = LogEI(wider)(wider.bank.rows_of(grid)).max()
    tops = [
        polish(
            score,
            start,
            np.zeros(1, dtype=bool),
            np.random.default_rng(0),
            FeasibleSet(score.model.space),
        )[1]
        for start in space.axes[0].coordinates[:, None]
    ]
    assert max(tops) == pytest.approx(best, abs=1e-2)


def test_nothing_to_polish_returns_the_configuration_and_its_score(
    space: Space, observe: Any, score: LogEI
) -> None:
    start = observe(space, 1, 0)[0]
    frozen = np.ones(len(space), dtype=bool)
    polished, value = polish(
        score, start, frozen, np.random.default_rng(0), FeasibleSet(score.model.space)
    )
    np.testing.assert_array_equal(polished, start)
    assert value == pytest.approx(_score_at(score, start), abs=1e-7)


def test_is_decided_by_the_generator(space: Space, observe: Any, score: LogEI) -> None:
    start, free = observe(space, 1, 0)[0], np.zeros(len(space), dtype=bool)
    one, other, third = (
        polish(score, start, free, np.random.default_rng(seed), FeasibleSet(score.model.space))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_leaves_inactive_parameters_inactive(space: Space, observe: Any, score: LogEI) -> None:
    start = observe(space, 1, 0)[0]
    free = np.zeros(len(space), dtype=bool)
    for i, axis in enumerate(space.axes):
        partial = start.copy()
        partial[i] = np.nan
        polished, _ = polish(
            score, partial, free, np.random.default_rng(0), FeasibleSet(score.model.space)
        )
        assert np.isnan(polished[i]), axis.name
        assert np.isnan(polished).sum() == 1
