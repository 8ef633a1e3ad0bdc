"""How alike two inputs are to a circuit: the squared overlap of the states it makes of them.

A quantum kernel (Havlicek et al. 2019, "Supervised learning with quantum-enhanced feature
spaces"; Schuld and Killoran 2019, "Quantum machine learning in feature Hilbert spaces"), here of
a circuit whose overlap is no product over the qubits.

Glossary:
    x       angles in radians, shape (..., n), one a qubit.
    U(x)    product over i of R_Y(x_i) on qubit i.
    C       controlled-Z on every pair of the ring.
    phi(x)  U(x) C U(x) |0...0>: real, shape (2^n, ...). Without C, or with one layer of U, k would
            be the product of what each qubit gives.
    k       |<phi(x)|phi(y)>|^2, 0 to 1; 1 if x = y.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qhpo_problems.training.quantum.statevector import controlled_z, pairs, product_of_ry, ry

__all__ = ["encode", "fidelity", "product_fidelity"]


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
