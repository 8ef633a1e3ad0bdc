"""Circuits on Qiskit's V2 primitives: the exact local sampler by default, or any other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.circuit.library import XXPlusYYGate
from qiskit.primitives import BaseSamplerV2, StatevectorSampler

from qhpo_integrations.gate.circuit import Circuit

__all__ = ["QiskitBackend", "qiskit_circuit"]

_REGISTER = "reads"
"""What the measured bits are called in a program and in its result."""


class QiskitBackend:
    """Runs circuits on a ``qiskit.primitives.BaseSamplerV2``.

    Args:
        sampler: A sampler of Qiskit, Aer, a runtime or another provider. None is a
            ``StatevectorSampler`` with the seed of the call; a sampler of the user's own keeps its
            own seed.
        pass_manager: What turns the circuit into one of the sampler's device, with a ``run``
            method, such as ``qiskit.transpiler.generate_preset_pass_manager(backend=...)``. Real
            devices need one. None writes the xy gates with cx and leaves the others as they are.
    """

    name = "qiskit"

    def __init__(self, sampler: BaseSamplerV2 | None = None, pass_manager: Any = None) -> None:
        self._sampler = sampler
        self._pass_manager = pass_manager

    def run(self, circuit: Circuit, shots: int, seed: int) -> NDArray[np.int8]:
        """Measured bits, shape (shots, n)."""
        sampler = self._sampler or StatevectorSampler(seed=seed)
        program = qiskit_circuit(circuit)
        register = ClassicalRegister(circuit.n_qubits, _REGISTER)
        program.add_register(register)
        program.measure(range(circuit.n_qubits), register)
        if self._pass_manager is not None:
            program = self._pass_manager.run(program)
        elif self._sampler is not None:
            # Aer runs the other gates as they are, but does not know this one.
            program = program.decompose("xx_plus_yy")
        result = sampler.run([program], shots=shots).result()
        bits = getattr(result[0].data, _REGISTER).to_bool_array(order="little")
        return np.asarray(bits).astype(np.int8)


def qiskit_circuit(circuit: Circuit) -> QuantumCircuit:
    """The same gates over qubits 0 to n - 1, without measurements."""
    program = QuantumCircuit(circuit.n_qubits)
    for gate in circuit.gates:
        match gate.name:
            case "x":
                program.x(*gate.qubits)
            case "h":
                program.h(*gate.qubits)
            case "rz":
                program.rz(gate.angle, *gate.qubits)
            case "rx":
                program.rx(gate.angle, *gate.qubits)
            case "rzz":
                program.rzz(gate.angle, *gate.qubits)
            case "xy":
                # XXPlusYY(t) is exp(-i t (XX + YY) / 4).
                program.append(XXPlusYYGate(2.0 * gate.angle), gate.qubits)
    return program
