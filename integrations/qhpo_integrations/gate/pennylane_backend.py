"""Circuits on PennyLane: ``default.qubit`` by default, or any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from qhpo.errors import SolverError
from qhpo_integrations.gate.circuit import Circuit, Gate

__all__ = ["PennyLaneBackend", "pennylane_operations"]


class PennyLaneBackend:
    """Runs circuits on a PennyLane device.

    Args:
        device: The name of a device, which is made with as many wires as the circuit has qubits
            and, where it takes one, with the seed of the call. Or a device, whose first wires
            become the qubits and which keeps its own seed.
    """

    name = "pennylane"

    def __init__(self, device: Any = "default.qubit") -> None:
        self._device = device

    def run(self, circuit: Circuit, shots: int, seed: int) -> NDArray[np.int8]:
        """Measured bits, shape (shots, n).

        Raises:
            SolverError: If the device has fewer wires than the circuit has qubits.
        """
        device, wires = self._prepare(circuit.n_qubits, seed)
        operations = [qml.map_wires(one, wires) for one in pennylane_operations(circuit)]
        measurement = qml.sample(wires=list(wires.values()))
        script = qml.tape.QuantumScript(operations, [measurement], shots=shots)
        (bits,) = qml.execute([script], device, diff_method=None)
        return np.asarray(bits).reshape(shots, circuit.n_qubits).astype(np.int8)

    def _prepare(self, n_qubits: int, seed: int) -> tuple[Any, dict[int, Any]]:
        """A device and its wire of every qubit."""
        if isinstance(self._device, str):
            return _make_device(self._device, n_qubits, seed), {k: k for k in range(n_qubits)}
        own = self._device.wires
        # A device made without wires takes any.
        labels = list(range(n_qubits)) if own is None else list(own)
        if len(labels) < n_qubits:
            raise SolverError(
                f"a PennyLane device needs a wire for every variable of the model; got "
                f"{len(labels)} wires for {n_qubits} variables; make the device with more wires"
            )
        return self._device, dict(enumerate(labels[:n_qubits]))


def pennylane_operations(circuit: Circuit) -> list[Any]:
    """The same gates as operations on wires 0 to n - 1."""
    with qml.QueuingManager.stop_recording():
        return [_operation(gate) for gate in circuit.gates]


def _make_device(name: str, n_qubits: int, seed: int) -> Any:
    try:
        return qml.device(name, wires=n_qubits, seed=seed)
    except TypeError:
        # Most plugins have no such argument, and PennyLane no way to ask.
        return qml.device(name, wires=n_qubits)


def _operation(gate: Gate) -> Any:
    match gate.name:
        case "x":
            return qml.PauliX(*gate.qubits)
        case "h":
            return qml.Hadamard(*gate.qubits)
        case "rz":
            return qml.RZ(gate.angle, *gate.qubits)
        case "rx":
            return qml.RX(gate.angle, *gate.qubits)
        case "rzz":
            return qml.IsingZZ(gate.angle, list(gate.qubits))
        case "xy":
            # IsingXY(t) is exp(+i t (XX + YY) / 4).
            return qml.IsingXY(-2.0 * gate.angle, list(gate.qubits))
