"""Reductions: equal energies, kept optima, met budgets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.domain_wall import DomainWallEncoding
from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.reduction import Reduced, eliminate, within
from qhpo.errors import QhpoError
from tests.qhpo.encoding.strategies import (
    RESOLUTION,
    all_cases,
    energies_of,
    models,
    optima_of,
    sizes_of,
    uniform,
)

IntArray = NDArray[np.intp]
CountBits = Callable[[IntArray], int]

both_encodings = pytest.mark.parametrize(
    "encoding", [OneHotEncoding, DomainWallEncoding], ids=["one-hot", "domain-wall"]
)


def _configurations(tables: DenseDQM) -> IntArray:
    every = list(itertools.product(*map(range, tables.sizes.tolist())))
    return np.array(every, dtype=np.intp).reshape(len(every), tables.n_variables)


def _expanded(reduced: Reduced) -> IntArray:
    return reduced.expand(_configurations(reduced.tables))


def _as_set(cases: IntArray) -> set[tuple[int, ...]]:
    return set(map(tuple, cases.tolist()))


def _local_minima(dqm: dimod.DiscreteQuadraticModel) -> set[tuple[int, ...]]:
    """Configurations that no change of one variable improves."""
    cases = all_cases(dqm)
    sizes = sizes_of(dqm)
    energies = energies_of(dqm, cases).reshape(sizes)
    lowest = np.ones(sizes, dtype=bool)
    for axis in range(len(sizes)):
        lowest &= energies < energies.min(axis=axis, keepdims=True) + RESOLUTION
    return _as_set(cases[lowest.ravel()])


def _kept(draw: Any, tables: DenseDQM) -> NDArray[np.bool_]:
    """Some cases, at least one of every variable."""
    n = len(tables.linear)
    kept = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    for i in range(tables.n_variables):
        kept[tables.starts[i] + draw(st.integers(0, int(tables.sizes[i]) - 1))] = True
    return kept


class TestReduced:
    @settings(max_examples=60)
    @given(models(), st.data())
    def test_has_the_configurations_of_the_kept_cases_at_their_energies(
        self, dqm: dimod.DiscreteQuadraticModel, data: st.DataObject
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        kept = _kept(data.draw, tables)
        reduced = Reduced.to(tables, kept)
        cases = _configurations(reduced.tables)
        whole = reduced.expand(cases)
        np.testing.assert_allclose(
            reduced.tables.energies(cases), energies_of(dqm, whole), atol=1e-9, rtol=0
        )
        every = all_cases(dqm)
        allowed = kept[every + tables.starts[:-1]].all(axis=1)
        assert _as_set(whole) == _as_set(every[allowed])
        assert (reduced.tables.sizes > 1).all()
        counts = np.add.reduceat(kept.astype(int), tables.starts[:-1])
        np.testing.assert_array_equal(reduced.variables, np.flatnonzero(counts > 1))

    def test_a_fixed_model_has_one_configuration(self) -> None:
        tables = DenseDQM.from_dqm(uniform([2, 3, 2], -1.5))
        kept = np.array([0, 1, 0, 0, 1, 1, 0], dtype=bool)
        reduced = Reduced.to(tables, kept)
        assert reduced.tables.n_variables == 0
        np.testing.assert_array_equal(reduced.expand(np.empty((2, 0), np.intp)), [[1, 2, 0]] * 2)
        assert reduced.tables.offset == pytest.approx(-4.5)

    @settings(max_examples=30)
    @given(models())
    def test_may_be_the_whole_model(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = DenseDQM.from_dqm(dqm)
        reduced = Reduced.whole(tables)
        assert reduced.tables is tables
        cases = all_cases(dqm)
        np.testing.assert_array_equal(reduced.expand(cases), cases)


class TestElimination:
    @settings(max_examples=100)
    @given(models())
    @example(uniform([3, 2, 3], None))
    @example(uniform([1, 2], 2.0))
    def test_keeps_all_optima_and_local_minima(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        left = _as_set(_expanded(eliminate(DenseDQM.from_dqm(dqm))))
        assert optima_of(dqm) <= left
        assert _local_minima(dqm) <= left

    @settings(max_examples=100)
    @given(models())
    def test_leaves_no_case_that_another_one_beats_everywhere(
        self, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        reduced = eliminate(DenseDQM.from_dqm(dqm))
        tables = reduced.tables
        assume(tables.n_variables > 0)
        fields = tables.local_fields(_configurations(tables))
        for start, stop in zip(tables.starts, tables.starts[1:], strict=False):
            block = fields[:, start:stop]
            worse = (block[:, :, None] - block[:, None, :]).min(axis=0)
            assert (worse < RESOLUTION).all()

    @settings(max_examples=60)
    @given(models(), st.sampled_from([1e-6, 1e6]))
    def test_does_not_depend_on_the_unit_of_energy(
        self, dqm: dimod.DiscreteQuadraticModel, unit: float
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        other = DenseDQM(tables.starts, unit * tables.linear, unit * tables.quadratic, 0.0)
        one, two = eliminate(tables), eliminate(other)
        np.testing.assert_array_equal(one.variables, two.variables)
        np.testing.assert_array_equal(one.cases, two.cases)

    def test_ties_stay(self) -> None:
        dqm = uniform([3, 3], None)
        dqm.set_linear(0, [0.1 + 0.2, 0.3, 1.0])
        reduced = eliminate(DenseDQM.from_dqm(dqm))
        np.testing.assert_array_equal(reduced.tables.sizes, [2, 3])

    def test_goes_on_until_no_more_go(self) -> None:
        # Only without case 1 of "a", which its bias rules out, is case 0 of "b" always better;
        # only then is case 0 of "c".
        dqm = dimod.DiscreteQuadraticModel()
        for label in "abc":
            dqm.add_variable(2, label=label)
        dqm.set_linear("a", [0.0, 9.0])
        dqm.set_linear("b", [0.0, 4.0])
        dqm.set_quadratic_case("a", 1, "b", 1, -5.0)
        dqm.set_linear("c", [0.0, 1.0])
        dqm.set_quadratic_case("b", 1, "c", 1, -3.0)
        reduced = eliminate(DenseDQM.from_dqm(dqm))
        assert reduced.tables.n_variables == 0
        np.testing.assert_array_equal(reduced.fixed, [0, 0, 0])


class TestWithin:
    @both_encodings
    @settings(max_examples=60)
    @given(dqm=models(), n_bits=st.integers(0, 10), seed=st.integers(0, 1000))
    def test_meets_the_budget_and_keeps_the_incumbent(
        self,
        encoding: type[OneHotEncoding | DomainWallEncoding],
        dqm: dimod.DiscreteQuadraticModel,
        n_bits: int,
        seed: int,
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        incumbent = np.random.default_rng(seed).integers(tables.sizes)
        reduced = within(tables, incumbent, n_bits, encoding.count_bits, seed)
        said = encoding.count_bits(reduced.tables.sizes)
        assert encoding(reduced.tables).bqm.num_variables == said
        assert said <= n_bits
        whole = _expanded(reduced)
        assert tuple(incumbent.tolist()) in _as_set(whole)
        np.testing.assert_allclose(
            reduced.tables.energies(_configurations(reduced.tables)),
            energies_of(dqm, whole),
            atol=1e-9,
            rtol=0,
        )
        # No case is left out for which there is a bit.
        if said < n_bits:
            unbeaten = _expanded(eliminate(tables))
            spare = [set(unbeaten[:, i]) - set(whole[:, i]) for i in range(tables.n_variables)]
            opened = set(reduced.variables.tolist())
            for i, cases in enumerate(spare):
                first = encoding.count_bits(np.array([2]))
                assert not cases or said + (1 if i in opened else first) > n_bits

    @both_encodings
    @settings(max_examples=60)
    @given(dqm=models(), seed=st.integers(0, 1000))
    def test_has_the_optima_if_all_that_is_left_fits(
        self,
        encoding: type[OneHotEncoding | DomainWallEncoding],
        dqm: dimod.DiscreteQuadraticModel,
        seed: int,
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        incumbent = tables.descend(np.random.default_rng(seed).integers(tables.sizes)[None, :])[0]
        exact = eliminate(tables)
        n_bits = encoding.count_bits(exact.tables.sizes)
        reduced = within(tables, incumbent, n_bits, encoding.count_bits, seed)
        np.testing.assert_array_equal(reduced.variables, exact.variables)
        np.testing.assert_array_equal(reduced.cases, exact.cases)

    @both_encodings
    def test_half_the_bits_have_better_than_the_incumbent(
        self, encoding: type[OneHotEncoding | DomainWallEncoding], random_dqm: Any
    ) -> None:
        for seed in range(3):
            tables = DenseDQM.from_dqm(random_dqm([4] * 8, seed))
            start = np.random.default_rng(seed).integers(4, size=(1, 8))
            incumbent = tables.descend(start)[0]
            n_bits = encoding.count_bits(tables.sizes) // 2
            reduced = within(tables, incumbent, n_bits, encoding.count_bits, seed)
            lowest = reduced.tables.energies(_configurations(reduced.tables)).min()
            every = tables.energies(_configurations(tables))
            assert lowest == pytest.approx(every.min())
            assert every.min() < tables.energies(incumbent[None, :])[0] - 0.1

    def test_spends_no_bits_on_cases_that_are_beaten(self) -> None:
        # The third bit is too little for another variable, and of no use to the first.
        dqm = uniform([3, 2], None)
        dqm.set_linear(0, [0.0, 0.0, 9.0])
        tables = DenseDQM.from_dqm(dqm)
        reduced = within(tables, np.array([0, 0]), 3, OneHotEncoding.count_bits, 0)
        np.testing.assert_array_equal(reduced.tables.sizes, [2])

    def test_is_repeatable(self, random_dqm: Any) -> None:
        tables = DenseDQM.from_dqm(random_dqm([4] * 8))
        incumbent = np.zeros(8, dtype=np.intp)
        one, two = (within(tables, incumbent, 12, OneHotEncoding.count_bits, 5) for _ in range(2))
        np.testing.assert_array_equal(one.variables, two.variables)
        np.testing.assert_array_equal(one.cases, two.cases)

    def test_nothing_fits_into_no_bits(self, random_dqm: Any) -> None:
        tables = DenseDQM.from_dqm(random_dqm([3, 3]))
        reduced = within(tables, np.array([1, 2]), 0, DomainWallEncoding.count_bits, 0)
        assert reduced.tables.n_variables == 0
        np.testing.assert_array_equal(reduced.fixed, [1, 2])

    def test_refuses_fewer_bits_than_none(self, random_dqm: Any) -> None:
        tables = DenseDQM.from_dqm(random_dqm([3, 3]))
        with pytest.raises(QhpoError, match="got n_bits=-1"):
            within(tables, np.array([1, 2]), -1, OneHotEncoding.count_bits, 0)
