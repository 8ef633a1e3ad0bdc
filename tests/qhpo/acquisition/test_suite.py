"""What is true of any acquisition, however it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.acquisition import (
    Acquisition,
    LogDeviation,
    LogEHVI,
    LogEI,
    LogFeasibility,
    LogNovelty,
    LogProduct,
)
from qhpo.space import Space
from qhpo.surrogate.base import Surrogate
from tests.qhpo.known import along_axis, every_change

FloatArray = NDArray[np.float64]


def _feasible_log_ei(surrogates: Sequence[Surrogate]) -> Acquisition:
    return LogProduct([LogEI(surrogates[:1]), LogFeasibility(surrogates)])


def _novel_and_feasible(surrogates: Sequence[Surrogate]) -> Acquisition:
    surrogate = surrogates[0]
    novelty = LogNovelty(surrogate.space, surrogate.observed)
    return LogProduct([novelty, LogFeasibility(surrogates[:1])])


ACQUISITIONS: dict[str, Callable[[Sequence[Surrogate]], Acquisition]] = {
    "log-ei": lambda surrogates: LogEI(surrogates[:1]),
    "log-ei, may repeat": lambda surrogates: LogEI(surrogates[:1], may_repeat=True),
    "log-ehvi of two": lambda surrogates: LogEHVI(surrogates[:2]),
    "log-ehvi of three, may repeat": partial(LogEHVI, may_repeat=True),
    "log-deviation": lambda surrogates: LogDeviation(surrogates[0]),
    "feasible log-ei": _feasible_log_ei,
    "novel and feasible": _novel_and_feasible,
}


@pytest.fixture(scope="module")
def points(mixed_space: Space, observe: Any) -> FloatArray:
    """Some of them partial, with values that the surrogate was not told of."""
    found: FloatArray = observe(mixed_space, 8, 31, inactive=0.2)
    assert np.isnan(found).any()
    return found


@pytest.fixture(params=ACQUISITIONS)
def acquisition(request: pytest.FixtureRequest, mixed_space: Space, make_model: Any) -> Acquisition:
    objectives = [
        make_model(mixed_space, 8, 4, n_members=3, inactive=0.2, objective=j) for j in range(3)
    ]
    return ACQUISITIONS[request.param](objectives)


def test_scores_do_not_depend_on_what_else_is_scored(
    acquisition: Acquisition, points: FloatArray
) -> None:
    scores = acquisition.score(points)
    assert scores.shape == (8,)
    assert np.isfinite(scores).all()
    each = [acquisition.score(x[None, :])[0] for x in points]
    np.testing.assert_allclose(scores, each, atol=1e-8)
    assert acquisition.score(points[:0]).shape == (0,)


@pytest.mark.parametrize("axes", [range(6), [0, 3, 5], [4], [5]])
def test_scores_of_changes_are_those_of_each_changed_configuration(
    mixed_space: Space, acquisition: Acquisition, points: FloatArray, axes: Sequence[int]
) -> None:
    chosen = np.array(axes)
    scores = acquisition.score_changes(points, chosen)
    for x, found in zip(points, scores, strict=True):
        expected = acquisition.score(every_change(mixed_space, x, chosen))
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_scores_along_an_axis_are_those_of_each_point(
    mixed_space: Space, acquisition: Acquisition, points: FloatArray
) -> None:
    x = points[0].copy()
    for axis in [*range(len(mixed_space)), *range(len(mixed_space))]:
        values = np.unique(points[~np.isnan(points[:, axis]), axis])
        found = acquisition.score_axis(x, axis, values)
        expected = acquisition.score(along_axis(x, axis, values))
        np.testing.assert_allclose(found, expected, atol=1e-8)
        # As a search along the axes in turn does.
        x[axis] = values[found.argmax()]


def test_what_is_pending_is_worth_less(acquisition: Acquisition, points: FloatArray) -> None:
    before = acquisition.score(points)
    n = [len(surrogate.observed) for surrogate in acquisition.surrogates]
    acquisition.set_pending(points[:2])
    assert (acquisition.score(points)[:2] < before[:2] - 0.1).all()
    assert [len(surrogate.observed) for surrogate in acquisition.surrogates] == [k + 2 for k in n]


def test_pending_configurations_are_those_of_the_last_call(
    acquisition: Acquisition, points: FloatArray
) -> None:
    before = acquisition.score(points)
    acquisition.set_pending(points[:2])
    acquisition.set_pending(points[:0])
    np.testing.assert_allclose(acquisition.score(points), before, atol=1e-8)
