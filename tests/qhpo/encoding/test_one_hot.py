"""The one-hot encoding: equal energies, kept ground states, and reads back to valid cases."""

from __future__ import annotations

import itertools
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.tables import PairTables

biases = st.floats(-10, 10).map(lambda bias: round(bias, 3))


@st.composite
def models(draw: Any, max_cases: int = 9) -> dimod.DiscreteQuadraticModel:
    """Sparse or dense, with one-case variables, zero biases and ties."""
    sizes = draw(
        st.lists(st.integers(1, 4), min_size=1, max_size=4).filter(lambda s: sum(s) <= max_cases)
    )
    dqm = dimod.DiscreteQuadraticModel()
    for i, size in enumerate(sizes):
        dqm.add_variable(size, label=f"v{i}")
        dqm.set_linear(f"v{i}", draw(st.lists(biases, min_size=size, max_size=size)))
    for i, j in itertools.combinations(range(len(sizes)), 2):
        for a, b in itertools.product(range(sizes[i]), range(sizes[j])):
            if draw(st.booleans()):
                dqm.set_quadratic_case(f"v{i}", a, f"v{j}", b, draw(biases))
    dqm.offset = draw(biases)
    return dqm


def _attractive(sizes: list[int], bias: float) -> dimod.DiscreteQuadraticModel:
    """All pairs attract: whoever breaks every block gains most."""
    dqm = dimod.DiscreteQuadraticModel()
    for size in sizes:
        dqm.add_variable(size)
    for i, j in itertools.combinations(range(len(sizes)), 2):
        for a, b in itertools.product(range(sizes[i]), range(sizes[j])):
            dqm.set_quadratic_case(i, a, j, b, bias)
    return dqm


def _sizes(dqm: dimod.DiscreteQuadraticModel) -> list[int]:
    return [dqm.num_cases(v) for v in dqm.variables]


def _all_cases(dqm: dimod.DiscreteQuadraticModel) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, _sizes(dqm)))))


def _energies(dqm: dimod.DiscreteQuadraticModel, cases: np.ndarray) -> np.ndarray:
    return np.asarray(dqm.energies((cases, list(dqm.variables))))


def _one_hot(dqm: dimod.DiscreteQuadraticModel, cases: np.ndarray) -> np.ndarray:
    columns = [np.eye(size, dtype=np.int8)[cases[:, i]] for i, size in enumerate(_sizes(dqm))]
    return np.concatenate(columns, axis=1)


def _bqm_energies(encoding: OneHotEncoding, samples: np.ndarray) -> np.ndarray:
    return np.asarray(encoding.bqm.energies((samples, range(samples.shape[1]))))


