"""Exhaustive search against dimod's own."""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np
import pytest

from qhpo.encoding import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers import make_solver
from qhpo.solvers.exact import MAX_CONFIGURATIONS


@pytest.mark.parametrize("sizes", [[3, 2, 4, 2], [2] * 8, [1], [5], [1, 7, 1]])
def test_returns_the_lowest_configurations_in_order(random_model: Any, sizes: list[int]) -> None:
    model = random_model(sizes, seed=len(sizes))
    expected = np.sort(dimod.ExactDQMSolver().sample_dqm(model.to_dqm()).record.energy)
    energies = make_solver("exact").reads(model, 0).energies
    np.testing.assert_allclose(energies, expected[: len(energies)])
    assert len(energies) == min(len(expected), 16)


def test_more_configurations_than_one_chunk_holds(random_model: Any) -> None:
    model = random_model([3] * 11, seed=2)
    exact = make_solver("exact").reads(model, 0)
    annealed = make_solver("potts").reads(model, 0)
    # The anneal finds the optimum of so small a model, which need not be in the first chunk.
    assert exact.energies[0] == pytest.approx(annealed.energies[0])


def test_the_seed_does_not_matter(random_model: Any) -> None:
    model = random_model([3, 3, 3])
    one, other = (make_solver("exact").reads(model, seed) for seed in (0, 2**31 - 1))
    np.testing.assert_array_equal(one.cases, other.cases)


def test_a_model_too_large_is_refused_with_its_size() -> None:
    model = DenseDQM(np.arange(0, 401, 10), np.zeros(400), np.zeros((400, 400)), 0.0)
    with pytest.raises(SolverError) as error:
        make_solver("exact").reads(model, 0)
    assert f"{MAX_CONFIGURATIONS:,}" in str(error.value)
    assert f"{10**40:,}" in str(error.value)
    assert "neal" in str(error.value)
