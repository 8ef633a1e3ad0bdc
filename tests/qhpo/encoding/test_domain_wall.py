"""What is particular to domain walls: what wrong ones cost, and how they are repaired."""

from __future__ import annotations

import itertools

import dimod
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.domain_wall import DomainWallEncoding
from tests.qhpo.encoding.strategies import (
    all_bits,
    bqm_energies,
    checkered,
    models,
    sizes_of,
    uniform,
)

small = models(max_cases=10)


def _strings(dqm: dimod.DiscreteQuadraticModel, sample: NDArray[np.int8]) -> list[str]:
    """The bits of every variable between its fixed ends."""
    lengths = [size - 1 for size in sizes_of(dqm)]
    ends = list(itertools.accumulate(lengths, initial=0))
    return ["1" + "".join(map(str, sample[a:b])) + "0" for a, b in itertools.pairwise(ends)]


def _walls(strings: list[str]) -> NDArray[np.float64]:
    x = [int(s[k]) - int(s[k + 1]) for s in strings for k in range(len(s) - 1)]
    return np.array(x, dtype=float)


def _repaired(string: str) -> list[str]:
    """The two ways to be rid of each wrong wall: lift the zeros before it, or lower the ones."""
    ways = []
    for k in range(len(string) - 1):
        if string[k : k + 2] == "01":
            start = string.rindex("1", 0, k) + 1
            stop = string.index("0", k + 1)
            ways.append(string[:start] + "1" * (k + 1 - start) + string[k + 1 :])
            ways.append(string[: k + 1] + "0" * (stop - k - 1) + string[stop:])
    return ways


@settings(max_examples=60)
@given(small, st.floats(0.0, 50.0), st.integers(0, 2**32 - 1))
@example(checkered([5, 5], 3.0), 1.0, 0)
def test_a_wrong_wall_costs_the_penalty(
    dqm: dimod.DiscreteQuadraticModel, penalty: float, seed: int
) -> None:
    tables = DenseDQM.from_dqm(dqm)
    encoding = DomainWallEncoding(tables, penalty)
    shape = (8, encoding.bqm.num_variables)
    samples = np.random.default_rng(seed).integers(2, size=shape, dtype=np.int8)
    for sample, energy in zip(samples, bqm_energies(encoding, samples), strict=True):
        strings = _strings(dqm, sample)
        x = _walls(strings)
        wrong = sum(string.count("01") for string in strings)
        rest = tables.linear @ x + 0.5 * x @ tables.quadratic @ x + tables.offset
        assert energy == pytest.approx(rest + penalty * wrong, abs=1e-6)


@settings(max_examples=40)
@given(small)
@example(uniform([3, 3, 3], -10.0))
@example(checkered([5, 4], 10.0))
@example(checkered([5, 5], -10.0))
def test_removing_a_wrong_wall_improves_under_the_sufficient_penalty(
    dqm: dimod.DiscreteQuadraticModel,
) -> None:
    encoding = DomainWallEncoding(DenseDQM.from_dqm(dqm))
    bits = all_bits(encoding.bqm.num_variables)
    energies = dict(zip(map(tuple, bits.tolist()), bqm_energies(encoding, bits), strict=True))
    for sample in bits[~encoding.is_valid(bits)]:
        strings = _strings(dqm, sample)
        for i, string in enumerate(strings):
            ways = [[*strings[:i], way, *strings[i + 1 :]] for way in _repaired(string)]
            states = ["".join(s[1:-1] for s in way) for way in ways]
            better = [energies[tuple(map(int, s))] < energies[tuple(sample)] for s in states]
            # Of each wrong wall, by one way or the other.
            assert all(map(any, zip(better[::2], better[1::2], strict=True)))


def test_the_sufficient_penalty_is_tight_for_one_variable() -> None:
    # Case 1 lies 2 above both its neighbours: a wrong wall there, with walls at 0 and 2, gains 2.
    dqm = dimod.DiscreteQuadraticModel()
    dqm.add_variable(3)
    dqm.set_linear(0, [0.0, 2.0, 0.0])
    assert DomainWallEncoding(DenseDQM.from_dqm(dqm)).penalty == pytest.approx(2.0, abs=1e-5)


def test_the_sufficient_penalty_is_tight_for_two_variables() -> None:
    # The pair gains 2 at case 1 with the second variable's first case, and nothing elsewhere.
    dqm = dimod.DiscreteQuadraticModel()
    dqm.add_variable(3)
    dqm.add_variable(2)
    dqm.set_quadratic_case(0, 1, 1, 0, 2.0)
    tables = DenseDQM.from_dqm(dqm)
    assert DomainWallEncoding(tables).penalty == pytest.approx(2.0, abs=1e-5)
    encoding = DomainWallEncoding(tables, 1.9)
    bits = all_bits(3)
    assert not encoding.is_valid(bits)[bqm_energies(encoding, bits).argmin()]


def _dense(sizes: list[int]) -> dimod.DiscreteQuadraticModel:
    n = sum(sizes)
    block = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(n)
    upper = np.triu(rng.normal(size=(n, n)) * (block[:, None] != block[None, :]))
    starts = np.cumsum([0, *sizes])
    return DenseDQM(starts, rng.normal(size=n), upper + upper.T, 0.0).to_dqm()


@settings(max_examples=60)
@given(small, st.integers(0, 2**32 - 1))
@example(_dense([5, 5, 2]), 0)
@example(_dense([6, 6, 6]), 1)
def test_a_broken_variable_takes_its_best_wall_given_the_valid_ones(
    dqm: dimod.DiscreteQuadraticModel, seed: int
) -> None:
    tables = DenseDQM.from_dqm(dqm)
    encoding = DomainWallEncoding(tables)
    shape = (20, encoding.bqm.num_variables)
    samples = np.random.default_rng(seed).integers(2, size=shape, dtype=np.int8)
    for sample, cases in zip(samples, encoding.decode(samples), strict=True):
        strings = _strings(dqm, sample)
        trusted = _walls([s if "01" not in s else "0" * len(s) for s in strings])
        fields = np.split(tables.linear + tables.quadratic @ trusted, tables.starts[1:-1])
        for string, field, case in zip(strings, fields, cases, strict=True):
            walls = [k for k in range(len(string) - 1) if string[k : k + 2] == "10"]
            assert case in walls
            assert field[case] == pytest.approx(min(field[k] for k in walls), abs=1e-9)


def test_repairs_by_the_pair_with_a_valid_variable() -> None:
    dqm = dimod.DiscreteQuadraticModel()
    dqm.add_variable(2, label="a")
    dqm.add_variable(4, label="b")
    dqm.set_linear("b", [0.0, -1.0, -2.0, -3.0])
    dqm.set_quadratic_case("a", 1, "b", 0, -9.0)
    encoding = DomainWallEncoding(DenseDQM.from_dqm(dqm))
    reads = np.array(
        [
            [0, 0, 1, 0],  # b has walls at 0 and 2, a=0: the lower bias
            [1, 0, 1, 0],  # the same, a=1: the pair decides
            [1, 1, 0, 1],  # walls at 1 and 3: the pair has no say
            [1, 1, 1, 1],  # valid
        ],
        dtype=np.int8,
    )
    np.testing.assert_array_equal(encoding.decode(reads), [[0, 2], [1, 0], [1, 3], [1, 3]])
