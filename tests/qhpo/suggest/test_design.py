"""The first trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.space import Axis, Space
from qhpo.suggest.design import design_coordinate, design_row

seeds = st.integers(0, 2**32 - 1)
exhaustive = st.one_of(
    st.integers(1, 30).map(lambda n: CategoricalDistribution([str(i) for i in range(n)])),
    st.integers(0, 15).map(lambda high: IntDistribution(0, high)),
)
names = st.text(min_size=1, max_size=5)


def _column(axis: Axis, n_rows: int, seed: int, block: int = 0) -> np.ndarray:
    rows = range(block * n_rows, (block + 1) * n_rows)
    return np.array([design_coordinate(axis, row, n_rows, seed) for row in rows])


class TestDesign:
    @given(names, exhaustive, st.integers(0, 20), seeds, st.integers(0, 3))
    def test_every_level_occurs_as_often_as_every_other(
        self, name: str, distribution: Any, more_rows: int, seed: int, block: int
    ) -> None:
        axis = Axis.from_distribution(name, distribution)
        column = _column(axis, axis.n_levels + more_rows, seed, block)
        counts = [(column == coordinate).sum() for coordinate in axis.coordinates]
        assert sum(counts) == axis.n_levels + more_rows
        assert max(counts) - min(counts) <= 1

    @given(names, exhaustive, st.integers(1, 29), seeds, st.integers(0, 3))
    def test_no_level_occurs_twice_where_there_are_more_levels_than_rows(
        self, name: str, distribution: Any, n_rows: int, seed: int, block: int
    ) -> None:
        axis = Axis.from_distribution(name, distribution)
        column = _column(axis, min(n_rows, axis.n_levels), seed, block)
        assert set(column) <= set(axis.coordinates)
        assert len(set(column)) == len(column)

    @given(names, st.integers(1, 25), seeds, st.integers(0, 3))
    def test_a_continuous_axis_has_one_value_in_every_stratum(
        self, name: str, n_rows: int, seed: int, block: int
    ) -> None:
        axis = Axis.from_distribution(name, FloatDistribution(1e-3, 10, log=True))
        strata = np.floor(_column(axis, n_rows, seed, block) * n_rows)
        assert sorted(strata) == list(range(n_rows))

    @given(names, st.integers(17, 400), st.integers(1, 60), seeds, st.booleans())
    def test_every_value_of_a_wide_stepped_axis_is_as_likely(
        self, name: str, n_values: int, n_rows: int, seed: int, is_float: bool
    ) -> None:
        distribution: BaseDistribution = IntDistribution(3, 3 + 2 * (n_values - 1), step=2)
        if is_float:
            distribution = FloatDistribution(0.0, 0.25 * (n_values - 1), step=0.25)
        axis = Axis.from_distribution(name, distribution)
        column = _column(axis, n_rows, seed)
        np.testing.assert_array_equal(axis.snap(column), column)
        # Of n_values equal parts, each belongs to one value; every stratum of rows has its place.
        places = np.sort(np.rint(column * (n_values - 1)))
        strata = np.arange(n_rows) / n_rows * n_values
        assert (places >= np.floor(strata)).all()
        assert (places <= np.floor(strata + n_values / n_rows)).all()

    @pytest.mark.parametrize(
        "distribution",
        [
            IntDistribution(1, 40),
            IntDistribution(1, 40, log=True),
            FloatDistribution(0, 2, step=0.1),
        ],
    )
    def test_every_value_comes_in_the_design_and_in_draws(
        self, distribution: BaseDistribution
    ) -> None:
        axis, rng = Axis.from_distribution("n", distribution), np.random.default_rng(0)
        every = {axis.value(x) for x in axis.every_coordinate()}
        rows = 8 * len(every)
        design = [axis.value(design_coordinate(axis, row, rows, 1)) for row in range(rows)]
        draws = [axis.value(axis.draw(rng)) for _ in range(20 * len(every))]
        assert set(design) == every
        assert set(draws) == every
        if not getattr(distribution, "log", False):
            assert {design.count(value) for value in every} == {8}

    @given(seeds, st.integers(0, 40))
    def test_an_axis_has_its_column_whatever_the_others_are(self, seed: int, row: int) -> None:
        distributions = {
            "a": IntDistribution(0, 7),
            "b": CategoricalDistribution(["x", "y"]),
            "c": FloatDistribution(0, 1),
        }
        whole = design_row(Space(distributions), row, 10, seed)
        for column, (name, distribution) in zip(whole, distributions.items(), strict=True):
            alone = design_row(Space({name: distribution}), row, 10, seed)
            assert alone.tolist() == [column]
            assert (
                design_coordinate(Axis.from_distribution(name, distribution), row, 10, seed)
                == column
            )

    def test_columns_of_equal_axes_are_unrelated(self) -> None:
        distribution = CategoricalDistribution(list("abcde"))
        space = Space({f"axis {i}": distribution for i in range(40)})
        rows = np.array([design_row(space, row, 20, 0) for row in range(20)])
        correlation = np.corrcoef(rows, rowvar=False)
        others = correlation[~np.eye(40, dtype=bool)]
        assert np.abs(others).max() < 0.95
        assert np.abs(others.mean()) < 0.05
        # As independent columns of 20 rows would be: deviation 1 / sqrt(19).
        assert others.std() == pytest.approx(19**-0.5, rel=0.15)

    def test_blocks_and_seeds_differ(self) -> None:
        axis = Axis.from_distribution("x", FloatDistribution(0, 1))
        columns = [_column(axis, 10, seed, block) for seed in range(3) for block in range(3)]
        assert len({tuple(column) for column in columns}) == 9
        np.testing.assert_array_equal(_column(axis, 10, 1, 2), columns[5])
