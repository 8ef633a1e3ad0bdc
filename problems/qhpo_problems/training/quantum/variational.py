"""A circuit with weights: angles are encoded, layers of trained rotations follow.

Glossary, beside that of `statevector`:
    a       angles of one input, n or, with ``"dense"``, 2n: see `ENCODINGS`.
    x       angles of a batch, radians, shape (batch, a).
    w       weights, radians, shape (depth, 2, n): of layer l, w[l, 0, i] turns qubit i by R_Z and
            w[l, 1, i] by R_Y, after controlled-Z gates on the coupled pairs.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from qhpo_problems.training.quantum.statevector import (
    controlled_z,
    diagonal,
    pairs,
    product_of_ry,
    rx,
    ry,
    z_values,
)

__all__ = ["observables", "variational_state"]


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
