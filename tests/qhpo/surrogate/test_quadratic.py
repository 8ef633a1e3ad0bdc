"""The quadratic models: exact for the mean, and draws of the right distribution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.base import Part
from tests.qhpo.known import assert_normal

N = 9


@pytest.fixture
def observed(mixed_space: Space, observe: Any) -> np.ndarray:
    """Configurations on, between and off the axes' levels."""
    coordinates = observe(mixed_space, N, 3, inactive=0.15)
    assert np.isnan(coordinates).any()
    return coordinates


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(N)


def _random_levels(space: Space, n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(space.n_levels, size=(n, len(space)))


def test_of_the_mean_is_the_first_two_orders(
    mixed_space: Space, observed: np.ndarray, y: np.ndarray, hyperparameters: Any, textbook: Any
) -> None:
    members = hyperparameters(mixed_space, 2)
    model = AnovaGP(mixed_space, observed, y, members)
    levels = _random_levels(mixed_space, 10)
    points = mixed_space.at_levels(levels)
    for m, h in enumerate(members):
        expected, _ = textbook.posterior(mixed_space, observed, y, h, points, n_orders=2)
        tables = model.quadratic("mean", m, np.random.default_rng(0))
        np.testing.assert_allclose(tables.energies(levels), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("names", "n", "share"),
    [(("activation", "depth", "half"), 9, 1.0), (("depth", "rate"), 3, 0.3)],
)
def test_draws_have_mean_and_covariance_of_the_posterior(
    mixed_space: Space,
    observe: Any,
    y: np.ndarray,
    hyperparameters: Any,
    textbook: Any,
    names: tuple[str, ...],
    n: int,
    share: float,
) -> None:
    space = Space({name: mixed_space.search_space[name] for name in names})
    x, y = observe(space, n, 2, inactive=0.15), y[:n]
    assert np.isnan(x).any()
    (h,) = hyperparameters(space, 1)
    # So short that what is between the levels is not what is on them; with little else to say, the
    # constant counts.
    h = replace(h, lengthscale=np.full(len(space), 0.15), relevance=share * h.relevance)
    levels = np.unique(_random_levels(space, 30), axis=0)
    points = space.at_levels(levels)
    mean, covariance = textbook.posterior(space, x, y, h, points, n_orders=2)
    model = AnovaGP(space, x, y, [h])
    rng = np.random.default_rng(12)
    draws = [model.quadratic("draw", 0, rng).energies(levels) for _ in range(3000)]
    assert_normal(np.stack(draws), mean, covariance)


@pytest.mark.parametrize("free", [[0, 1], [2]])
def test_draws_of_some_axes_have_the_posterior_where_the_others_are_fixed(
    mixed_space: Space, observe: Any, hyperparameters: Any, textbook: Any, free: list[int]
) -> None:
    space = Space({name: mixed_space.search_space[name] for name in ("activation", "half", "rate")})
    x, y = observe(space, 7, 2, inactive=0.15), np.random.default_rng(0).standard_normal(7)
    (h,) = hyperparameters(space, 1)
    axes = np.array(free)
    levels = np.unique(_random_levels(space, 40)[:, axes], axis=0)
    # The fixed number lies between its levels.
    points = np.tile([1.0, 0.0, 0.437], (len(levels), 1))
    whole = np.zeros((len(levels), len(space)), dtype=np.intp)
    whole[:, axes] = levels
    points[:, axes] = space.at_levels(whole)[:, axes]
    mean, covariance = textbook.posterior(space, x, y, h, points, n_orders=2)
    model = AnovaGP(space, x, y, [h])
    rng, part = np.random.default_rng(12), Part(axes, points[0])
    draws = np.stack([model.quadratic("draw", 0, rng, part).energies(levels) for _ in range(3000)])
    # Energies are known but for a constant.
    contrast = np.eye(len(levels))[1:] - np.eye(len(levels))[0]
    assert_normal(draws @ contrast.T, contrast @ mean, contrast @ covariance @ contrast.T)
    expected, _ = textbook.posterior(space, x, y, h, points, n_orders=2)
    tables = model.quadratic("mean", 0, rng, part).energies(levels)
    np.testing.assert_allclose(contrast @ tables, contrast @ expected, atol=1e-8)
