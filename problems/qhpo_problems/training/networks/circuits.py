"""Circuits of simulated qubits as parts of networks: a similarity, and a circuit with weights.

A quantum kernel is the squared overlap of the states that a circuit makes of two inputs (Havlicek
et al. 2019, "Supervised learning with quantum-enhanced feature spaces"; Schuld and Killoran 2019,
"Quantum machine learning in feature Hilbert spaces"), here of a circuit whose overlap is no
product over the qubits. In a circuit with weights angles are encoded, and layers of trained
rotations follow.

Glossary, beside that of `statevector`:
    x       angles in radians; of a kernel (..., n), one a qubit; of a circuit with weights
            (batch, a), a = n or, with the encoding ``"dense"``, 2n.
    U(x)    product over i of R_Y(x_i) on qubit i.
    C       controlled-Z on every pair of the ring.
    phi(x)  U(x) C U(x) |0...0>: real, shape (2^n, ...). Without C, or with one layer of U, k would
            be the product of what each qubit gives.
    k       |<phi(x)|phi(y)>|^2, 0 to 1; 1 if x = y.
    w       weights, radians, shape (depth, 2, n): of layer l, w[l, 0, i] turns qubit i by R_Z and
            w[l, 1, i] by R_Y, after controlled-Z gates on the coupled pairs.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from qhpo_problems.training.data.shapes import DIGITS, Grid
from qhpo_problems.training.networks.configs import VQCConfig
from qhpo_problems.training.networks.statevector import (
    controlled_z,
    diagonal,
    expectations,
    pairs,
    product_of_ry,
    rx,
    ry,
    z_values,
)

__all__ = [
    "Circuit",
    "build_vqc",
    "encode",
    "fidelity",
    "observables",
    "product_fidelity",
    "variational_state",
]


def encode(angles: Tensor) -> Tensor:
    """phi(x): shape (2^n, ...) from angles of shape (..., n)."""
    by_qubit = angles.movedim(-1, 0).contiguous()
    n = len(by_qubit)
    signs = controlled_z(pairs("ring", n), n).to(angles)
    state = product_of_ry(by_qubit) * signs.view(-1, *[1] * (angles.ndim - 1))
    for qubit, angle in enumerate(by_qubit):
        state = ry(state, angle, qubit)
    return state


def fidelity(queries: Tensor, keys: Tensor) -> Tensor:
    """Give k of every query with every key: shape (..., t, t) from two of shape (..., t, n)."""
    states = encode(torch.stack((queries, keys)))
    overlaps: Tensor = states[:, 0].movedim(0, -1) @ states[:, 1].movedim(0, -2)
    return overlaps**2


def product_fidelity(queries: Tensor, keys: Tensor) -> Tensor:
    """Give k of the circuit U(x) alone, by its formula, which needs no circuit.

    The product over i of ``cos((x_i - y_i) / 2)^2``; shapes as in `fidelity`.
    """
    difference = queries.unsqueeze(-2) - keys.unsqueeze(-3)
    return ((1 + torch.cos(difference)) / 2).prod(dim=-1)


def variational_state(x: Tensor, w: Tensor, *, encoding: str, entanglement: str) -> Tensor:
    """States psi after the circuit, complex, shape (2^n, batch).

    The encodings of an input x, each on |0...0>:

    - ``"rx"`` and ``"ry"``: R_X or R_Y of x_i on qubit i.
    - ``"reuploading"``: R_Y, and again before every layer after the first (Perez-Salinas et al.
      2020, "Data re-uploading for a universal quantum classifier").
    - ``"dense"``: R_Y(x_i), then R_Z(x_(n+i)) (LaRose and Coyle 2020, "Robust data encodings for
      quantum classifiers").
    - ``"iqp"``: Hadamard gates, then R_Z(x_i) and, on coupled pairs, exp(-i x_i x_j Z_i Z_j / 2)
      (Havlicek et al. 2019, "Supervised learning with quantum-enhanced feature spaces").

    Args:
        x: As in the glossary.
        w: As in the glossary.
        encoding: One of those.
        entanglement: The pairs that are coupled, see `statevector.pairs`.
    """
    depth, _, n = w.shape
    coupled = pairs(entanglement, n)
    z = z_values(n).to(x)
    signs = controlled_z(coupled, n).to(x).unsqueeze(-1)
    angles = x.T
    state = _encoded(angles, encoding, coupled, z)
    for layer in range(depth):
        if layer and encoding == "reuploading":
            for qubit, angle in enumerate(angles):
                state = ry(state, angle, qubit)
        state = diagonal(state * signs, (w[layer, 0] @ z).unsqueeze(-1))
        for qubit, angle in enumerate(w[layer, 1]):
            state = ry(state, angle, qubit)
    return state


def observables(readout: str, n: int) -> Tensor:
    """Values at every basis state of what is measured: shape (k, 2^n), entries +1 and -1.

    Args:
        readout: ``"z"``: Z of every qubit, k = n; ``"zz"``: also Z Z of neighbours, k = 2n - 1.
        n: Qubits.
    """
    z = z_values(n)
    if readout == "z":
        return z
    return torch.stack([*z, *(z[i] * z[j] for i, j in pairwise(range(n)))])


class Circuit(nn.Module):
    """Numbers of -1 to 1 become angles of -pi to pi, and these the circuit's expectations.

    Args:
        config: The architecture.
    """

    def __init__(self, config: VQCConfig) -> None:
        super().__init__()
        self.encoding, self.entanglement = config.encoding, config.entanglement
        # Small: near the identity the gradient of a deep circuit does not vanish.
        self.weights = nn.Parameter(0.1 * torch.randn(config.depth, 2, config.qubits))
        self.observables = nn.Buffer(observables(config.readout, config.qubits), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Expectations, -1 to 1, shape (n, k), from inputs of shape (n, a)."""
        state = variational_state(
            torch.pi * inputs,
            self.weights,
            encoding=self.encoding,
            entanglement=self.entanglement,
        )
        return expectations(state, self.observables).T


def build_vqc(config: VQCConfig, grid: Grid = DIGITS) -> nn.Sequential:
    """The network: samples, float, shape (n, channels, length, ...), to scores, shape (n, classes).

    Weights are drawn from torch's global generator, as by every torch layer.
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(grid.size, config.angles),
        nn.Tanh(),
        Circuit(config),
        nn.Linear(config.expectations, grid.classes),
    )


def _encoded(angles: Tensor, encoding: str, coupled: list[tuple[int, int]], z: Tensor) -> Tensor:
    """States psi after the encoding alone, from angles of shape (a, batch)."""
    n = len(z)
    match encoding:
        case "rx":
            state = product_of_ry(torch.zeros_like(angles))
            for qubit, angle in enumerate(angles):
                state = rx(state, angle, qubit)
            return state
        case "dense":
            return diagonal(product_of_ry(angles[:n]), z.T @ angles[n:])
        case "iqp":
            # R_Y(pi / 2) makes of |0> what a Hadamard gate does.
            state = product_of_ry(torch.full_like(angles, torch.pi / 2))
            phase = z.T @ angles
            for i, j in coupled:
                phase = phase + torch.outer(z[i] * z[j], angles[i] * angles[j])
            return diagonal(state, phase)
        case _:
            return product_of_ry(angles)
