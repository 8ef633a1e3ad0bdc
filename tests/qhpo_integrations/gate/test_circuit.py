from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm

from qhpo_integrations.gate.circuit import Circuit, Gate, qaoa_circuit
from qhpo_integrations.gate.layout import Layout

Matrix = NDArray[np.complex128]

PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1.0 + 0j, -1.0]),
}


def _pauli(n: int, letter: str, *qubits: int) -> Matrix:
    factors = [PAULI[letter] if qubit in qubits else np.eye(2) for qubit in range(n)]
    return reduce(np.kron, factors)


def _matrix(gate: Gate, n: int) -> Matrix:
    """The gate's definition in the glossary, as a matrix of all qubits."""
    q = gate.qubits
    match gate.name:
        case "x":
            return _pauli(n, "X", *q)
        case "h":
            return (_pauli(n, "X", *q) + _pauli(n, "Z", *q)) / np.sqrt(2.0)
        case "rz":
            return expm(-0.5j * gate.angle * _pauli(n, "Z", *q))
        case "rx":
            return expm(-0.5j * gate.angle * _pauli(n, "X", *q))
        case "rzz":
            return expm(-0.5j * gate.angle * _pauli(n, "Z", *q))
        case "xy":
            return expm(-0.5j * gate.angle * (_pauli(n, "X", *q) + _pauli(n, "Y", *q)))


def _run(circuit: Circuit) -> Matrix:
    state = np.zeros(2**circuit.n_qubits, dtype=complex)
    state[0] = 1.0
    for gate in circuit.gates:
        state = _matrix(gate, circuit.n_qubits) @ state
    return state


def test_simulation_equals_the_product_of_the_gates(
    case, same_state: Callable[[Matrix, Matrix], bool]
) -> None:
    assert same_state(case.state(), _run(case.circuit))


def test_layer_is_the_exponential_of_the_energy_then_of_the_mixer() -> None:
    """Straight from the definitions, for a ring whose edges commute and for the X mixer."""
    gamma, beta, h, coupling = 0.7, -0.4, {0: 0.3, 1: -1.1, 2: 0.6}, {(0, 2): 0.9, (1, 2): -0.5}
    spin = [-_pauli(3, "Z", k) for k in range(3)]
    energy = sum(bias * spin[k] for k, bias in h.items())
    energy = energy + sum(bias * spin[j] @ spin[k] for (j, k), bias in coupling.items())
    hop = 0.5 * (_pauli(3, "X", 0, 1) + _pauli(3, "Y", 0, 1)) + _pauli(3, "X", 2)
    start = np.zeros(8, dtype=complex)
    start[[0b010, 0b011, 0b100, 0b101]] = 0.5
    expected = expm(-1j * beta * hop) @ expm(-1j * gamma * energy) @ start
    actual = _run(qaoa_circuit(Layout(3, ((0, 1),)), h, coupling, [gamma], [beta]))
    assert abs(np.vdot(expected, actual)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("size", range(1, 8))
def test_block_starts_in_the_w_state(size: int) -> None:
    block = tuple(reversed(range(size)))
    circuit = qaoa_circuit(Layout(size, (block,)), {}, {}, [], [])
    state = _run(circuit)
    levels = [2**k for k in range(size)]
    assert np.abs(state[levels]) == pytest.approx(size**-0.5, abs=1e-12)
    # Equal phases too, not only equal probabilities.
    assert abs(state[levels].sum()) == pytest.approx(size**0.5, abs=1e-12)
    assert circuit.two_qubit_gates == size - 1


def test_zero_biases_need_no_gates() -> None:
    circuit = qaoa_circuit(Layout(2), {0: 0.0, 1: 1.0}, {(0, 1): 0.0}, [1.0], [1.0])
    assert [gate.name for gate in circuit.gates] == ["h", "h", "rz", "rx", "rx"]


def test_counts_and_depth() -> None:
    gates = (Gate("h", (0,)), Gate("rzz", (0, 1), 1.0), Gate("rx", (2,)), Gate("xy", (1, 2), 1.0))
    circuit = Circuit(4, gates)
    assert circuit.two_qubit_gates == 2
    assert circuit.depth == 3
    assert Circuit(0, ()).depth == 0


@pytest.mark.parametrize("n", [5, 8])
def test_dense_phase_separator_is_shallow(n: int) -> None:
    pairs = {(j, k): 1.0 for j in range(n) for k in range(j + 1, n)}
    circuit = qaoa_circuit(Layout(n), {}, pairs, [1.0], [1.0])
    assert circuit.two_qubit_gates == n * (n - 1) // 2
    # One step for the h, one for the rx, n for the pairs.
    assert circuit.depth == n + 2
