"""The posterior against a textbook Gaussian process, on every way of asking it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution

from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.base import Moments
from qhpo.surrogate.hyperparameters import Hyperparameters
from tests.qhpo.known import along_axis, every_change

FloatArray = np.ndarray


def _at_once(model: AnovaGP, points: FloatArray) -> tuple[Moments, FloatArray]:
    return model.predict(points), points


def _changes(model: AnovaGP, points: FloatArray) -> tuple[Moments, FloatArray]:
    moments = model.predict_changes(points, np.arange(len(model.space)))
    flat = Moments(*(part.reshape(model.n_members, -1) for part in moments))
    return flat, np.concatenate([every_change(model.space, x) for x in points])


def _axes(model: AnovaGP, points: FloatArray) -> tuple[Moments, FloatArray]:
    """Every axis of every point at its values in all points."""
    moments, asked = [], []
    for x in points:
        for axis, column in enumerate(points.T):
            values = column[~np.isnan(column)]
            moments.append(model.predict_axis(x, axis, values))
            asked.append(along_axis(x, axis, values))
    return Moments(
        *(np.concatenate(p, axis=1) for p in zip(*moments, strict=True))
    ), np.concatenate(asked)


def _check(textbook: Any, model: AnovaGP, y: FloatArray, members: Any, asked: Any) -> None:
    moments, points = asked
    for m, h in enumerate(members):
        mean, covariance = textbook.posterior(model.space, model.observed, y[m], h, points)
        np.testing.assert_allclose(moments.mean[m], mean, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(
            moments.variance[m], np.diagonal(covariance), rtol=1e-9, atol=1e-8
        )


@pytest.mark.parametrize("ask", [_at_once, _changes, _axes])
@pytest.mark.parametrize(("seed", "inactive"), [(0, 0.0), (1, 0.25)])
def test_agrees_with_the_textbook(
    mixed_space: Space,
    observe: Any,
    hyperparameters: Any,
    textbook: Any,
    seed: int,
    inactive: float,
    ask: Any,
) -> None:
    x, points = (
        observe(mixed_space, 9, seed, inactive),
        observe(mixed_space, 4, 50 + seed, inactive),
    )
    members = hyperparameters(mixed_space, 2)
    y = np.random.default_rng(seed).standard_normal((2, 9))
    model = AnovaGP(mixed_space, x, y, members)
    _check(textbook, model, y, members, ask(model, points))


@pytest.mark.parametrize("relevance", [0.05, 1.5], ids=["terms small", "factors below zero"])
def test_many_axes_of_few_values_are_predicted_as_others_are(
    observe: Any, textbook: Any, relevance: float
) -> None:
    space = Space({f"x{i:02}": CategoricalDistribution(range(2 + i % 3)) for i in range(20)})
    d = len(space)
    h = Hyperparameters(
        np.full(d, relevance), np.full(d, 0.5), np.linspace(0.1, 3.0, d), 0.7, 0.4, 0.2, 0.01
    )
    x, points = observe(space, 10, 0, 0.2), observe(space, 5, 1, 0.2)
    assert (min(textbook.terms(space, x[0], x[1], h)) < -1.0) == (relevance > 1.0)
    y = np.random.default_rng(0).standard_normal((1, 10))
    model = AnovaGP(space, x, y, [h])
    _check(textbook, model, y, [h], _at_once(model, points))
    _check(textbook, model, y, [h], _changes(model, points[:1]))


def test_a_hundred_observations_are_as_few(
    small_space: Space, observe: Any, hyperparameters: Any, textbook: Any
) -> None:
    x = observe(small_space, 100, 0, inactive=0.2)
    y = np.random.default_rng(0).standard_normal((1, 100))
    members = hyperparameters(small_space, 1)
    model = AnovaGP(small_space, x, y, members)
    _check(textbook, model, y, members, _at_once(model, observe(small_space, 5, 1)))
    mean, _ = textbook.posterior(small_space, x, y[0], members[0], x)
    np.testing.assert_allclose(model.observed_mean[0], mean, atol=1e-8)


def test_observations_leave_less_uncertainty_than_their_own_noise(
    mixed_space: Space, observe: Any, hyperparameters: Any
) -> None:
    x = observe(mixed_space, 10, 0)
    members = [
        replace(h, noise=noise) for h in hyperparameters(mixed_space, 1) for noise in (0.01, 0.2)
    ]
    variance = AnovaGP(mixed_space, x, np.zeros(10), members).predict(x).variance
    assert (variance > 0.0).all()
    assert (variance[0] < 0.01).all()
    assert (variance[1] < 0.2).all()


def test_what_is_left_out_is_predicted_from_the_others(
    mixed_space: Space, observe: Any, hyperparameters: Any
) -> None:
    x = observe(mixed_space, 9, 0, inactive=0.1)
    members = hyperparameters(mixed_space, 2)
    y = np.random.default_rng(0).standard_normal((2, 9))
    left_out = AnovaGP(mixed_space, x, y, members).left_out()
    for i in range(9):
        others = np.delete(np.arange(9), i)
        without = AnovaGP(mixed_space, x[others], y[:, others], members)
        np.testing.assert_allclose(left_out[:, i], without.predict(x[[i]]).mean[:, 0], atol=1e-9)
