"""The log posterior, its gradient, and the fit that climbs it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal, norm

from qhpo.space import Space
from qhpo.surrogate.hyperparameters import (
    ENSEMBLE,
    Hyperparameters,
    Prior,
    _LogPosterior,
    _unpack,
    fit_map,
)
from qhpo.surrogate.transform import standardized

CASES = [(0, 0.0), (1, 0.0), (2, 0.3)]


def _posterior(space: Space, coordinates: np.ndarray, y: np.ndarray) -> _LogPosterior:
    return _LogPosterior(space, coordinates, y, Prior())


def _everything(h: Hyperparameters) -> np.ndarray:
    """All hyperparameters in the order of theta."""
    return np.concatenate([np.atleast_1d(getattr(h, field.name)) for field in fields(h)])


def _theta(objective: _LogPosterior, seed: int) -> np.ndarray:
    offset = np.random.default_rng(seed).uniform(-0.5, 0.5, len(objective.centre))
    return objective.centre + offset


@pytest.mark.parametrize(("seed", "inactive"), CASES)
def test_gradient_agrees_with_finite_differences(
    mixed_space: Space, observe: Any, seed: int, inactive: float
) -> None:
    coordinates = observe(mixed_space, 12, seed, inactive)
    y = np.random.default_rng(seed).standard_normal(12)
    objective = _posterior(mixed_space, coordinates, y)
    theta = _theta(objective, seed)
    numeric = approx_fprime(theta, lambda t: objective(t)[0], 1e-6)
    np.testing.assert_allclose(objective(theta)[1], numeric, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("seed", "inactive"), CASES)
def test_value_is_the_negative_log_posterior_up_to_a_constant(
    mixed_space: Space, observe: Any, textbook: Any, seed: int, inactive: float
) -> None:
    coordinates = observe(mixed_space, 6, seed, inactive)
    y = np.random.default_rng(seed).standard_normal(6)
    objective = _posterior(mixed_space, coordinates, y)

    def by_the_book(theta: np.ndarray) -> float:
        h = _unpack(theta, len(mixed_space))
        matrix = textbook.matrix(mixed_space, coordinates, coordinates, h)
        likelihood = multivariate_normal(cov=matrix + h.noise * np.eye(6)).logpdf(y)
        prior = norm(objective.centre, objective.widths).logpdf(theta).sum()
        return -float(likelihood + prior)

    one, other = _theta(objective, seed + 10), _theta(objective, seed + 20)
    got = objective(one)[0] - objective(other)[0]
    assert got == pytest.approx(by_the_book(one) - by_the_book(other), abs=1e-6)


def test_what_has_no_length_scale_keeps_the_prior_centre(mixed_space: Space, observe: Any) -> None:
    coordinates = observe(mixed_space, 15, 0)
    y = np.random.default_rng(0).standard_normal(15)
    fitted = fit_map(mixed_space, coordinates, y, Prior(lengthscale=0.37), 50)
    # Numbers of three levels or more have one.
    has = np.array([axis.name in ("depth", "rate") for axis in mixed_space.axes])
    np.testing.assert_allclose(fitted.lengthscale[~has], 0.37)
    assert (fitted.lengthscale[has] != 0.37).all()


class TestFit:
    @pytest.fixture
    def space(self) -> Space:
        return Space(
            {
                "idle": FloatDistribution(0, 1),
                "kind": CategoricalDistribution(["a", "b", "c"]),
                "rate": FloatDistribution(0, 1),
            }
        )

    @staticmethod
    def _smooth(coordinates: np.ndarray) -> np.ndarray:
        y = np.sin(3 * coordinates[:, 2]) + 0.7 * (coordinates[:, 1] == 1)
        return (y - y.mean()) / y.std()

    def test_raises_the_posterior_density(self, mixed_space: Space, observe: Any) -> None:
        coordinates = observe(mixed_space, 20, 3)
        y = np.random.default_rng(3).standard_normal(20)
        objective = _posterior(mixed_space, coordinates, y)
        h = fit_map(mixed_space, coordinates, y, Prior(), 200)
        theta = np.log(_everything(h))
        value, gradient = objective(theta)
        assert value < objective(objective.centre)[0]
        # No step along an axis of theta gains anything that matters.
        assert np.abs(gradient).max() < 0.5
        for step in np.concatenate([np.eye(len(theta)), -np.eye(len(theta))]):
            assert objective(theta + 0.1 * step)[0] > value - 0.05

    def test_finds_what_matters(self, space: Space, observe: Any) -> None:
        coordinates = observe(space, 40, 0)
        h = fit_map(space, coordinates, self._smooth(coordinates), Prior(), 100)
        idle, kind, rate = h.relevance
        assert idle < 0.2 * min(kind, rate)

    def test_tells_signal_from_noise(self, space: Space, observe: Any) -> None:
        coordinates = observe(space, 40, 0)
        signal = fit_map(space, coordinates, self._smooth(coordinates), Prior(), 100)
        y = np.random.default_rng(0).standard_normal(40)
        noise = fit_map(space, coordinates, y, Prior(), 100)
        assert signal.nugget + signal.noise < 0.2 * (noise.nugget + noise.noise)

    @pytest.mark.parametrize("prior", ENSEMBLE, ids=["low", "middle", "high"])
    def test_leaves_nothing_to_noise_where_a_function_is_smooth_and_exact(
        self, prior: Prior
    ) -> None:
        # The least of three squares is worth a ten-thousandth of the greatest.
        space = Space({f"x{i}": FloatDistribution(0.0, 1.0) for i in range(3)})
        x = np.random.default_rng(0).random((50, 3))
        y = standardized((x - 0.4) ** 2 @ np.array([1.0, 1e2, 1e4]))
        found = fit_map(space, x, y, prior, 100)
        assert found.noise + found.nugget < 1e-5

    def test_repeated_configurations_of_different_values_are_noise(
        self, space: Space, observe: Any
    ) -> None:
        coordinates = np.repeat(observe(space, 5, 0), 4, axis=0)
        y = np.random.default_rng(0).standard_normal(20)
        assert fit_map(space, coordinates, y, Prior(), 100).noise > 0.1


def test_the_relevance_of_a_prior_is_shared_by_the_axes() -> None:
    for n_axes in (1, 4, 100):
        centre = Prior(relevance=2.0).centre(n_axes)
        assert np.exp(centre[:n_axes]).sum() == pytest.approx(2.0)
