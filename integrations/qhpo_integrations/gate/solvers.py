"""The QAOA samplers as solvers of qhpo: models cut to the qubits there are, one-hot, XY mixer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from qhpo.encoding import Encoding
from qhpo.solvers import BinarySolver, SolverInfo
from qhpo_integrations.gate.factories import cirq_sampler, pennylane_sampler, qiskit_sampler
from qhpo_integrations.gate.sampler import QAOASampler

__all__ = ["QAOA_CIRQ", "QAOA_PENNYLANE", "QAOA_QISKIT"]

_MAX_QUBITS = 12
"""Qubits of a solver unless told otherwise: a suggestion samples several models, and a simulated
circuit of 16 qubits takes seconds."""


def _make(
    name: str,
    factory: Callable[..., QAOASampler],
    max_qubits: int = _MAX_QUBITS,
    layers: int = 3,
    num_reads: int = 256,
    **backend: Any,
) -> BinarySolver:
    """A QAOA solver.

    Args:
        name: What reports call it.
        factory: Makes the sampler.
        max_qubits: Qubits of the device; larger models are cut to the levels that matter most.
        layers: Layers of the circuit.
        num_reads: Shots.
        backend: What the factory takes, such as a device of the user's own.
    """

    def parameters(encoding: Encoding, seed: int) -> Mapping[str, Any]:
        starts = encoding.tables.starts.tolist()
        blocks = [range(a, b) for a, b in pairwise(starts)]
        return {"blocks": blocks, "layers": layers, "num_reads": num_reads, "seed": seed}

    return BinarySolver(
        name,
        factory(max_qubits=max_qubits, **backend),
        parameters,
        max_bits=max_qubits,
        is_costly=True,
    )


def _info(name: str, framework: str, factory: Callable[..., QAOASampler], extra: str) -> SolverInfo:
    return SolverInfo(
        name,
        f"QAOA circuits that keep every parameter valid, on {framework}'s simulator or a device",
        partial(_make, name, factory),
        limits=f"{_MAX_QUBITS} qubits unless told otherwise; larger models are cut to what matters "
        "most",
        packages=(extra, "torch"),
        extra=extra,
    )


QAOA_CIRQ = _info("qaoa-cirq", "Cirq", cirq_sampler, "cirq")
QAOA_QISKIT = _info("qaoa-qiskit", "Qiskit", qiskit_sampler, "qiskit")
QAOA_PENNYLANE = _info("qaoa-pennylane", "PennyLane", pennylane_sampler, "pennylane")
