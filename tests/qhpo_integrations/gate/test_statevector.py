from __future__ import annotations

import numpy as np
import pytest
import torch

from qhpo_integrations.gate.layout import Layout
from qhpo_integrations.gate.statevector import Simulation


def test_probabilities_sum_to_one(case) -> None:
    probabilities = case.simulation.probabilities(*case.angles)
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-12)
    assert (probabilities >= 0.0).all()


def test_no_layers_leave_the_uniform_superposition(case) -> None:
    none = torch.empty(0, dtype=torch.float64)
    amplitudes = case.simulation.amplitudes(none, none)
    assert torch.allclose(amplitudes, torch.full_like(amplitudes, len(amplitudes) ** -0.5))


def test_angles_matter(case) -> None:
    probabilities = case.simulation.probabilities(*case.angles)
    if case.layout.n_states > 1:
        assert float((probabilities - probabilities.mean()).abs().max()) > 1e-5


def test_gradient_equals_finite_differences(case) -> None:
    angles = torch.tensor([*case.gamma, *case.beta], dtype=torch.float64, requires_grad=True)
    energies = torch.from_numpy(case.energies)

    def mean_energy(values: torch.Tensor) -> torch.Tensor:
        return case.simulation.probabilities(values[:2], values[2:]) @ energies

    (gradient,) = torch.autograd.grad(mean_energy(angles), angles)
    step = 1e-5
    for k in range(4):
        shift = torch.zeros(4, dtype=torch.float64)
        shift[k] = step
        with torch.no_grad():
            slope = (mean_energy(angles + shift) - mean_energy(angles - shift)) / (2.0 * step)
        assert float(gradient[k]) == pytest.approx(float(slope), abs=1e-7, rel=1e-7)


def test_one_qubit_by_hand() -> None:
    """E = s from |+>: P(1) = (1 + sin 2 gamma sin 2 beta) / 2."""
    gamma, beta = 0.3, 0.5
    simulation = Simulation(Layout(1), np.array([-1.0, 1.0]))
    probabilities = simulation.probabilities(
        torch.tensor([gamma], dtype=torch.float64), torch.tensor([beta], dtype=torch.float64)
    )
    expected = 0.5 * (1.0 + np.sin(2 * gamma) * np.sin(2 * beta))
    assert float(probabilities[1]) == pytest.approx(expected, abs=1e-12)
