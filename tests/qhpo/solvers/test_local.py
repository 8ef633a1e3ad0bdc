"""What is special about the samplers of dwave-samplers as solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qhpo.solvers import make_solver


@pytest.mark.parametrize("name", ["tabu", "steepest-descent", "sqa"])
def test_seeds_lead_to_different_reads(random_model: Any, name: str) -> None:
    model = random_model([4] * 15, seed=5)
    solver = make_solver(name)
    found = [solver.reads(model, seed).cases for seed in range(6)]
    assert any(not np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("name", ["descent", "potts", "tabu", "steepest-descent", "sqa"])
def test_low_energies_of_models_too_large_to_enumerate(random_model: Any, name: str) -> None:
    model = random_model([4] * 20, seed=1)
    found = make_solver(name).reads(model, 0).energies[0]
    drawn = np.random.default_rng(0).integers(4, size=(20_000, 20))
    lucky = model.energies(drawn)
    assert found < lucky.min() - lucky.std()
