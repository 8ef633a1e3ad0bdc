"""Exhaustive search against dimod's own."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.errors import SolverError
from qhpo.solvers import make_solver
from qhpo.solvers.exact import MAX_CONFIGURATIONS
from tests.qhpo.solvers.answers import sample_set


@pytest.mark.parametrize("sizes", [[3, 2, 4, 2], [2] * 8, [1], [5], [1, 7, 1]])
def test_returns_the_lowest_configurations_in_order(random_dqm: Any, sizes: list[int]) -> None:
    dqm = random_dqm(sizes, seed=len(sizes))
    expected = np.sort(dimod.ExactDQMSolver().sample_dqm(dqm).record.energy)
    energies = sample_set(make_solver("exact"), dqm, 0).record.energy
    np.testing.assert_allclose(energies, expected[: len(energies)])
    assert len(energies) >= min(len(expected), 5)


def test_more_configurations_than_one_chunk_holds(random_dqm: Any) -> None:
    dqm = random_dqm([3] * 11, seed=2)
    exact = sample_set(make_solver("exact"), dqm, 0)
    annealed = sample_set(make_solver("neal"), dqm, 0)
    assert exact.first.energy <= annealed.first.energy + 1e-9


def test_the_seed_does_not_matter(random_dqm: Any) -> None:
    dqm = random_dqm([3, 3, 3])
    one, other = (sample_set(make_solver("exact"), dqm, seed) for seed in (0, 2**31 - 1))
    np.testing.assert_array_equal(one.record.sample, other.record.sample)


def test_a_model_too_large_is_refused_with_its_size() -> None:
    dqm = dimod.DiscreteQuadraticModel()
    for _ in range(40):
        dqm.add_variable(10)
    with pytest.raises(SolverError) as error:
        sample_set(make_solver("exact"), dqm, 0)
    assert f"{MAX_CONFIGURATIONS:,}" in str(error.value)
    assert f"{10**40:,}" in str(error.value)
    assert "neal" in str(error.value)
