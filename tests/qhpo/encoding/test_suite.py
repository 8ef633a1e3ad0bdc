"""One suite for every encoding: energies, ground states, invalid assignments, decoding."""

from __future__ import annotations

import dimod
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qhpo.encoding.base import Encoding
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.domain_wall import DomainWallEncoding
from qhpo.encoding.one_hot import OneHotEncoding
from tests.qhpo.encoding.strategies import (
    RESOLUTION,
    all_bits,
    all_cases,
    bqm_energies,
    checkered,
    domain_wall_bits,
    energies_of,
    models,
    one_hot_bits,
    optima_of,
    sizes_of,
    uniform,
)

Make = type[OneHotEncoding | DomainWallEncoding]

every_encoding = pytest.mark.parametrize(
    "make", [OneHotEncoding, DomainWallEncoding], ids=["one-hot", "domain-wall"]
)
BITS = {OneHotEncoding: one_hot_bits, DomainWallEncoding: domain_wall_bits}
penalties = st.one_of(st.none(), st.floats(0.0, 50.0))
small = models(max_cases=8)

ONE_CASE = uniform([1, 1], 2.0)
ONE_CASE_AMONG_OTHERS = uniform([1, 3, 1, 2], -3.0)
NO_COUPLINGS = uniform([3, 1, 4], None)
ATTRACTIVE = uniform([3, 2, 3], -10.0)
REPULSIVE = uniform([3, 2, 3], 10.0)
CHECKERED = checkered([5, 4], 10.0)


def _encode(make: Make, dqm: dimod.DiscreteQuadraticModel, penalty: float | None) -> Encoding:
    return make(DenseDQM.from_dqm(dqm), penalty)


def _n_bits(encoding: Encoding) -> int:
    return int(encoding.bqm.num_variables)


@every_encoding
class TestModel:
    @settings(max_examples=60)
    @given(small, penalties)
    @example(ONE_CASE, None)
    @example(ONE_CASE_AMONG_OTHERS, 1.0)
    @example(NO_COUPLINGS, None)
    def test_valid_assignments_cost_what_they_cost_in_the_model(
        self, make: Make, dqm: dimod.DiscreteQuadraticModel, penalty: float | None
    ) -> None:
        encoding = _encode(make, dqm, penalty)
        cases = all_cases(dqm)
        bits = BITS[make](dqm, cases)
        assert bits.shape == (len(cases), _n_bits(encoding))
        assert encoding.is_valid(bits).all()
        np.testing.assert_allclose(
            bqm_energies(encoding, bits), energies_of(dqm, cases), atol=1e-6, rtol=0
        )

    @settings(max_examples=30)
    @given(small)
    @example(ONE_CASE)
    def test_is_binary_with_its_variables_in_order(
        self, make: Make, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        bqm = _encode(make, dqm, None).bqm
        assert bqm.vartype is dimod.BINARY
        assert list(bqm.variables) == list(range(bqm.num_variables))

    @settings(max_examples=60)
    @given(small)
    @example(ONE_CASE)
    @example(ONE_CASE_AMONG_OTHERS)
    @example(NO_COUPLINGS)
    @example(ATTRACTIVE)
    @example(REPULSIVE)
    @example(CHECKERED)
    def test_the_ground_states_are_the_optima(
        self, make: Make, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        encoding = _encode(make, dqm, None)
        bits = all_bits(_n_bits(encoding))
        energies = bqm_energies(encoding, bits)
        # The promise is strict, but by no more than what the penalty exceeds its bound by.
        assert energies[~encoding.is_valid(bits)].min(initial=np.inf) > energies.min()
        ground = bits[encoding.is_valid(bits) & (energies < energies.min() + RESOLUTION)]
        assert set(map(tuple, encoding.decode(ground).tolist())) == optima_of(dqm)

    @settings(max_examples=60)
    @given(small, st.floats(0.0, 50.0), st.floats(0.5, 50.0))
    @example(CHECKERED, 0.0, 1.0)
    def test_an_invalid_assignment_pays_the_penalty_at_least_once(
        self, make: Make, dqm: dimod.DiscreteQuadraticModel, penalty: float, more: float
    ) -> None:
        low = _encode(make, dqm, penalty)
        high = _encode(make, dqm, penalty + more)
        bits = all_bits(_n_bits(low))
        paid = bqm_energies(high, bits) - bqm_energies(low, bits)
        valid = low.is_valid(bits)
        np.testing.assert_allclose(paid[valid], 0.0, atol=1e-6)
        assert (paid[~valid] >= more - 1e-6).all()

    @settings(max_examples=30)
    @given(small)
    def test_the_given_penalty_is_kept(self, make: Make, dqm: dimod.DiscreteQuadraticModel) -> None:
        assert _encode(make, dqm, 1.25).penalty == 1.25
        assert _encode(make, dqm, 0.0).penalty == 0.0
        assert _encode(make, dqm, None).penalty > 0.0


@every_encoding
def test_a_model_without_variables_is_its_offset(make: Make) -> None:
    # Which is what a reduction leaves when it fixes everything.
    tables = DenseDQM(np.zeros(1, dtype=np.intp), np.empty(0), np.empty((0, 0)), 2.5)
    encoding = make(tables)
    assert encoding.bqm.num_variables == 0
    assert encoding.bqm.offset == 2.5
    assert encoding.is_valid(np.empty((2, 0), dtype=np.int8)).all()
    assert encoding.decode(np.empty((2, 0), dtype=np.int8)).shape == (2, 0)


@every_encoding
class TestDecoding:
    @settings(max_examples=60)
    @given(small)
    @example(ONE_CASE)
    @example(ONE_CASE_AMONG_OTHERS)
    def test_inverts_the_encoding(self, make: Make, dqm: dimod.DiscreteQuadraticModel) -> None:
        cases = all_cases(dqm)
        encoding = _encode(make, dqm, None)
        np.testing.assert_array_equal(encoding.decode(BITS[make](dqm, cases)), cases)

    @settings(max_examples=60)
    @given(small)
    @example(ONE_CASE)
    @example(CHECKERED)
    def test_any_bits_give_a_configuration_and_valid_ones_their_own(
        self, make: Make, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        encoding = _encode(make, dqm, None)
        bits = all_bits(_n_bits(encoding))
        given_bits = bits.copy()
        cases = encoding.decode(bits)
        np.testing.assert_array_equal(bits, given_bits)
        assert cases.shape == (len(bits), dqm.num_variables())
        assert (cases >= 0).all()
        assert (cases < np.array(sizes_of(dqm))).all()
        valid = encoding.is_valid(bits)
        np.testing.assert_allclose(
            energies_of(dqm, cases[valid]), bqm_energies(encoding, bits[valid]), atol=1e-6, rtol=0
        )
        # All configurations are reached, and reads decode alone as they do together.
        assert set(map(tuple, cases[valid].tolist())) == set(map(tuple, all_cases(dqm).tolist()))
        np.testing.assert_array_equal(encoding.decode(bits[-1:]), cases[-1:])


@every_encoding
@settings(max_examples=60)
@given(small)
@example(ONE_CASE)
def test_the_number_of_bits_is_known_before(make: Make, dqm: dimod.DiscreteQuadraticModel) -> None:
    encoding = make(DenseDQM.from_dqm(dqm))
    assert make.count_bits(np.array(sizes_of(dqm))) == encoding.bqm.num_variables
    # Each valid assignment is another configuration.
    bits = all_bits(encoding.bqm.num_variables)
    assert encoding.is_valid(bits).sum() == len(all_cases(dqm))
