"""LABS against its definition, and known least energies against all short sequences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from qhpo_problems.benchmarks.sampling.combinatorial.labs import Labs
from qhpo_problems.benchmarks.sampling.combinatorial.relabelled import KNOWN

# Packebusch and Mertens 2016, table 1.
LEAST = {3: 1, 4: 2, 5: 2, 6: 7, 7: 3, 8: 8, 9: 12, 10: 13, 11: 5, 12: 10, 13: 6}


def _energy(levels: list[int]) -> int:
    signs = [2 * level - 1 for level in levels]
    n = len(signs)
    return sum(sum(signs[i] * signs[i + k] for i in range(n - k)) ** 2 for k in range(1, n))


@pytest.mark.parametrize("n", [2, 7, 50])
def test_the_energy_is_the_sum_of_squared_autocorrelations(n: int) -> None:
    for levels in np.random.default_rng(n).integers(2, size=(10, n)).tolist():
        assert Labs(n).energy(levels) == _energy(levels)
        assert Labs(n).value(levels) == -(n**2) / (2 * _energy(levels))


@pytest.mark.parametrize("n", [n for n in LEAST if n <= 10])
def test_least_energies_are_the_published_ones(n: int) -> None:
    assert min(Labs(n).energy(levels) for levels in product((0, 1), repeat=n)) == LEAST[n]


def test_barker_s_sequence_has_the_best_merit_factor() -> None:
    barker = [1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 1]
    assert Labs(13).energy(barker) == LEAST[13]
    assert Labs(13).value(barker) == pytest.approx(-14.083, abs=1e-3)


def test_the_known_sequence_has_the_published_energy() -> None:
    known = KNOWN["labs-50"]
    assert isinstance(known.problem, Labs)
    levels = [int(bit) for bit in known.best]
    assert known.problem.energy(levels) == 153
    assert known.problem.value(levels) == pytest.approx(-8.17, abs=1e-3)
