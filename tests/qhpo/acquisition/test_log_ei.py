"""Log EI and novelty against numbers computed with many digits, and against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm

from qhpo.acquisition.log_ei import LogEI, Novelty, ensemble_log_ei, log_h
from qhpo.errors import QhpoError
from qhpo.space import Axis, Space
from qhpo.surrogate.ensemble import EnsembleFitter
from tests.qhpo.known import along_axis, every_change


def _log_h_by_quadrature(z: float) -> float:
    """h(z) = integral of max(z - t, 0) phi(t) dt; with t = z - s, phi(z) is taken out of it."""
    scale = 1.0 / (1.0 + abs(z)) if z < 0 else 1.0

    def integrand(s: float) -> float:
        # s exp(z s - s^2 / 2) for z < 0: nothing underflows or cancels.
        return s * math.exp(z * s - 0.5 * s * s)

    area, _ = quad(integrand, 0.0, 60.0 * scale, epsabs=0.0, epsrel=1e-12, limit=400)
    return float(norm.logpdf(z)) + math.log(area)


@pytest.mark.parametrize(
    "z", [2.0, 0.5, 0.0, -0.5, -0.999, -1.0, -1.001, -2.0, -5.0, -10.0, -40.0, -100.0]
)
def test_log_h_agrees_with_quadrature(z: float) -> None:
    assert log_h(np.array([z]))[0] == pytest.approx(_log_h_by_quadrature(z), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("z", [-300.0, -999.0, -1000.0, -1001.0, -1e4, -1e6, -1e8])
def test_log_h_agrees_with_its_expansion_far_out(z: float) -> None:
    # h(z) = phi(z) (1/z^2 - 3/z^4 + 15/z^6 - ...)
    expansion = 1 / z**2 * (1 - 3 / z**2 + 15 / z**4)
    rest = log_h(np.array([z]))[0] + 0.5 * z * z + 0.5 * math.log(2 * math.pi)
    assert rest == pytest.approx(math.log(expansion), abs=max(1e-5, 1e-15 * z * z))


@pytest.mark.parametrize("z", [8.0, 40.0, 1e4])
def test_log_h_of_a_sure_improvement_is_log_z(z: float) -> None:
    assert log_h(np.array([z]))[0] == pytest.approx(math.log(z), abs=1e-9)


def test_log_h_always_rises() -> None:
    z = np.concatenate([-np.logspace(6, -3, 2000), np.linspace(0, 30, 500)])
    values = log_h(z)
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()


@given(st.floats(-1e3, 20.0))
def test_slope_of_log_h_is_the_ratio_of_the_normal_distribution_to_h(z: float) -> None:
    # h' = Phi, so a central difference must agree with the two functions themselves.
    step = 1e-4 * max(1.0, abs(z)) ** 0.5
    below, here, above = log_h(np.array([z - step, z, z + step]))
    slope = math.exp(float(log_ndtr(z)) - here)
    assert (above - below) / (2 * step) == pytest.approx(slope, rel=1e-3, abs=1e-4)


class TestEnsemble:
    @given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(-5, 5), st.floats(0.01, 3))
    def test_likes_lower_means_and_more_variance(
        self, mean: float, variance: float, best: float, more: float
    ) -> None:
        means = np.array([[mean, mean - more, mean]])
        variances = np.array([[variance, variance, variance + more]])
        here, lower, wider = ensemble_log_ei(means, variances, np.array([best]))
        assert lower > here
        # A sure improvement does not gain from variance.
        assert wider > here or (best - mean > 5 * variance**0.5 and wider == pytest.approx(here))

    def test_keeps_its_order_where_ei_underflows(self) -> None:
        mean = np.linspace(50.0, 5000.0, 30)[None, :]
        scores = ensemble_log_ei(mean, np.full((1, 30), 1e-4), np.array([0.0]))
        assert np.isfinite(scores).all()
        assert (np.diff(scores) < 0).all()

    def test_one_member_of_many_can_carry_a_candidate(self) -> None:
        mean = np.array([[-1.0], [1e3], [1e3]])
        one = ensemble_log_ei(mean[:1], np.ones((1, 1)), np.zeros(1))
        three = ensemble_log_ei(mean, np.ones((3, 1)), np.zeros(3))
        assert three[0] == pytest.approx(one[0] - math.log(3))


class TestScore:
    def test_is_log_ei_on_the_least_mean_at_a_visited_point_times_novelty(
        self, mixed_space: Space, observe: Any, make_model: Any
    ) -> None:
        model = make_model(mixed_space, 8, 4, n_members=3, inactive=0.2)
        points = observe(mixed_space, 20, 31, inactive=0.2)
        mean, variance = model.predict(points)
        best = model.observed_mean.min(axis=1)[:, None]
        z = (best - mean) / np.sqrt(variance)
        ei = (np.sqrt(variance) * (norm.pdf(z) + z * norm.cdf(z))).mean(axis=0)
        expected = np.log(ei) + Novelty(mixed_space, model.observed).log_of(points)
        np.testing.assert_allclose(LogEI([model]).score(points), expected, atol=1e-7)

    def test_of_repeats_is_weighted_by_what_a_noisy_value_teaches(
        self, mixed_space: Space, observe: Any, make_model: Any
    ) -> None:
        model = make_model(mixed_space, 8, 4, n_members=3, inactive=0.2)
        points = np.concatenate([observe(mixed_space, 20, 31, inactive=0.2), model.observed])
        mean, variance = model.predict(points)
        best = model.observed_mean.min(axis=1)[:, None]
        z = (best - mean) / np.sqrt(variance)
        noise = model.noise[:, None]
        taught = 1.0 - np.sqrt(noise) / np.sqrt(noise + variance)
        ei = (np.sqrt(variance) * (norm.pdf(z) + z * norm.cdf(z)) * taught).mean(axis=0)
        scores = LogEI([model], may_repeat=True).score(points)
        np.testing.assert_allclose(scores, np.log(ei), atol=1e-7)

    @pytest.mark.parametrize("n", [0, 2])
    def test_is_of_one_surrogate(self, mixed_space: Space, make_model: Any, n: int) -> None:
        with pytest.raises(QhpoError, match=f"one objective; got {n} surrogates; give one"):
            LogEI([make_model(mixed_space, 3)] * n)


def _sameness(axis: Axis, x: float, y: float) -> float:
    if math.isnan(x) or math.isnan(y):
        return float(math.isnan(x) and math.isnan(y))
    if axis.is_exhaustive:
        return float(x == y)
    half_a_level = 0.5 / (axis.n_levels - 1)
    return math.exp(-0.5 * ((x - y) / half_a_level) ** 2)


def _novelty(space: Space, x: np.ndarray, visited: np.ndarray) -> float:
    products = [
        math.prod(_sameness(axis, a, b) for axis, a, b in zip(space.axes, x, y, strict=True))
        for y in visited
    ]
    return 1.0 - max(products)


class TestNovelty:
    @given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.4))
    @settings(max_examples=30)
    def test_agrees_with_the_definition(
        self, mixed_space: Space, observe: Any, seed: int, inactive: float
    ) -> None:
        visited = observe(mixed_space, 6, seed, inactive)
        # Some of the points are copies of visited ones, but for one axis.
        points = observe(mixed_space, 6, seed + 1, inactive)
        axis = int(np.random.default_rng(seed).integers(len(mixed_space)))
        points[:3] = visited[:3]
        points[:3, axis] = observe(mixed_space, 3, seed + 2)[:, axis]
        novelty = Novelty(mixed_space, visited)

        def expected(points: np.ndarray) -> list[float]:
            return [_novelty(mixed_space, x, visited) for x in points]

        def check(found: np.ndarray, points: np.ndarray) -> None:
            np.testing.assert_allclose(np.exp(found), expected(points), atol=1e-9)

        check(novelty.log_of(points), points)
        axes = np.arange(len(mixed_space))
        check(novelty.log_of_changes(points[:1], axes)[0], every_change(mixed_space, points[0]))
        values = mixed_space.axes[axis].coordinates
        for x in points[:4]:
            check(novelty.log_along(x, axis, values), along_axis(x, axis, values))

    def test_rises_from_nothing_at_a_visited_configuration(self) -> None:
        space = Space({"n": IntDistribution(0, 3), "x": FloatDistribution(0, 1)})
        visited = space.encode({"n": 1, "x": 0.4})[None, :]
        novelty = Novelty(space, visited)
        course = np.exp(novelty.log_along(visited[0], 1, np.linspace(0.4, 1.0, 50)))
        assert course[0] == pytest.approx(0.0, abs=1e-9)
        assert (np.diff(course) >= 0).all()
        assert course[-1] == pytest.approx(1.0, abs=1e-6)
        assert np.isfinite(novelty.log_of(visited)).all()
        assert novelty.log_of(space.encode({"n": 2, "x": 0.4})[None, :])[0] == pytest.approx(0.0)

    def test_is_the_same_everywhere_where_no_number_lies_between_levels(self) -> None:
        space = Space({"n": IntDistribution(0, 3), "m": IntDistribution(0, 3)})
        every = np.array([space.encode({"n": i, "m": j}) for i in range(4) for j in range(4)])
        novelty = Novelty(space, every[:5])
        assert not novelty.log_of(every).any()
        assert not novelty.log_of_changes(every, np.arange(2)).any()
        assert not novelty.log_along(every[0], 0, every[:, 0]).any()


def test_little_is_expected_of_visiting_the_best_configuration_of_a_rugged_function_again() -> None:
    """The local part of the model is large there. Left out on one side, EI would be 0.7."""
    space = Space({f"x{i}": FloatDistribution(-5.0, 5.0) for i in range(3)})
    x = np.random.default_rng(0).random((40, 3))
    z = 10.0 * x - 5.0 - np.array([1.1, -0.4, 2.3])
    values = np.sum(z * z - 10.0 * np.cos(2.0 * np.pi * z) + 10.0, axis=1)
    model = EnsembleFitter().fit(space, x, values)
    again = ensemble_log_ei(*model.predict(x), model.observed_mean.min(axis=1))
    assert np.exp(again.max()) < 0.05
