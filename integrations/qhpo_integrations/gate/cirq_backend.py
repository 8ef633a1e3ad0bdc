"""Circuits on Cirq: its simulator by default, or any ``cirq.Sampler``."""

from __future__ import annotations

import math

import cirq
import numpy as np
from numpy.typing import NDArray

from qhpo_integrations.gate.circuit import Circuit, Gate

__all__ = ["CirqBackend", "cirq_circuit"]

_KEY = "reads"
"""What the measurement is called in a circuit and in its result."""


class CirqBackend:
    """Runs circuits on a ``cirq.Sampler``.

    Args:
        sampler: Runs circuits over ``cirq.LineQubit`` 0 to n - 1. None is a ``cirq.Simulator``
            with the seed of the call; a sampler of the user's own keeps its own seed.
    """

    name = "cirq"

    def __init__(self, sampler: cirq.Sampler | None = None) -> None:
        self._sampler = sampler

    def run(self, circuit: Circuit, shots: int, seed: int) -> NDArray[np.int8]:
        """Measured bits, shape (shots, n)."""
        sampler = self._sampler or cirq.Simulator(seed=seed)
        qubits = cirq.LineQubit.range(circuit.n_qubits)
        program = cirq_circuit(circuit) + cirq.measure(*qubits, key=_KEY)
        result = sampler.run(program, repetitions=shots)
        return np.asarray(result.measurements[_KEY]).astype(np.int8)


def cirq_circuit(circuit: Circuit) -> cirq.Circuit:
    """The same gates over ``cirq.LineQubit`` 0 to n - 1, without measurements."""
    return cirq.Circuit(_operation(gate) for gate in circuit.gates)


def _operation(gate: Gate) -> cirq.Operation:
    return _gate(gate).on(*(cirq.LineQubit(qubit) for qubit in gate.qubits))


def _gate(gate: Gate) -> cirq.Gate:
    turns = gate.angle / math.pi
    match gate.name:
        case "x":
            return cirq.X
        case "h":
            return cirq.H
        case "rz":
            return cirq.rz(gate.angle)
        case "rx":
            return cirq.rx(gate.angle)
        case "rzz":
            # ZZ^t is exp(-i pi t ZZ / 2) up to a global phase.
            return cirq.ZZPowGate(exponent=turns, global_shift=-0.5)
        case "xy":
            # ISWAP^t is exp(+i pi t (XX + YY) / 4).
            return cirq.ISwapPowGate(exponent=-2.0 * turns)
