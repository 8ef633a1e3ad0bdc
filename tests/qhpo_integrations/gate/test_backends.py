from __future__ import annotations

from collections.abc import Callable

import cirq
import numpy as np
import pennylane as qml
import pytest
from numpy.typing import NDArray
from qiskit.primitives import BackendSamplerV2
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.quantum_info import Statevector
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2

from qhpo.errors import SolverError
from qhpo_integrations.gate.circuit import Circuit, Gate
from qhpo_integrations.gate.cirq_backend import CirqBackend, cirq_circuit
from qhpo_integrations.gate.pennylane_backend import PennyLaneBackend, pennylane_operations
from qhpo_integrations.gate.qiskit_backend import QiskitBackend, qiskit_circuit
from qhpo_integrations.gate.sampler import Backend

State = NDArray[np.complex128]
SameState = Callable[[State, State], bool]

# Bits 1, 0, 0 or 1, 0, 1: an order of the qubits that cannot be mistaken for another.
ASYMMETRIC = Circuit(3, (Gate("x", (0,)), Gate("h", (2,))))


def _cirq_state(circuit: Circuit) -> State:
    qubits = cirq.LineQubit.range(circuit.n_qubits)
    return cirq_circuit(circuit).final_state_vector(qubit_order=qubits, dtype=np.complex128)


def _qiskit_state(circuit: Circuit) -> State:
    return Statevector(qiskit_circuit(circuit).reverse_bits()).data


def _pennylane_state(circuit: Circuit) -> State:
    device = qml.device("default.qubit", wires=circuit.n_qubits)
    script = qml.tape.QuantumScript(pennylane_operations(circuit), [qml.state()])
    (state,) = qml.execute([script], device, diff_method=None)
    return np.asarray(state)


@pytest.mark.parametrize("exact", [_cirq_state, _qiskit_state, _pennylane_state])
def test_simulation_equals_the_state_of_the_framework(
    case, exact: Callable[[Circuit], State], same_state: SameState
) -> None:
    assert same_state(case.state(), exact(case.circuit))


def _basic() -> QiskitBackend:
    backend = BasicSimulator()
    sampler = BackendSamplerV2(backend=backend, options={"seed_simulator": 3})
    return QiskitBackend(sampler, generate_preset_pass_manager(1, backend=backend))


BACKENDS: dict[str, Callable[[], Backend]] = {
    "cirq": CirqBackend,
    "cirq object": lambda: CirqBackend(cirq.DensityMatrixSimulator(seed=3)),
    "qiskit": QiskitBackend,
    "qiskit aer": lambda: QiskitBackend(SamplerV2(seed=3)),
    "qiskit aer backend": lambda: QiskitBackend(BackendSamplerV2(backend=AerSimulator())),
    "qiskit pass manager": _basic,
    "pennylane": PennyLaneBackend,
    "pennylane name": lambda: PennyLaneBackend("lightning.qubit"),
    "pennylane object": lambda: PennyLaneBackend(qml.device("default.mixed", wires=6, seed=3)),
    "pennylane any wires": lambda: PennyLaneBackend(qml.device("default.qubit", seed=3)),
    "pennylane labels": lambda: PennyLaneBackend(
        qml.device("default.qubit", wires=["a", "b", "c"], seed=3)
    ),
}


@pytest.mark.parametrize("name", BACKENDS)
def test_reads_keep_the_order_of_the_qubits(name: str) -> None:
    reads = BACKENDS[name]().run(ASYMMETRIC, 40, 0)
    assert reads.shape == (40, 3)
    assert reads.dtype == np.int8
    assert set(map(tuple, reads.tolist())) == {(1, 0, 0), (1, 0, 1)}


@pytest.mark.parametrize("name", BACKENDS)
def test_one_shot_of_one_qubit(name: str) -> None:
    assert BACKENDS[name]().run(Circuit(1, (Gate("x", (0,)),)), 1, 0).tolist() == [[1]]


@pytest.mark.parametrize(
    "name", ["cirq", "qiskit", "qiskit aer", "qiskit pass manager", "pennylane", "pennylane name"]
)
def test_reads_follow_the_probabilities(name: str, case) -> None:
    n, shots = case.layout.n_qubits, 4000
    reads = BACKENDS[name]().run(case.circuit, shots, 1).astype(int)
    counts = np.bincount(reads @ 2 ** np.arange(n)[::-1], minlength=2**n)
    probabilities = np.abs(case.state()) ** 2
    # Five standard deviations of a count, and the few reads that a rare state may get.
    allowed = 5.0 * np.sqrt(shots * probabilities) + 4.0 * (probabilities > 1e-9)
    assert (np.abs(counts - shots * probabilities) <= allowed + 1e-6).all()


@pytest.mark.parametrize("name", ["cirq", "qiskit", "pennylane", "pennylane name"])
def test_same_seed_same_reads(name: str) -> None:
    circuit = Circuit(8, tuple(Gate("h", (qubit,)) for qubit in range(8)))
    backend = BACKENDS[name]()
    first, again, other = (backend.run(circuit, 30, seed) for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pennylane_device_with_too_few_wires() -> None:
    backend = PennyLaneBackend(qml.device("default.qubit", wires=2))
    with pytest.raises(SolverError, match=r"got 2 wires for 3 variables; make the device"):
        backend.run(ASYMMETRIC, 1, 0)


def test_pennylane_device_that_takes_no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    make = qml.device

    def plugin(name: str, wires: int) -> object:
        return make("default.qubit", wires=wires, seed=len(name))

    monkeypatch.setattr(qml, "device", plugin)
    reads = PennyLaneBackend("plugin").run(ASYMMETRIC, 5, 0)
    assert reads[:, :2].tolist() == [[1, 0]] * 5
