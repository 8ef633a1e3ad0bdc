"""Small random discrete models, and their energies by other means than the code under test."""

from __future__ import annotations

import itertools
from typing import Any

import dimod
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from qhpo.encoding.base import Encoding

IntArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]

biases = st.floats(-10, 10).map(lambda bias: round(bias, 3))
"""Multiples of 0.001, so that energies are equal or well apart."""

RESOLUTION = 1e-4
"""Less than what different energies of `models` differ by, more than rounding."""


@st.composite
def models(draw: Any, max_cases: int = 9, largest: int = 5) -> dimod.DiscreteQuadraticModel:
    """Sparse, dense or without couplings; with one-case variables, zero biases and ties."""
    sizes = draw(
        st.lists(st.integers(1, largest), min_size=1, max_size=4).filter(
            lambda s: sum(s) <= max_cases
        )
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


def uniform(sizes: list[int], bias: float | None) -> dimod.DiscreteQuadraticModel:
    """All pairs of cases of two variables have the same bias; None for no pairs."""
    dqm = dimod.DiscreteQuadraticModel()
    for size in sizes:
        dqm.add_variable(size)
    for i, j in itertools.combinations(range(len(sizes)), 2):
        for a, b in itertools.product(range(sizes[i]), range(sizes[j])):
            if bias is not None:
                dqm.set_quadratic_case(i, a, j, b, bias)
    return dqm


def checkered(sizes: list[int], bias: float) -> dimod.DiscreteQuadraticModel:
    """Biases whose sign alternates: blocks of many walls gain most, the more so together."""
    dqm = uniform(sizes, None)
    for i, j in itertools.combinations(range(len(sizes)), 2):
        for a, b in itertools.product(range(sizes[i]), range(sizes[j])):
            dqm.set_quadratic_case(i, a, j, b, bias * (-1) ** (a + b))
    return dqm


def sizes_of(dqm: dimod.DiscreteQuadraticModel) -> list[int]:
    return [dqm.num_cases(v) for v in dqm.variables]


def all_cases(dqm: dimod.DiscreteQuadraticModel) -> IntArray:
    return np.array(list(itertools.product(*map(range, sizes_of(dqm)))), dtype=np.intp)


def energies_of(dqm: dimod.DiscreteQuadraticModel, cases: IntArray) -> FloatArray:
    return np.asarray(dqm.energies((cases, list(dqm.variables))))


def optima_of(dqm: dimod.DiscreteQuadraticModel) -> set[tuple[int, ...]]:
    cases = all_cases(dqm)
    energies = energies_of(dqm, cases)
    return set(map(tuple, cases[energies < energies.min() + RESOLUTION].tolist()))


def one_hot_bits(dqm: dimod.DiscreteQuadraticModel, cases: IntArray) -> NDArray[np.int8]:
    """A one at the case of every variable."""
    ones = [np.eye(size, dtype=np.int8)[cases[:, i]] for i, size in enumerate(sizes_of(dqm))]
    return np.hstack(ones)


def domain_wall_bits(dqm: dimod.DiscreteQuadraticModel, cases: IntArray) -> NDArray[np.int8]:
    """As many ones as the number of the case, then zeros."""
    rows = [np.arange(1, size) <= cases[:, i, None] for i, size in enumerate(sizes_of(dqm))]
    return np.hstack(rows).astype(np.int8)


def all_bits(n: int) -> NDArray[np.int8]:
    numbers = np.arange(2**n)[:, None] >> np.arange(n)[::-1]
    return (numbers & 1).astype(np.int8)


def bqm_energies(encoding: Encoding, samples: NDArray[np.int8]) -> FloatArray:
    if not samples.shape[1]:
        return np.full(len(samples), float(encoding.bqm.offset))
    return np.asarray(encoding.bqm.energies((samples, range(samples.shape[1]))))
