"""The quadratic models: exact for the mean, and draws of the right distribution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.quadratic import PriorFeatures, posterior_draw, posterior_mean

N = 9


@pytest.fixture
def observed(mixed_space: Space, observe: Any) -> np.ndarray:
    """Configurations on, between and off the axes' levels."""
    coordinates = observe(mixed_space, N, 3, inactive=0.15)
    assert np.isnan(coordinates).any()
    return coordinates


def _random_levels(space: Space, n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(space.n_levels, size=(n, len(space)))


def _energies(tables: DenseDQM, levels: np.ndarray) -> np.ndarray:
    return tables.energies(levels)


class TestMean:
    def test_is_a_model_over_the_axes_and_their_levels(
        self, mixed_space: Space, make_model: Any
    ) -> None:
        tables = posterior_mean(make_model(mixed_space, 5), 0)
        assert tables.sizes.tolist() == mixed_space.n_levels.tolist()

    def test_without_higher_orders_is_the_predictive_mean(
        self, mixed_space: Space, observed: np.ndarray, hyperparameters: Any
    ) -> None:
        members = [replace(h, rest=0.0, local=0.0) for h in hyperparameters(mixed_space, 2)]
        y = np.random.default_rng(0).standard_normal(N)
        model = AnovaGP(mixed_space, observed, y, members)
        levels = _random_levels(mixed_space, 40)
        rows = model.bank.level_rows[levels + mixed_space.starts[:-1]]
        mean, _ = model.predict(rows)
        for m in range(2):
            energies = _energies(posterior_mean(model, m), levels)
            np.testing.assert_allclose(energies, mean[m], atol=1e-9)

    def test_with_higher_orders_is_the_first_two_of_them(
        self, mixed_space: Space, observed: np.ndarray, hyperparameters: Any, textbook: Any
    ) -> None:
        members = hyperparameters(mixed_space, 2)
        y = np.random.default_rng(0).standard_normal(N)
        model = AnovaGP(mixed_space, observed, y, members)
        levels = _random_levels(mixed_space, 10)
        points = mixed_space.at_levels(levels)
        for m, h in enumerate(members):
            gram = textbook.matrix(mixed_space, observed, observed, h) + h.noise * np.eye(N)
            low_orders = textbook.smooth_matrix(mixed_space, points, observed, h, n_orders=2)
            expected = low_orders @ np.linalg.solve(gram, y)
            energies = _energies(posterior_mean(model, m), levels)
            np.testing.assert_allclose(energies, expected, atol=1e-8)


class TestDraws:
    N_DRAWS = 4000

    @pytest.fixture
    def moments(
        self,
        small_space: Space,
        every_level: np.ndarray,
        observe: Any,
        hyperparameters: Any,
        textbook: Any,
    ) -> Any:
        """A model, and mean and covariance of its first two orders given the observations."""
        x = observe(small_space, 7, 2, inactive=0.15)
        assert np.isnan(x).any()
        (h,) = hyperparameters(small_space, 1)
        y = np.random.default_rng(0).standard_normal(7)
        points = small_space.at_levels(every_level)
        gram = textbook.matrix(small_space, x, x, h) + h.noise * np.eye(7)
        cross = textbook.smooth_matrix(small_space, points, x, h, n_orders=2)
        mean = cross @ np.linalg.solve(gram, y)
        prior = textbook.smooth_matrix(small_space, points, points, h, n_orders=2)
        covariance = prior - cross @ np.linalg.solve(gram, cross.T)
        return AnovaGP(small_space, x, y, [h]), mean, covariance

    def test_have_mean_and_covariance_of_the_posterior(
        self, moments: Any, every_level: np.ndarray
    ) -> None:
        model, mean, covariance = moments
        features = PriorFeatures(model, 0)
        rng = np.random.default_rng(12)
        draws = np.stack([_energies(features.draw(rng), every_level) for _ in range(self.N_DRAWS)])
        variance = np.diagonal(covariance)
        standard_error = np.sqrt(variance / self.N_DRAWS)
        assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * standard_error).all()
        got = np.cov(draws, rowvar=False)
        # Standard error of a covariance of normal variables.
        error = np.sqrt((np.outer(variance, variance) + covariance**2) / self.N_DRAWS)
        assert (np.abs(got - covariance) < 4.5 * error).all()

    def test_off_grid_observations_count_where_they_are(
        self, observe: Any, hyperparameters: Any, textbook: Any, mixed_space: Space
    ) -> None:
        rate = next(axis for axis in mixed_space.axes if axis.name == "rate")
        space = Space({"rate": rate.distribution, "depth": mixed_space.axes[2].distribution})
        (h,) = hyperparameters(space, 1)
        h = replace(h, lengthscale=np.array([0.3, 0.1]))
        x = observe(space, 6, 1)
        y = np.random.default_rng(1).standard_normal(6)
        levels = _random_levels(space, 12)
        points = space.at_levels(levels)
        gram = textbook.matrix(space, x, x, h) + h.noise * np.eye(6)
        cross = textbook.smooth_matrix(space, points, x, h, n_orders=2)
        mean = cross @ np.linalg.solve(gram, y)
        prior = textbook.smooth_matrix(space, points, points, h, n_orders=2)
        covariance = prior - cross @ np.linalg.solve(gram, cross.T)
        features = PriorFeatures(AnovaGP(space, x, y, [h]), 0)
        rng = np.random.default_rng(3)
        draws = np.stack([_energies(features.draw(rng), levels) for _ in range(self.N_DRAWS)])
        variance = np.diagonal(covariance)
        error = np.sqrt((np.outer(variance, variance) + covariance**2) / self.N_DRAWS)
        assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * np.sqrt(variance / self.N_DRAWS)).all()
        assert (np.abs(np.cov(draws, rowvar=False) - covariance) < 4.5 * error).all()

    def test_are_decided_by_the_generator(self, moments: Any, every_level: np.ndarray) -> None:
        model = moments[0]
        once, again, other = (
            _energies(posterior_draw(model, 0, np.random.default_rng(seed)), every_level)
            for seed in (5, 5, 6)
        )
        np.testing.assert_array_equal(once, again)
        assert np.abs(once - other).max() > 1e-3

    def test_of_each_member_follow_that_member(self, mixed_space: Space, make_model: Any) -> None:
        model = make_model(mixed_space, 6)
        levels = _random_levels(mixed_space, 5)
        one, other = (
            _energies(posterior_draw(model, m, np.random.default_rng(0)), levels) for m in range(2)
        )
        assert np.abs(one - other).max() > 1e-3
