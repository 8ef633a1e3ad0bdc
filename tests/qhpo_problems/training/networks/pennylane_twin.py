"""The circuits of `networks.circuits` on PennyLane, which simulates or runs them elsewhere.

They are what the exact simulation is checked against. The glossary of that module holds here; all
circuits are of one input at a time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray

from qhpo_problems.training.networks.statevector import pairs

__all__ = ["encode_on_pennylane", "variational_on_pennylane"]

FloatArray = NDArray[np.float64]


def encode_on_pennylane(angles: FloatArray) -> NDArray[np.complex128]:
    """phi(x) of `circuits.encode`: shape (2^n,) from angles of shape (n,)."""
    n = len(angles)

    def circuit() -> Any:
        _rotate(qml.RY, angles)
        for pair in pairs("ring", n):
            qml.CZ(pair)
        _rotate(qml.RY, angles)
        return qml.state()

    return np.asarray(_run(circuit, n))


def variational_on_pennylane(
    x: FloatArray, w: FloatArray, *, encoding: str, entanglement: str, readout: str
) -> FloatArray:
    """Expectations of the observables after the circuit with weights: shape (k,).

    Args:
        x: Angles of one input, shape (a,).
        w: Weights, shape (depth, 2, n).
        encoding: See `circuits.variational_state`.
        entanglement: See `statevector.pairs`.
        readout: See `circuits.observables`.
    """
    n = w.shape[-1]
    coupled = pairs(entanglement, n)

    def circuit() -> Any:
        if encoding == "iqp":
            for qubit in range(n):
                qml.Hadamard(qubit)
            _rotate(qml.RZ, x)
            for i, j in coupled:
                qml.IsingZZ(x[i] * x[j], (i, j))
        else:
            _rotate(qml.RX if encoding == "rx" else qml.RY, x[:n])
            if encoding == "dense":
                _rotate(qml.RZ, x[n:])
        for layer, (z_angles, y_angles) in enumerate(w):
            if layer and encoding == "reuploading":
                _rotate(qml.RY, x)
            for pair in coupled:
                qml.CZ(pair)
            _rotate(qml.RZ, z_angles)
            _rotate(qml.RY, y_angles)
        measured = [qml.expval(qml.Z(qubit)) for qubit in range(n)]
        if readout == "zz":
            measured += [qml.expval(qml.Z(i) @ qml.Z(j)) for i, j in pairwise(range(n))]
        return measured

    return np.asarray(_run(circuit, n))


def _rotate(gate: Any, angles: FloatArray) -> None:
    for qubit, angle in enumerate(angles):
        gate(angle, qubit)


def _run(circuit: Any, n: int) -> Any:
    return qml.QNode(circuit, qml.device("default.qubit", wires=n))()
