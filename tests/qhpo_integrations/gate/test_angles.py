from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from qhpo_integrations.gate.angles import conditional_value_at_risk, find_angles
from qhpo_integrations.gate.layout import Layout
from qhpo_integrations.gate.statevector import Simulation


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(1.0, 0.1 * -4 + 0.3 * -1 + 0.6 * 2), (0.1, -4.0), (0.05, -4.0), (0.2, -2.5), (0.4, -1.75)],
)
def test_cvar_is_the_mean_of_the_best_share(alpha: float, expected: float) -> None:
    energies = torch.tensor([-4.0, -1.0, 2.0], dtype=torch.float64)
    probabilities = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64)
    value = conditional_value_at_risk(energies, probabilities, alpha)
    assert float(value) == pytest.approx(expected, abs=1e-12)


def _one_block() -> tuple[Simulation, NDArray[np.float64]]:
    energies = np.random.default_rng(3).normal(size=9)
    return Simulation(Layout(6, ((0, 1, 2), (3, 4, 5))), energies), energies


def test_angles_do_not_improve_by_small_changes() -> None:
    simulation, energies = _one_block()
    gamma, beta = find_angles(simulation, energies, 1, np.random.default_rng(0))
    order = np.argsort(energies)

    def objective(angles: NDArray[np.float64]) -> float:
        probabilities = simulation.probabilities(*torch.from_numpy(angles)[:, None])
        ascending = torch.from_numpy(energies[order])
        tail, mean = (
            float(conditional_value_at_risk(ascending, probabilities[order], alpha))
            for alpha in (0.5, 1.0)
        )
        return 0.9 * tail + 0.1 * mean

    found = np.array([gamma[0], beta[0]])
    for shift in np.random.default_rng(1).normal(size=(20, 2)) * 0.01:
        assert objective(found + shift) >= objective(found) - 1e-7
    assert objective(found) < objective(np.array([0.5, -0.5])) - 1e-3


def test_mean_energy_falls() -> None:
    simulation, energies = _one_block()
    for layers in (1, 2, 3):
        gamma, beta = find_angles(simulation, energies, layers, np.random.default_rng(0))
        assert gamma.shape == beta.shape == (layers,)
        probabilities = simulation.probabilities(torch.from_numpy(gamma), torch.from_numpy(beta))
        assert float(probabilities.numpy() @ energies) < energies.mean() - 0.1


def test_same_generator_same_angles() -> None:
    simulation, energies = _one_block()
    first = find_angles(simulation, energies, 2, np.random.default_rng(5))
    second = find_angles(simulation, energies, 2, np.random.default_rng(5))
    assert np.array_equal(first, second)


def test_tail_and_mean_both_count() -> None:
    """One variable: its optimum could be certain, though CVaR is done at probability 0.5."""
    energies = np.array([-1.0, 1.0])
    simulation = Simulation(Layout(1), energies)
    gamma, beta = find_angles(simulation, energies, 1, np.random.default_rng(0))
    probabilities = simulation.probabilities(torch.from_numpy(gamma), torch.from_numpy(beta))
    assert float(probabilities[0]) == pytest.approx(1.0, abs=1e-4)
