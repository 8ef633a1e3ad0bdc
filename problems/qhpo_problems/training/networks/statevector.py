"""Gates on a batch of exact state vectors, differentiable by torch.

Glossary:
    n       qubits, 1 or more; small, as every state has 2^n amplitudes.
    psi     states, shape (2^n, ...), norm 1 over the first dimension; the batch comes last, so
            that a gate works on long contiguous runs whichever qubit it turns. Real as long as no
            gate makes them complex: `ry` and signs keep real states real.
    b       a basis state, 0 to 2^n - 1, and its bits; qubit 0 is the most significant bit, as in
            PennyLane.
    z_i(b)  +1 if bit i of b is 0, -1 if it is 1: the value of Pauli Z on qubit i.
    angle   radians, shape of the batch or broadcasting to it.
    R_P     exp(-i angle P / 2) for a Pauli matrix P, the usual half-angle rotation.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import torch
from torch import Tensor

__all__ = [
    "controlled_z",
    "diagonal",
    "expectations",
    "pairs",
    "product_of_ry",
    "rx",
    "ry",
    "z_values",
]


def z_values(n: int) -> Tensor:
    """z_i(b) of every basis state: float32, shape (n, 2^n), entries +1 and -1."""
    basis = torch.arange(2**n)
    bits = torch.stack([basis >> (n - 1 - i) & 1 for i in range(n)])
    return 1.0 - 2.0 * bits


def pairs(pattern: str, n: int) -> list[tuple[int, int]]:
    """Pairs of qubits, each once, that an entangling layer couples.

    Args:
        pattern: ``"line"``: neighbours; ``"ring"``: from three qubits on also
            the last with the first; ``"all"``: every pair; ``"none"``: no pair.
        n: Qubits.
    """
    line = [(i, i + 1) for i in range(n - 1)]
    return {
        "ring": line + [(0, n - 1)] * (n > 2),
        "line": line,
        "all": list(combinations(range(n), 2)),
        "none": [],
    }[pattern]


def controlled_z(coupled: Iterable[tuple[int, int]], n: int) -> Tensor:
    """Diagonal of controlled-Z gates on all those pairs: shape (2^n,), entries +1 and -1.

    A pair changes the sign of the basis states in which both bits are 1.
    """
    z = z_values(n)
    signs = torch.ones(2**n)
    for i, j in coupled:
        signs = torch.where((z[i] < 0) & (z[j] < 0), -signs, signs)
    return signs


def product_of_ry(angles: Tensor) -> Tensor:
    """R_Y(angles[i]) on qubit i of |0...0>: real, shape (2^n, ...) from (n, ...)."""
    cosines, sines = (angles / 2).cos(), (angles / 2).sin()
    state = torch.ones_like(cosines[:1])
    for cosine, sine in zip(cosines, sines, strict=True):
        state = torch.stack((state * cosine, state * sine), dim=1).flatten(0, 1)
    return state


def ry(state: Tensor, angle: Tensor, qubit: int) -> Tensor:
    """R_Y(angle) on one qubit: the matrix [[c, -s], [s, c]], c and s of half the angle."""
    c, s = (angle / 2).cos(), (angle / 2).sin()
    zero, one = _halves(state, qubit)
    return _joined(c * zero - s * one, s * zero + c * one)


def rx(state: Tensor, angle: Tensor, qubit: int) -> Tensor:
    """R_X(angle) on one qubit: [[c, -is], [-is, c]], c and s of half the angle; complex."""
    c, s = (angle / 2).cos(), -1j * (angle / 2).sin()
    zero, one = _halves(state, qubit)
    return _joined(c * zero + s * one, s * zero + c * one)


def diagonal(state: Tensor, phase: Tensor) -> Tensor:
    """exp(-i phase / 2) at every basis state; complex.

    R_Z(angle) on qubit i is the phase ``angle * z_i``, and exp(-i angle Z_i Z_j / 2) the phase
    ``angle * z_i * z_j``; phases of several such gates add.

    Args:
        state: psi, shape (2^n, ...).
        phase: Radians, shape (2^n, ...).
    """
    return state * torch.polar(torch.ones_like(phase), -phase / 2)


def expectations(state: Tensor, observables: Tensor) -> Tensor:
    """Expectations of diagonal observables: shape (k, ...).

    Args:
        state: psi, shape (2^n, ...).
        observables: Their values at every basis state, shape (k, 2^n), such as `z_values`.
    """
    probabilities = (state * state.conj()).real if state.is_complex() else state**2
    means: Tensor = torch.tensordot(observables.to(probabilities), probabilities, dims=1)
    return means


def _halves(state: Tensor, qubit: int) -> tuple[Tensor, Tensor]:
    """Amplitudes with the qubit's bit 0 and 1: each (2^qubit, 2^(n - 1 - qubit), ...)."""
    split = state.reshape(2**qubit, 2, -1, *state.shape[1:])
    return split[:, 0], split[:, 1]


def _joined(zero: Tensor, one: Tensor) -> Tensor:
    """What `_halves` took apart: shape (2^n, ...)."""
    return torch.stack((zero, one), dim=1).flatten(0, 2)
