"""The ANOVA kernel against its definition, and what centring promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.optimize import approx_fprime

from qhpo.space import Space
from qhpo.surrogate.kernel import (
    CONSTANT,
    Levels,
    combine,
    leave_one_out,
    linear_in_axis,
    matern52,
    of_categories,
    power_sums,
    without_axis,
)

lengthscales = st.floats(0.05, 5.0)
distributions = st.one_of(
    st.integers(1, 9).map(lambda n: CategoricalDistribution(list(range(n)))),
    st.integers(0, 12).map(lambda high: IntDistribution(0, high)),
    st.integers(2, 500).map(lambda high: IntDistribution(1, high, log=True)),
    st.just(FloatDistribution(0.01, 10.0, log=True)),
    st.just(FloatDistribution(-1.0, 1.0)),
)


def _level_tables(space: Space, lengthscale: float) -> list[np.ndarray]:
    """k~_i among the levels of every axis."""
    levels = Levels(space)
    same, other = of_categories(space.n_levels)
    return [
        levels.table(i, lengthscale)[0]
        if levels.has_lengthscale[i]
        else np.where(np.eye(n, dtype=bool), same[i], other[i])
        for i, n in enumerate(space.n_levels.tolist())
    ]


class TestMatern:
    def test_is_one_at_zero_and_falls(self) -> None:
        distance = np.linspace(0, 5, 100)
        correlation, _ = matern52(distance, np.float64(0.7))
        assert correlation[0] == 1.0
        assert (np.diff(correlation) < 0).all()
        assert (correlation > 0).all()

    @given(st.floats(0.0, 1.0), lengthscales)
    def test_derivative_is_that_by_the_log_length_scale(
        self, distance: float, lengthscale: float
    ) -> None:
        def value(log_lengthscale: np.ndarray) -> float:
            return float(matern52(np.array([distance]), np.exp(log_lengthscale))[0][0])

        _, derivative = matern52(np.array([distance]), np.array([lengthscale]))
        numeric = approx_fprime(np.log([lengthscale]), value, 1e-6)
        assert derivative[0] == pytest.approx(numeric[0], abs=1e-5)


class TestCentring:
    @given(distributions, lengthscales)
    def test_rows_sum_to_zero_and_the_mean_diagonal_is_one(
        self, distribution: Any, lengthscale: float
    ) -> None:
        (table,) = _level_tables(Space({"x": distribution}), lengthscale)
        np.testing.assert_allclose(table.sum(axis=1), 0.0, atol=1e-9)
        expected = 0.0 if len(table) == 1 else 1.0
        assert np.diagonal(table).mean() == pytest.approx(expected)

    @given(distributions, lengthscales)
    def test_is_symmetric_and_positive_semidefinite(
        self, distribution: Any, lengthscale: float
    ) -> None:
        (table,) = _level_tables(Space({"x": distribution}), lengthscale)
        np.testing.assert_allclose(table, table.T, atol=1e-12)
        assert np.linalg.eigvalsh(table).min() > -1e-9

    @given(st.integers(2, 9))
    def test_of_categories_has_a_closed_form(self, size: int) -> None:
        (table,) = _level_tables(Space({"x": CategoricalDistribution(range(size))}), 0.5)
        expected = (size * np.eye(size) - 1.0) / (size - 1.0)
        np.testing.assert_allclose(table, expected, atol=1e-12)

    def test_constant_main_effects_and_interactions_are_orthogonal(
        self, small_space: Space, every_level: np.ndarray
    ) -> None:
        tables = _level_tables(small_space, 0.6)
        terms = np.stack(
            [0.5 * t[np.ix_(at, at)] for t, at in zip(tables, every_level.T, strict=True)]
        )

        def up_to(pair: float, rest: float) -> np.ndarray:
            return combine(*power_sums(terms), np.array(pair), np.array(rest))

        orders = [np.full_like(terms[0], CONSTANT), up_to(0, 0), up_to(1, 0), up_to(1, 1)]
        parts = [orders[0], *np.diff(orders, axis=0)]
        for i, left in enumerate(parts):
            for right in parts[:i]:
                np.testing.assert_allclose(left @ right, 0.0, atol=1e-9)
            assert np.abs(left).max() > 1e-3


@given(st.lists(st.floats(-2.0, 3.0), min_size=1, max_size=6), st.floats(0, 3), st.floats(0, 3))
def test_every_axis_enters_linearly(terms: list[float], pair: float, rest: float) -> None:
    s2, s3, a = np.float64(pair), np.float64(rest), np.array(terms)
    whole = combine(*power_sums(a), s2, s3)
    all_others = leave_one_out(a, np.arange(len(a)))
    for i, own in enumerate(terms):
        others = [each[i] for each in all_others]
        np.testing.assert_allclose(without_axis(a, i), others, atol=1e-9)
        fixed, slope = linear_in_axis(*others, s2, s3)
        assert fixed + slope * own == pytest.approx(whole, rel=1e-9, abs=1e-9)
