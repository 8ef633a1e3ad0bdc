"""Gate-model QAOA samplers of binary quadratic models, on Cirq, Qiskit and PennyLane."""

from __future__ import annotations

from qhpo_integrations.gate.factories import cirq_sampler, pennylane_sampler, qiskit_sampler
from qhpo_integrations.gate.qubit_model import Mixer
from qhpo_integrations.gate.sampler import Backend, QAOASampler

__all__ = [
    "Backend",
    "Mixer",
    "QAOASampler",
    "cirq_sampler",
    "pennylane_sampler",
    "qiskit_sampler",
]