class TestTables:
    @given(models())
    def test_energies_are_those_of_the_model(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        cases = _all_cases(dqm)
        tables = PairTables.from_dqm(dqm)
        np.testing.assert_allclose(tables.energies(cases), _energies(dqm, cases), atol=1e-9)
        assert tables.n_variables == dqm.num_variables()
        np.testing.assert_array_equal(np.bincount(tables.block), _sizes(dqm))

    @given(models())
    def test_are_symmetric_and_zero_inside_a_block(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = PairTables.from_dqm(dqm)
        np.testing.assert_array_equal(tables.quadratic, tables.quadratic.T)
        inside = tables.block[:, None] == tables.block[None, :]
        assert not tables.quadratic[inside].any()

    @given(models())
    def test_local_fields_differ_as_energies_do(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = PairTables.from_dqm(dqm)
        cases = _all_cases(dqm)
        fields = tables.local_fields(cases)
        assert fields.shape == (len(cases), len(tables.linear))
        before = _energies(dqm, cases)
        for i, size in enumerate(_sizes(dqm)):
            here = fields[np.arange(len(cases)), tables.starts[i] + cases[:, i]]
            for case in range(size):
                moved = cases.copy()
                moved[:, i] = case
                expected = _energies(dqm, moved) - before
                got = fields[:, tables.starts[i] + case] - here
                np.testing.assert_allclose(got, expected, atol=1e-9)

    @given(models())
    def test_field_scale_is_the_deviation_over_all_configurations(
        self, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        tables = PairTables.from_dqm(dqm)
        fields = tables.local_fields(_all_cases(dqm))
        # Each variable counts the same, whatever its number of cases.
        variances = []
        for start, stop in itertools.pairwise(tables.starts.tolist()):
            block = fields[:, start:stop]
            variances.append(np.mean((block - block.mean()) ** 2))
        expected = float(np.sqrt(np.mean(variances)))
        if expected > 1e-6:
            assert tables.field_scale == pytest.approx(expected)
        assert tables.field_scale > 0.0

    def test_field_scale_of_a_flat_model_is_one(self) -> None:
        dqm = dimod.DiscreteQuadraticModel()
        dqm.add_variable(3)
        dqm.add_variable(2)
        assert PairTables.from_dqm(dqm).field_scale == 1.0

    @given(models(), st.floats(0.01, 100.0))
    def test_field_scale_scales_with_the_model(
        self, dqm: dimod.DiscreteQuadraticModel, factor: float
    ) -> None:
        one = PairTables.from_dqm(dqm)
        other = PairTables(
            one.starts, factor * one.linear, factor * one.quadratic, factor * one.offset
        )
        if one.field_scale != 1.0:
            assert other.field_scale == pytest.approx(factor * one.field_scale, rel=1e-6)


class TestDescent:
    @given(models(), st.integers(0, 2**32 - 1))
    def test_never_rises_and_ends_in_a_local_minimum(
        self, dqm: dimod.DiscreteQuadraticModel, seed: int
    ) -> None:
        tables = PairTables.from_dqm(dqm)
        every = _all_cases(dqm)
        starts = every[np.random.default_rng(seed).integers(len(every), size=8)]
        given_starts = starts.copy()
        ends = tables.descend(starts)
        np.testing.assert_array_equal(starts, given_starts)
        low = _energies(dqm, ends)
        assert (low <= _energies(dqm, starts) + 1e-9).all()
        for i, size in enumerate(_sizes(dqm)):
            for case in range(size):
                moved = ends.copy()
                moved[:, i] = case
                assert (_energies(dqm, moved) >= low - 1e-9).all()

    @given(models())
    def test_leaves_a_minimum_alone(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = PairTables.from_dqm(dqm)
        ends = tables.descend(_all_cases(dqm))
        np.testing.assert_array_equal(tables.descend(ends), ends)

    def test_terminates_on_large_models(self, random_dqm: Any) -> None:
        dqm = random_dqm([4] * 30)
        tables = PairTables.from_dqm(dqm)
        starts = np.random.default_rng(0).integers(4, size=(50, 30))
        ends = tables.descend(starts)
        assert (tables.energies(ends) < tables.energies(starts)).all()


class TestEncoding:
    @given(models(), st.one_of(st.none(), st.floats(0.0, 50.0)))
    def test_valid_assignments_cost_what_they_cost_in_the_model(
        self, dqm: dimod.DiscreteQuadraticModel, penalty: float | None
    ) -> None:
        encoding = OneHotEncoding(PairTables.from_dqm(dqm), penalty)
        cases = _all_cases(dqm)
        assert encoding.bqm.vartype is dimod.BINARY
        assert list(encoding.bqm.variables) == list(range(sum(_sizes(dqm))))
        energies = _bqm_energies(encoding, _one_hot(dqm, cases))
        np.testing.assert_allclose(energies, _energies(dqm, cases), atol=1e-6)

    @given(models())
    @example(_attractive([2, 2], -10.0))
    @example(_attractive([3, 2, 3], -1.0))
    @example(_attractive([3, 2, 3], 1.0))
    def test_the_sufficient_penalty_keeps_the_ground_state(
        self, dqm: dimod.DiscreteQuadraticModel
    ) -> None:
        encoding = OneHotEncoding(PairTables.from_dqm(dqm))
        states = dimod.ExactSolver().sample(encoding.bqm)
        lowest = dimod.ExactDQMSolver().sample_dqm(dqm).first.energy
        assert states.first.energy == pytest.approx(lowest, abs=1e-6)
        samples = states.record.sample[:, np.argsort(list(states.variables))]
        counts = np.add.reduceat(samples, encoding.tables.starts[:-1], axis=1)
        invalid = (counts != 1).any(axis=1)
        if invalid.any():
            # Strictly: an annealer at the ground state has a valid read.
            assert states.record.energy[invalid].min() > lowest

    @given(models(), st.floats(0.0, 50.0), st.integers(0, 2**32 - 1))
    def test_a_violation_costs_the_penalty(
        self, dqm: dimod.DiscreteQuadraticModel, penalty: float, seed: int
    ) -> None:
        tables = PairTables.from_dqm(dqm)
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
            costs.append(float(_bqm_energies(encoding, x)[0] - unpenalized[0]))
        assert sum(costs) == pytest.approx(2 * penalty * float((violation**2).sum()), abs=1e-6)

    @given(models(max_cases=8))
    def test_no_invalid_assignment_is_a_trap(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        # Under the sufficient penalty some single flip improves it.
        encoding = OneHotEncoding(PairTables.from_dqm(dqm))
        starts = encoding.tables.starts[:-1]
        n = len(encoding.tables.linear)
        samples = np.array(list(itertools.product([0, 1], repeat=n)), dtype=np.int8)
        energies = _bqm_energies(encoding, samples)
        counts = np.add.reduceat(samples, starts, axis=1)
        number = samples @ (2 ** np.arange(n)[::-1])
        assert (np.diff(number) == 1).all()
        flipped = number[:, None] ^ (2 ** np.arange(n)[::-1])[None, :]
        best_flip = energies[flipped].min(axis=1)
        invalid = (counts != 1).any(axis=1)
        assert (best_flip < energies)[invalid].all()

    @given(models())
    def test_the_given_penalty_is_kept(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        tables = PairTables.from_dqm(dqm)
        assert OneHotEncoding(tables, 1.25).penalty == 1.25
        assert OneHotEncoding(tables).penalty > 0.0


class TestDecoding:
    @given(models())
    def test_inverts_the_encoding(self, dqm: dimod.DiscreteQuadraticModel) -> None:
        cases = _all_cases(dqm)
        encoding = OneHotEncoding(PairTables.from_dqm(dqm))
        np.testing.assert_array_equal(encoding.decode(_one_hot(dqm, cases)), cases)

    @given(models(), st.integers(0, 2**32 - 1))
    def test_repairs_any_read(self, dqm: dimod.DiscreteQuadraticModel, seed: int) -> None:
        encoding = OneHotEncoding(PairTables.from_dqm(dqm))
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
        tables = PairTables.from_dqm(dqm)
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
        encoding = OneHotEncoding(PairTables.from_dqm(dqm))
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
