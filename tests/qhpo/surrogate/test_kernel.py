"""The ANOVA kernel against its definition, and what centring promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.optimize import approx_fprime

from qhpo.space import Axis, Space
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.kernel import CONSTANT, Support, combine, linear_in_axis, matern52

lengthscales = st.floats(0.05, 5.0)
distributions = st.one_of(
    st.integers(1, 9).map(lambda n: CategoricalDistribution(list(range(n)))),
    st.integers(0, 12).map(lambda high: IntDistribution(0, high)),
    st.integers(2, 500).map(lambda high: IntDistribution(1, high, log=True)),
    st.just(FloatDistribution(0.01, 10.0, log=True)),
    st.just(FloatDistribution(-1.0, 1.0)),
)


def _level_table(distribution: Any, lengthscale: float) -> np.ndarray:
    space = Space({"x": distribution})
    support = Support(space, np.empty((0, 1)))
    correlation = support.tables(np.array([lengthscale])).correlation[0]
    assert correlation.shape == (space.n_levels[0],) * 2
    return correlation


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
    def test_rows_sum_to_zero_over_the_levels(self, distribution: Any, lengthscale: float) -> None:
        table = _level_table(distribution, lengthscale)
        np.testing.assert_allclose(table.sum(axis=1), 0.0, atol=1e-9)

    @given(distributions, lengthscales)
    def test_mean_diagonal_is_one(self, distribution: Any, lengthscale: float) -> None:
        table = _level_table(distribution, lengthscale)
        expected = 0.0 if len(table) == 1 else 1.0
        assert np.diagonal(table).mean() == pytest.approx(expected)

    @given(distributions, lengthscales)
    def test_is_symmetric_and_positive_semidefinite(
        self, distribution: Any, lengthscale: float
    ) -> None:
        table = _level_table(distribution, lengthscale)
        np.testing.assert_allclose(table, table.T, atol=1e-12)
        assert np.linalg.eigvalsh(table).min() > -1e-9

    @given(st.integers(2, 9))
    def test_of_categories_has_a_closed_form(self, size: int) -> None:
        table = _level_table(CategoricalDistribution(list(range(size))), 0.5)
        expected = (size * np.eye(size) - 1.0) / (size - 1.0)
        np.testing.assert_allclose(table, expected, atol=1e-12)


class TestSupport:
    @pytest.mark.parametrize("seed", range(3))
    def test_tables_agree_with_the_definition(
        self, mixed_space: Space, observe: Any, textbook: Any, seed: int
    ) -> None:
        coordinates = observe(mixed_space, 6, seed, inactive=0.2)
        lengthscale = np.random.default_rng(seed).uniform(0.2, 2.0, len(mixed_space))
        support = Support(mixed_space, coordinates)
        correlation = support.tables(lengthscale).correlation
        places = support.place(coordinates)
        np.testing.assert_array_equal(places < 0, np.isnan(coordinates))
        for i, axis in enumerate(mixed_space.axes):
            on = np.flatnonzero(places[:, i] >= 0)
            values = np.concatenate([axis.coordinates, coordinates[on, i]])
            where = np.concatenate([np.arange(axis.n_levels), places[on, i]])
            expected = [
                [textbook.correlation(axis, x, y, lengthscale[i]) for y in values] for x in values
            ]
            np.testing.assert_allclose(correlation[i][np.ix_(where, where)], expected, atol=1e-9)

    def test_levels_come_first_and_places_lead_back(self, mixed_space: Space, observe: Any) -> None:
        coordinates = observe(mixed_space, 20, 5, inactive=0.3)
        support = Support(mixed_space, coordinates)
        for values, axis in zip(support.values, mixed_space.axes, strict=True):
            np.testing.assert_array_equal(values[: axis.n_levels], axis.coordinates)
        places = support.place(coordinates)
        found = np.take_along_axis(support.values, np.maximum(places, 0).T, axis=1).T
        np.testing.assert_array_equal(np.where(places < 0, np.nan, found), coordinates)

    def test_only_numbers_of_three_levels_or_more_have_a_length_scale(
        self, mixed_space: Space
    ) -> None:
        support = Support(mixed_space, np.empty((0, len(mixed_space))))
        having = [
            axis.name
            for axis, has in zip(mixed_space.axes, support.has_lengthscale, strict=True)
            if has
        ]
        assert having == ["depth", "rate"]

    @given(st.integers(0, 10**6), lengthscales)
    def test_gradient_is_that_by_the_log_length_scale(self, seed: int, lengthscale: float) -> None:
        rng = np.random.default_rng(seed)
        space = Space({"x": FloatDistribution(0, 1)})
        support = Support(space, rng.random((3, 1)))

        def table(log_lengthscale: float) -> np.ndarray:
            return support.tables(np.exp([log_lengthscale])).correlation[0]

        at = np.log(lengthscale)
        numeric = (table(at + 1e-5) - table(at - 1e-5)) / 2e-5
        gradient = support.tables(np.array([lengthscale])).gradient[0]
        np.testing.assert_allclose(gradient, numeric, atol=1e-5 * max(1.0, np.abs(numeric).max()))

    def test_between_agrees_with_the_tables_in_the_support(
        self, mixed_space: Space, observe: Any
    ) -> None:
        coordinates = observe(mixed_space, 8, 1)
        support = Support(mixed_space, coordinates)
        lengthscale = np.linspace(0.3, 0.9, len(mixed_space))
        tables = support.tables(lengthscale)
        for i in np.flatnonzero(support.has_lengthscale).tolist():
            axis: Axis = mixed_space.axes[i]
            points = np.concatenate([axis.coordinates, coordinates[:, i]])
            where = np.concatenate([np.arange(axis.n_levels), support.place(coordinates)[:, i]])
            cross, own = support.between(i, points, lengthscale[i], tables)
            expected = tables.correlation[i][np.ix_(where, where)]
            np.testing.assert_allclose(cross[:, where], expected, atol=1e-12)
            np.testing.assert_allclose(own, np.diagonal(tables.correlation[i])[where], atol=1e-12)

    def test_between_agrees_with_the_definition_elsewhere(
        self, mixed_space: Space, textbook: Any
    ) -> None:
        i = [axis.name for axis in mixed_space.axes].index("rate")
        axis = mixed_space.axes[i]
        support = Support(mixed_space, np.empty((0, len(mixed_space))))
        lengthscale = np.full(len(mixed_space), 0.4)
        points = np.array([0.013, 0.5, 0.987])
        cross, own = support.between(i, points, 0.4, support.tables(lengthscale))
        for point, row, self_term in zip(points, cross, own, strict=True):
            expected = [textbook.correlation(axis, point, x, 0.4) for x in axis.coordinates]
            np.testing.assert_allclose(row[: axis.n_levels], expected, atol=1e-12)
            assert self_term == pytest.approx(textbook.correlation(axis, point, point, 0.4))


class TestPairTerms:
    @pytest.mark.parametrize("lengthscale", [0.1, 0.7, 3.0])
    def test_agree_with_the_tables_and_their_gradient(
        self, mixed_space: Space, observe: Any, lengthscale: float
    ) -> None:
        coordinates = observe(mixed_space, 9, 4, inactive=0.2)
        support = Support(mixed_space, coordinates)
        names = [axis.name for axis in mixed_space.axes]
        assert [names[i] for i in np.flatnonzero(support.is_off_grid)] == ["rate"]
        i = names.index("rate")
        column = coordinates[:, i]
        assert np.isnan(column).any()
        pairs = np.tril_indices(9)
        distance = np.abs(column[pairs[0]] - column[pairs[1]])
        correlation, gradient = support.pair_terms(i, column, pairs, distance, lengthscale)
        tables = support.tables(np.full(len(names), lengthscale))
        places = support.place(coordinates)[:, i]
        inactive = (places[pairs[0]] < 0) | (places[pairs[1]] < 0)
        where = places[pairs[0]], places[pairs[1]]
        expected = np.where(inactive, 0.0, tables.correlation[i][where])
        np.testing.assert_allclose(correlation, expected, atol=1e-10)
        expected = np.where(inactive, 0.0, tables.gradient[i][where])
        np.testing.assert_allclose(gradient, expected, atol=1e-10)

    def test_tables_may_leave_out_what_pairs_will_fill(
        self, mixed_space: Space, observe: Any
    ) -> None:
        support = Support(mixed_space, observe(mixed_space, 5, 0))
        lengthscale = np.full(len(mixed_space), 0.5)
        whole, part = support.tables(lengthscale), support.tables(lengthscale, off_grid=False)
        on_grid = ~support.is_off_grid
        np.testing.assert_array_equal(whole.correlation[on_grid], part.correlation[on_grid])
        assert not part.correlation[support.is_off_grid].any()


class TestMismatch:
    def test_agrees_with_the_definition(
        self, mixed_space: Space, observe: Any, textbook: Any
    ) -> None:
        coordinates = observe(mixed_space, 8, 2)
        support = Support(mixed_space, coordinates)
        places = support.place(coordinates)
        for i, axis in enumerate(mixed_space.axes):
            column = coordinates[:, i]
            expected = [[textbook.mismatch(axis, x, y) for y in column] for x in column]
            where = np.ix_(places[:, i], places[:, i])
            np.testing.assert_allclose(support.mismatch[i][where], expected, atol=1e-12)
            got = support.mismatch_of(i, column)[:, places[:, i]]
            np.testing.assert_allclose(got, expected, atol=1e-12)

    def test_is_nothing_with_itself_and_full_between_levels(self, mixed_space: Space) -> None:
        support = Support(mixed_space, np.empty((0, len(mixed_space))))
        for table, n_levels in zip(support.mismatch, mixed_space.n_levels, strict=True):
            levels = table[:n_levels, :n_levels]
            np.testing.assert_array_equal(np.diagonal(levels), 0.0)
            assert (levels[~np.eye(n_levels, dtype=bool)] > 0.8).all()


class TestOrders:
    @given(st.lists(st.floats(-0.9, 3.0), min_size=1, max_size=6), st.data())
    def test_one_axis_enters_linearly(self, terms: list[float], data: st.DataObject) -> None:
        pair, rest = (np.float64(data.draw(st.floats(0, 3))) for _ in range(2))
        axis = data.draw(st.integers(0, len(terms) - 1))
        a = np.array(terms)
        others = np.delete(a, axis)
        e2 = (others.sum() ** 2 - (others**2).sum()) / 2
        fixed, slope = linear_in_axis(others.sum(), e2, np.prod(1 + others), pair, rest)
        whole = combine(a.sum(), (a**2).sum(), np.prod(1 + a), pair, rest)
        assert fixed + slope * a[axis] == pytest.approx(whole, rel=1e-9, abs=1e-9)

    def test_constant_main_effects_and_interactions_are_orthogonal(
        self, small_space: Space, every_level: np.ndarray, hyperparameters: Any
    ) -> None:
        (h,) = hyperparameters(small_space, 1)
        points = small_space.at_levels(every_level)
        switched = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
        members = [replace(h, pair=pair, rest=rest, local=0.0) for pair, rest in switched]
        up_to = AnovaGP(small_space, points, np.zeros(len(points)), members).covariance
        constant = np.full_like(up_to[0], CONSTANT)
        parts = [constant, up_to[0] - constant, up_to[1] - up_to[0], up_to[2] - up_to[1]]
        for i, left in enumerate(parts):
            for right in parts[:i]:
                np.testing.assert_allclose(left @ right, 0.0, atol=1e-9)
            assert np.abs(left).max() > 1e-3
