"""The dense arrays of a model: energies, local fields, scale, and descent on them."""

from __future__ import annotations

import itertools
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.encoding.dense_dqm import DenseDQM
from tests.qhpo.encoding.strategies import all_cases, energies_of, models, sizes_of, uniform


class TestTables:
    @given(models())
    def test_energies_are_those_of_the_model(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        cases = all_cases(dqm)
        tables = DenseDQM.from_dqm(dqm)
        np.testing.assert_allclose(tables.energies(cases), energies_of(dqm, cases), atol=1e-9)
        assert tables.n_variables == dqm.num_variables()
        np.testing.assert_array_equal(np.bincount(tables.block), sizes_of(dqm))

    @given(models())
    def test_are_symmetric_and_zero_inside_a_block(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        np.testing.assert_array_equal(tables.quadratic, tables.quadratic.T)
        inside = tables.block[:, None] == tables.block[None, :]
        assert not tables.quadratic[inside].any()

    @given(models())
    def test_local_fields_differ_as_energies_do(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        cases = all_cases(dqm)
        fields = tables.local_fields(cases)
        assert fields.shape == (len(cases), len(tables.linear))
        before = energies_of(dqm, cases)
        for i, size in enumerate(sizes_of(dqm)):
            here = fields[np.arange(len(cases)), tables.starts[i] + cases[:, i]]
            for case in range(size):
                moved = cases.copy()
                moved[:, i] = case
                expected = energies_of(dqm, moved) - before
                got = fields[:, tables.starts[i] + case] - here
                np.testing.assert_allclose(got, expected, atol=1e-9)

    @given(models())
    def test_field_scale_is_the_deviation_over_all_configurations(
        self, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        fields = tables.local_fields(all_cases(dqm))
        # Each variable counts the same, whatever its number of cases.
        variances = []
        for start, stop in itertools.pairwise(tables.starts.tolist()):
            block = fields[:, start:stop]
            variances.append(np.mean((block - block.mean()) ** 2))
        expected = float(np.sqrt(np.mean(variances)))
        if expected > 1e-6:
            assert tables.field_scale == pytest.approx(expected)
        assert tables.field_scale > 0.0

    @pytest.mark.parametrize("bias", [None, 0.1, -7.3])
    @pytest.mark.parametrize("sizes", [[3, 2], [1, 1], [3, 3, 3, 1], [5, 7]])
    def test_field_scale_of_a_flat_model_is_one(self, sizes: list[int], bias: float | None) -> None:
        dqm = uniform(sizes, bias)
        for v in dqm.variables:
            dqm.set_linear(v, [0.3] * dqm.num_cases(v))
        assert DenseDQM.from_dqm(dqm).field_scale == 1.0

    def test_field_scale_of_no_variables_is_one(self) -> None:
        tables = DenseDQM(np.zeros(1, dtype=np.intp), np.empty(0), np.empty((0, 0)), 2.0)
        assert tables.field_scale == 1.0

    @given(models(), st.floats(0.01, 100.0))
    def test_field_scale_scales_with_the_model(
        self, dqm: dimod.DiscreteQuadraticModel, factor: float
    ) -> None:
        one = DenseDQM.from_dqm(dqm)
        other = DenseDQM(
            one.starts, factor * one.linear, factor * one.quadratic, factor * one.offset
        )
        if one.field_scale != 1.0:
            assert other.field_scale == pytest.approx(factor * one.field_scale, rel=1e-6)

    @given(models())
    def test_are_a_model_again(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        again = tables.to_dqm(list(dqm.variables))
        assert list(again.variables) == list(dqm.variables)
        assert again.num_case_interactions() == np.count_nonzero(np.triu(tables.quadratic))
        cases = all_cases(dqm)
        np.testing.assert_allclose(energies_of(again, cases), energies_of(dqm, cases), atol=1e-9)
        assert list(tables.to_dqm().variables) == list(range(dqm.num_variables()))

    @given(models())
    def test_come_back_from_a_model_as_they_were(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        again = DenseDQM.from_dqm(tables.to_dqm())
        for name in ("starts", "linear", "quadratic", "offset"):
            np.testing.assert_array_equal(getattr(again, name), getattr(tables, name))

    @given(models(), st.integers(0, 2**32 - 1))
    def test_need_only_what_is_above_the_blocks(
        self, dqm: dimod.DiscreteQuadraticModel, seed: int
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        above = tables.block[:, None] < tables.block
        noise = np.random.default_rng(seed).standard_normal(above.shape)
        upper = np.where(above, tables.quadratic, noise)
        again = DenseDQM.from_upper(tables.starts, tables.linear, upper, tables.offset)
        np.testing.assert_array_equal(again.quadratic, tables.quadratic)
        assert again.quadratic.flags.c_contiguous


class TestOfVariables:
    @given(models(), st.data())
    def test_has_the_energies_of_the_whole_with_the_others_fixed(
        self, dqm: dimod.DiscreteQuadraticModel, data: st.DataObject
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        cases = all_cases(dqm)
        free = np.array(sorted(data.draw(st.sets(st.sampled_from(range(tables.n_variables))))), int)
        fixed = np.setdiff1d(np.arange(tables.n_variables), free)
        around = cases[data.draw(st.integers(0, len(cases) - 1))]
        agree = cases[(cases[:, fixed] == around[fixed]).all(axis=1)]
        weights = np.zeros(len(tables.linear))
        weights[around + tables.starts[:-1]] = 1.0
        part = tables.of_variables(free, weights)
        assert part.sizes.tolist() == tables.sizes[free].tolist()
        np.testing.assert_allclose(part.energies(agree[:, free]), tables.energies(agree), atol=1e-9)


class TestDescent:
    @given(models(), st.integers(0, 2**32 - 1))
    def test_never_rises_and_ends_in_a_local_minimum(
        self, dqm: dimod.DiscreteQuadraticModel, seed: int
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        every = all_cases(dqm)
        starts = every[np.random.default_rng(seed).integers(len(every), size=8)]
        given_starts = starts.copy()
        ends = tables.descend(starts)
        np.testing.assert_array_equal(starts, given_starts)
        low = energies_of(dqm, ends)
        assert (low <= energies_of(dqm, starts) + 1e-9).all()
        for i, size in enumerate(sizes_of(dqm)):
            for case in range(size):
                moved = ends.copy()
                moved[:, i] = case
                assert (energies_of(dqm, moved) >= low - 1e-9).all()

    @given(models())
    def test_leaves_a_minimum_alone(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        ends = tables.descend(all_cases(dqm))
        np.testing.assert_array_equal(tables.descend(ends), ends)

    def test_terminates_on_large_models(self, random_dqm: Any) -> None:
        dqm = random_dqm([4] * 30)
        tables = DenseDQM.from_dqm(dqm)
        starts = np.random.default_rng(0).integers(4, size=(50, 30))
        ends = tables.descend(starts)
        assert (tables.energies(ends) < tables.energies(starts)).all()
