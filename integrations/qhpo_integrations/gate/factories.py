"""The QAOA samplers of the three frameworks, each loaded only when it is asked for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qhpo.errors import MissingExtraError
from qhpo_integrations.gate.sampler import QAOASampler

if TYPE_CHECKING:
    import cirq
    from qiskit.primitives import BaseSamplerV2

__all__ = ["cirq_sampler", "pennylane_sampler", "qiskit_sampler"]


def cirq_sampler(sampler: cirq.Sampler | None = None, *, max_qubits: int = 16) -> QAOASampler:
    """A QAOA sampler on Cirq.

    Args:
        sampler: Runs circuits over ``cirq.LineQubit`` 0 to n - 1, such as a noisy simulator or an
            engine. None is a ``cirq.Simulator`` with the seed of each call.
        max_qubits: Most variables that a model may have.

    Raises:
        MissingExtraError: If Cirq or torch is not installed.
    """
    _require("cirq", "cirq")
    from qhpo_integrations.gate.cirq_backend import CirqBackend

    return QAOASampler(CirqBackend(sampler), max_qubits=max_qubits)


def qiskit_sampler(
    sampler: BaseSamplerV2 | None = None, *, pass_manager: Any = None, max_qubits: int = 16
) -> QAOASampler:
    """A QAOA sampler on Qiskit.

    Args:
        sampler: Any V2 sampler primitive, of Qiskit, Aer, a runtime or another provider. None is a
            ``StatevectorSampler`` with the seed of each call.
        pass_manager: Turns the circuit into one of the sampler's device, such as
            ``qiskit.transpiler.generate_preset_pass_manager(backend=...)``, which real devices
            need. None writes the xy gates with cx, which Aer needs, and changes nothing else.
        max_qubits: Most variables that a model may have.

    Raises:
        MissingExtraError: If Qiskit or torch is not installed.
    """
    _require("qiskit", "qiskit")
    from qhpo_integrations.gate.qiskit_backend import QiskitBackend

    return QAOASampler(QiskitBackend(sampler, pass_manager), max_qubits=max_qubits)


def pennylane_sampler(device: Any = "default.qubit", *, max_qubits: int = 16) -> QAOASampler:
    """A QAOA sampler on PennyLane.

    Args:
        device: The name of a device, made anew for each call with its seed where it takes one, or
            a device, whose first wires become the qubits.
        max_qubits: Most variables that a model may have.

    Raises:
        MissingExtraError: If PennyLane or torch is not installed.
    """
    _require("pennylane", "pennylane")
    from qhpo_integrations.gate.pennylane_backend import PennyLaneBackend

    return QAOASampler(PennyLaneBackend(device), max_qubits=max_qubits)


def _require(package: str, extra: str) -> None:
    for name in (package, "torch"):
        if find_spec(name) is None:
            raise MissingExtraError(f"the QAOA sampler on {package}", name, extra)
