"""What is particular to the one-hot encoding: what violations cost, and how they are repaired."""

from __future__ import annotations

import itertools

import dimod
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.one_hot import OneHotEncoding
from tests.qhpo.encoding.strategies import bqm_energies, models


class TestViolations:
    @given(models(), st.floats(0.0, 50.0), st.integers(0, 2**32 - 1))
    def test_a_violation_costs_the_penalty(
        self, dqm: dimod.DiscreteQuadraticModel, penalty: float, seed: int
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        encoding = OneHotEncoding(tables, penalty)
        sizes = np.diff(tables.starts)
        # Blocks of 1 + v and of 1 - v ones: what balances the bounds, linear in v, cancels.
        violation = np.random.default_rng(seed).integers(-1, 2, len(sizes)) * (sizes > 1)
        costs = []
        for counts in (1 + violation, 1 - violation):
            x = np.zeros((1, len(tables.linear)), dtype=np.int8)
            for start, count in zip(tables.starts[:-1].tolist(), counts.tolist(), strict=True):
                x[0, start : start + count] = 1
            unpenalized = x @ tables.linear + 0.5 * (x @ tables.quadratic @ x[0]) + tables.offset
            costs.append(float(bqm_energies(encoding, x)[0] - unpenalized[0]))
        assert sum(costs) == pytest.approx(2 * penalty * float((violation**2).sum()), abs=1e-6)

    @given(models(max_cases=8))
    def test_no_invalid_assignment_is_a_trap(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        # Under the sufficient penalty some single flip improves it.
        encoding = OneHotEncoding(DenseDQM.from_dqm(dqm))
        starts = encoding.tables.starts[:-1]
        n = len(encoding.tables.linear)
        samples = np.array(list(itertools.product([0, 1], repeat=n)), dtype=np.int8)
        energies = bqm_energies(encoding, samples)
        counts = np.add.reduceat(samples, starts, axis=1)
        number = samples @ (2 ** np.arange(n)[::-1])
        assert (np.diff(number) == 1).all()
        flipped = number[:, None] ^ (2 ** np.arange(n)[::-1])[None, :]
        best_flip = energies[flipped].min(axis=1)
        invalid = (counts != 1).any(axis=1)
        assert (best_flip < energies)[invalid].all()


class TestDecoding:
    @given(models(), st.integers(0, 2**32 - 1))
    def test_repairs_any_read(self, dqm: dimod.DiscreteQuadraticModel, seed: int) -> None:
        encoding = OneHotEncoding(DenseDQM.from_dqm(dqm))
        starts = encoding.tables.starts
        shape = (30, int(starts[-1]))
        samples = np.random.default_rng(seed).integers(2, size=shape, dtype=np.int8)
        samples[0], samples[1] = 0, 1
        cases = encoding.decode(samples)
        assert cases.shape == (30, dqm.num_variables())
        assert (cases >= 0).all()
        assert (cases < np.diff(starts)).all()
        for i, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):
            block = samples[:, start:stop]
            some = block.any(axis=1)
            # A block with ones keeps one of them.
            assert block[some, cases[some, i]].all()

    @given(models(), st.integers(0, 2**32 - 1))
    def test_a_broken_block_takes_its_best_case_given_the_valid_blocks(
        self, dqm: dimod.DiscreteQuadraticModel, seed: int
    ) -> None:
        tables = DenseDQM.from_dqm(dqm)
        n = len(tables.linear)
        samples = np.random.default_rng(seed).integers(2, size=(6, n), dtype=np.int8)
        for sample, cases in zip(samples, OneHotEncoding(tables).decode(samples), strict=True):
            blocks = np.split(sample, tables.starts[1:-1])
            trusted = np.concatenate([block * (block.sum() == 1) for block in blocks])
            fields = np.split(tables.linear + tables.quadratic @ trusted, tables.starts[1:-1])
            for block, field, case in zip(blocks, fields, cases, strict=True):
                allowed = field[block == 1] if block.any() else field
                assert field[case] == pytest.approx(allowed.min(), abs=1e-9)

    def test_takes_the_best_case_given_the_valid_blocks(self) -> None:
        dqm = dimod.DiscreteQuadraticModel()
        for label, size in (("a", 2), ("b", 3)):
            dqm.add_variable(size, label=label)
        dqm.set_linear("b", [0.0, -1.0, -2.0])
        dqm.set_quadratic_case("a", 1, "b", 0, -5.0)
        encoding = OneHotEncoding(DenseDQM.from_dqm(dqm))
        reads = np.array(
            [
                [1, 0, 0, 0, 0],  # nothing chosen for b, a=0: the lowest bias
                [0, 1, 0, 0, 0],  # nothing chosen for b, a=1: the pair decides
                [0, 1, 1, 1, 0],  # two chosen for b, one of them pairs with a=1
                [1, 0, 1, 1, 0],  # two chosen for b, a=0: the lower bias of the two
            ],
            dtype=np.int8,
        )
        np.testing.assert_array_equal(encoding.decode(reads), [[0, 2], [1, 0], [1, 0], [0, 1]])
