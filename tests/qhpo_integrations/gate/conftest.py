"""Small models that the tests of the QAOA samplers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dimod
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from qhpo_integrations.gate.circuit import Circuit, qaoa_circuit
from qhpo_integrations.gate.layout import Layout
from qhpo_integrations.gate.statevector import Simulation

FloatArray = NDArray[np.float64]

LAYOUTS = {
    "one level": Layout(1, ((0,),)),
    "two levels": Layout(2, ((0, 1),)),
    "odd rings": Layout(8, ((0, 1, 2), (3, 4, 5, 6, 7))),
    "even rings": Layout(6, ((4, 1, 0, 5), (3, 2))),
    "seven levels": Layout(7, ((6, 5, 4, 3, 2, 1, 0),)),
    "blocks and free qubits": Layout(7, ((5, 0, 3), (4,))),
    "one free qubit": Layout(1),
    "free qubits": Layout(6),
}


@dataclass(frozen=True)
class Case:
    """A circuit with random angles, and what it must do."""

    layout: Layout
    circuit: Circuit
    linear: dict[int, float]
    quadratic: dict[tuple[int, int], float]
    gamma: list[float]
    beta: list[float]
    energies: FloatArray

    @property
    def simulation(self) -> Simulation:
        return Simulation(self.layout, self.energies)

    @property
    def angles(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(np.array(self.gamma)), torch.from_numpy(np.array(self.beta))

    def state(self) -> NDArray[np.complex128]:
        """Simulated amplitudes of all 2^n basis states, qubit 0 the most significant."""
        n = self.layout.n_qubits
        amplitudes = self.simulation.amplitudes(*self.angles)
        places = 2 ** np.arange(n)[::-1]
        state = np.zeros(2**n, dtype=np.complex128)
        state[self.layout.assignments().astype(int) @ places] = amplitudes.numpy()
        return state


def _case(layout: Layout, layers: int = 2) -> Case:
    rng = np.random.default_rng(7)
    n = layout.n_qubits
    linear = {k: float(rng.normal()) for k in range(n)}
    quadratic = {(j, k): float(rng.normal()) for j in range(n) for k in range(j + 1, n)}
    gamma, beta = rng.normal(size=(2, layers)).tolist()
    spins = 2.0 * layout.assignments() - 1.0
    energies = spins @ np.array([linear[k] for k in range(n)])
    for (j, k), bias in quadratic.items():
        energies += bias * spins[:, j] * spins[:, k]
    circuit = qaoa_circuit(layout, linear, quadratic, gamma, beta)
    return Case(layout, circuit, linear, quadratic, gamma, beta, energies)


@pytest.fixture(params=list(LAYOUTS))
def case(request: pytest.FixtureRequest) -> Case:
    """Every layout in turn, with random biases and angles."""
    return _case(LAYOUTS[request.param])


@pytest.fixture(scope="session")
def same_state() -> Callable[[NDArray[np.complex128], NDArray[np.complex128]], bool]:
    """Whether two states are equal up to a global phase."""

    def same(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> bool:
        overlap = np.vdot(first, second)
        return bool(
            abs(abs(overlap) - 1.0) < 1e-9
            and np.abs(first * overlap / abs(overlap) - second).max() < 1e-9
        )

    return same


Model = tuple[dimod.BinaryQuadraticModel, list[list[str]]]


@pytest.fixture(scope="session")
def one_hot_model() -> Callable[..., Model]:
    """A random model without penalty, with string labels, and its blocks."""

    def make(sizes: tuple[int, ...] = (3, 3, 2), seed: int = 0) -> Model:
        rng = np.random.default_rng(seed)
        blocks = [[f"{b}{level}" for level in range(size)] for b, size in enumerate(sizes)]
        bqm = dimod.BinaryQuadraticModel("BINARY")
        for label in (label for block in blocks for label in block):
            bqm.add_linear(label, float(rng.normal()))
        for number, block in enumerate(blocks):
            for other in blocks[number + 1 :]:
                for first in block:
                    for second in other:
                        bqm.add_quadratic(first, second, float(rng.normal()))
        bqm.offset = 0.75
        return bqm, blocks

    return make
