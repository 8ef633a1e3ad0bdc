"""What is particular to the binary encoding: which bits it takes, and what wrong products cost."""

from __future__ import annotations

import itertools
import math

import dimod
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qhpo.encoding.binary import BinaryEncoding
from qhpo.encoding.dense_dqm import DenseDQM
from tests.qhpo.encoding.strategies import (
    all_bits,
    all_cases,
    bqm_energies,
    checkered,
    energies_of,
    models,
    uniform,
)


def _linear(sizes: list[int], seed: int) -> dimod.DiscreteQuadraticModel:
    """Biases proportional to the number of the case, and to the product of two."""
    rng = np.random.default_rng(seed)
    dqm = uniform(sizes, None)
    for i, size in enumerate(sizes):
        dqm.set_linear(i, 0.3 + rng.normal() * np.arange(size))
    for i, j in itertools.combinations(range(len(sizes)), 2):
        slope = rng.normal()
        for a, b in itertools.product(range(sizes[i]), range(sizes[j])):
            dqm.set_quadratic_case(i, a, j, b, slope * a * b)
    return dqm


def _lone_bias(size: int, case: int, bias: float) -> dimod.DiscreteQuadraticModel:
    dqm = uniform([size], None)
    dqm.set_linear_case(0, case, bias)
    return dqm


class TestBits:
    @settings(max_examples=30)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 1000))
    @example([1, 2, 3, 5], 0)
    def test_linear_tables_take_the_code_bits_only(self, sizes: list[int], seed: int) -> None:
        encoding = BinaryEncoding(DenseDQM.from_dqm(_linear(sizes, seed)))
        assert encoding.bqm.num_variables == sum(math.ceil(math.log2(size)) for size in sizes)
        # No bits are invalid.
        samples = np.random.default_rng(seed).integers(
            2, size=(20, encoding.bqm.num_variables), dtype=np.int8
        )
        assert encoding.is_valid(samples).all()

    @pytest.mark.parametrize("size", range(1, 18))
    def test_tables_without_structure_take_about_as_many_as_cases(self, size: int) -> None:
        dqm = uniform([size], None)
        dqm.set_linear(0, np.random.default_rng(size).normal(size=size))
        n_bits = BinaryEncoding(DenseDQM.from_dqm(dqm)).bqm.num_variables
        assert n_bits == (size - 1 if size & (size - 1) == 0 else size)

    def test_a_product_that_nothing_depends_on_takes_none(self) -> None:
        # Bit 2 counts 1, and both lower bits together count 1: no other product occurs.
        dqm = uniform([8], None)
        dqm.set_linear(0, [0, 0, 0, 1, 1, 1, 1, 2])
        assert BinaryEncoding(DenseDQM.from_dqm(dqm)).bqm.num_variables == 4

    def test_a_product_of_three_takes_one_of_two(self) -> None:
        # Without any product of two that occurs, one is needed as a factor.
        dqm = _lone_bias(8, 7, 1.0)
        encoding = BinaryEncoding(DenseDQM.from_dqm(dqm))
        assert encoding.bqm.num_variables == 5
        cases = all_cases(dqm)
        np.testing.assert_allclose(
            bqm_energies(encoding, encoding.encode(cases)), energies_of(dqm, cases), atol=1e-6
        )

    @pytest.mark.parametrize("size", [2, 3, 5, 6, 7, 9, 12, 16])
    def test_every_pattern_of_the_code_bits_is_a_case(self, size: int) -> None:
        dqm = uniform([size], None)
        dqm.set_linear(0, np.random.default_rng(size).normal(size=size))
        encoding = BinaryEncoding(DenseDQM.from_dqm(dqm))
        width = math.ceil(math.log2(size))
        patterns = all_bits(width)
        rest = np.zeros((len(patterns), encoding.bqm.num_variables - width), dtype=np.int8)
        cases = encoding.decode(np.concatenate([patterns, rest], axis=1))
        assert set(cases[:, 0].tolist()) == set(range(size))
        again = encoding.encode(cases)
        assert encoding.is_valid(again).all()
        np.testing.assert_array_equal(encoding.decode(again), cases)


class TestPenalty:
    def test_a_wrong_product_costs_the_penalty_once_or_three_times(self) -> None:
        tables = DenseDQM.from_dqm(_lone_bias(4, 3, -2.0))
        samples = np.array(
            [[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=np.int8
        )
        energies = bqm_energies(BinaryEncoding(tables, 10.0), samples)
        np.testing.assert_allclose(energies, [28.0, 8.0, 8.0, 10.0, 0.0, -2.0])

    @settings(max_examples=60)
    @given(models(max_cases=10, largest=8))
    @example(_lone_bias(8, 7, -5.0))
    @example(checkered([5, 4], 10.0))
    @example(checkered([4, 4, 2], -10.0))
    @example(uniform([3, 3, 3], -10.0))
    def test_an_invalid_assignment_is_above_the_valid_one_of_its_code_bits(
        self, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        encoding = BinaryEncoding(DenseDQM.from_dqm(dqm))
        bits = all_bits(encoding.bqm.num_variables)
        bits = bits[~encoding.is_valid(bits)]
        assert (bqm_energies(encoding, bits) > energies_of(dqm, encoding.decode(bits))).all()

    @pytest.mark.parametrize("bias", [-2.0, 2.0])
    def test_the_sufficient_penalty_is_tight_for_one_product(self, bias: float) -> None:
        dqm = _lone_bias(4, 3, bias)
        tables = DenseDQM.from_dqm(dqm)
        assert BinaryEncoding(tables).penalty == pytest.approx(2.0, abs=1e-5)
        encoding = BinaryEncoding(tables, 1.9)
        bits = all_bits(3)
        bits = bits[~encoding.is_valid(bits)]
        assert (bqm_energies(encoding, bits) < energies_of(dqm, encoding.decode(bits))).any()

    def test_no_products_need_next_to_no_penalty(self) -> None:
        assert BinaryEncoding(DenseDQM.from_dqm(_linear([5, 7], 0))).penalty < 1e-6
