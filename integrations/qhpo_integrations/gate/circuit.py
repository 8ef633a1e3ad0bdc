"""The QAOA circuit as a list of gates that every backend can translate one by one.

Glossary
--------
h, J
    Ising form of the energy: E = sum h_k s_k + sum J_jk s_j s_k + offset. Qubit k in state 1 means
    s_k = +1 and x_k = 1, so that s_k = -Z_k.
gamma, beta
    Angles, see `statevector`; gamma multiplies the energy in units of the energy scale.
gates
    x, h        Pauli X and Hadamard
    rz(t)       exp(-i t Z / 2)
    rx(t)       exp(-i t X / 2)
    rzz(t)      exp(-i t ZZ / 2)
    xy(t)       exp(-i t (XX + YY) / 2)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qhpo_integrations.gate.layout import Layout, ring_matchings

__all__ = ["Circuit", "Gate", "qaoa_circuit"]

GateName = Literal["x", "h", "rz", "rx", "rzz", "xy"]


@dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes:
        name: One of the gates of the glossary.
        qubits: The qubit or the two qubits it acts on.
        angle: t in radians; 0 for the gates that have none.
    """

    name: GateName
    qubits: tuple[int, ...]
    angle: float = 0.0


@dataclass(frozen=True)
class Circuit:
    """Gates in order, starting with all qubits in state 0; then all qubits are measured.

    Attributes:
        n_qubits: Number of qubits.
        gates: The gates.
    """

    n_qubits: int
    gates: tuple[Gate, ...]

    @property
    def two_qubit_gates(self) -> int:
        """Number of gates on two qubits, before any backend decomposes them."""
        return sum(len(gate.qubits) == 2 for gate in self.gates)

    @property
    def depth(self) -> int:
        """Least number of time steps when every gate takes one and qubits are all connected."""
        busy = [0] * self.n_qubits
        for gate in self.gates:
            step = 1 + max(busy[qubit] for qubit in gate.qubits)
            for qubit in gate.qubits:
                busy[qubit] = step
        return max(busy, default=0)


def qaoa_circuit(
    layout: Layout,
    linear: Mapping[int, float],
    quadratic: Mapping[tuple[int, int], float],
    gamma: Sequence[float],
    beta: Sequence[float],
) -> Circuit:
    """The circuit whose state `statevector.Simulation` computes, up to a global phase.

    Args:
        layout: Blocks under the XY mixer and free qubits under the X mixer.
        linear: h in units of the energy scale, by qubit.
        quadratic: J in units of the energy scale, by pair of qubits. Pairs inside a block do not
            change the energy of valid states other than by a constant and can be left out.
        gamma: p angles of the phase separators.
        beta: p angles of the mixers.
    """
    gates: list[Gate] = []
    for block in layout.blocks:
        gates.extend(_w_state(block))
    gates.extend(Gate("h", (qubit,)) for qubit in layout.free)
    for layer_gamma, layer_beta in zip(gamma, beta, strict=True):
        gates.extend(_phase_separator(layout.n_qubits, linear, quadratic, layer_gamma))
        for block in layout.blocks:
            gates.extend(_ring_mixer(block, layer_beta))
        gates.extend(Gate("rx", (qubit,), 2.0 * layer_beta) for qubit in layout.free)
    return Circuit(layout.n_qubits, tuple(gates))


def _w_state(block: Sequence[int]) -> Iterator[Gate]:
    """The uniform superposition of a block's levels from state 0, in log2 L steps of xy gates.

    The single excitation starts on the first qubit and stands for all levels of a segment. An xy
    gate moves it to the middle of the segment with the second half's share of the probability, and
    so on in both halves. Every move multiplies by -i, which the rz at the end takes back.
    """
    yield Gate("x", (block[0],))
    moves = [0] * len(block)
    segments = [(0, len(block))]
    while segments:
        start, stop = segments.pop(0)
        if stop - start < 2:
            continue
        middle = (start + stop + 1) // 2
        share = (stop - middle) / (stop - start)
        yield Gate("xy", (block[start], block[middle]), math.asin(math.sqrt(share)))
        moves[middle] = moves[start] + 1
        segments += [(start, middle), (middle, stop)]
    for qubit, count in zip(block, moves, strict=True):
        if count:
            yield Gate("rz", (qubit,), 0.5 * math.pi * count)


def _phase_separator(
    n_qubits: int,
    linear: Mapping[int, float],
    quadratic: Mapping[tuple[int, int], float],
    gamma: float,
) -> Iterator[Gate]:
    """The gates of exp(-i gamma E), the U_P of `statevector`, up to a global phase."""
    for qubit, bias in sorted(linear.items()):
        if bias:
            # s = -Z turns the sign of the linear terms, and twice that of the quadratic ones.
            yield Gate("rz", (qubit,), -2.0 * gamma * bias)
    for pair in _parallel(n_qubits, (pair for pair, bias in quadratic.items() if bias)):
        yield Gate("rzz", pair, 2.0 * gamma * quadratic[pair])


def _parallel(n_qubits: int, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs in an order of little depth.

    Pairs with the same sum modulo n are disjoint, so that all n (n - 1) / 2 pairs take n steps.
    """
    return sorted(pairs, key=lambda pair: (sum(pair) % n_qubits, pair))


def _ring_mixer(block: Sequence[int], beta: float) -> Iterator[Gate]:
    for matching in ring_matchings(len(block)):
        for first, second in matching:
            yield Gate("xy", (block[first], block[second]), beta)
