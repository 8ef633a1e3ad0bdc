"""The QAOA samplers as solvers of qhpo: one-hot models, cut to the qubits there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qhpo.encoding import Encoding
from qhpo.solvers import BinarySolver, SolverInfo
from qhpo.solvers.options import check_number
from qhpo_integrations.gate.factories import cirq_sampler, pennylane_sampler, qiskit_sampler
from qhpo_integrations.gate.qubit_model import Mixer, check_mixer
from qhpo_integrations.gate.sampler import DEFAULT_LAYERS, DEFAULT_READS, QAOASampler

if TYPE_CHECKING:
    import cirq
    from qiskit.primitives import BaseSamplerV2

__all__ = ["QAOA_CIRQ", "QAOA_PENNYLANE", "QAOA_QISKIT"]

_MAX_QUBITS = 12
"""Qubits of a solver unless told otherwise: a suggestion samples several models, and a simulated
circuit of 16 qubits takes seconds."""


def _make(
    name: str,
    factory: Callable[..., QAOASampler],
    encoding: str,
    max_qubits: int,
    layers: int,
    num_reads: int,
    mixer: Mixer,
    **backend: Any,
) -> BinarySolver:
    """A QAOA solver.

    Args:
        name: What reports call it.
        factory: Makes the sampler.
        encoding: One-hot: the mixer "xy" knows no other.
        max_qubits: Qubits of the device; larger models are cut to the levels that matter most.
        layers: Layers of the circuit.
        num_reads: Shots.
        mixer: "xy" keeps every parameter at one value; "x" flips all bits, and leaves it to the
            penalties and the repair that reads are configurations.
        backend: What the factory takes, such as a device of the user's own.

    Raises:
        SolverError: If a number or the mixer is wrong.
    """
    for option, value in (("max_qubits", max_qubits), ("layers", layers), ("num_reads", num_reads)):
        check_number(name, option, value, 1, whole=True)
    check_mixer(mixer)

    def parameters(encoding: Encoding, seed: int) -> Mapping[str, Any]:
        starts = encoding.tables.starts.tolist()
        blocks = [range(a, b) for a, b in pairwise(starts)]
        return {
            "blocks": blocks,
            "mixer": mixer,
            "layers": layers,
            "num_reads": num_reads,
            "seed": seed,
        }

    return BinarySolver(
        name,
        factory(max_qubits=max_qubits, **backend),
        parameters,
        encoding=encoding,
        max_bits=max_qubits,
        is_costly=True,
    )


# Each is written out, for what it takes is what a message about a wrong option lists.


def _cirq(
    encoding: str = "one-hot",
    max_qubits: int = _MAX_QUBITS,
    layers: int = DEFAULT_LAYERS,
    num_reads: int = DEFAULT_READS,
    mixer: Mixer = "xy",
    sampler: cirq.Sampler | None = None,
) -> BinarySolver:
    """See `_make` and `cirq_sampler`."""
    numbers = (max_qubits, layers, num_reads)
    return _make("qaoa-cirq", cirq_sampler, encoding, *numbers, mixer, sampler=sampler)


def _qiskit(
    encoding: str = "one-hot",
    max_qubits: int = _MAX_QUBITS,
    layers: int = DEFAULT_LAYERS,
    num_reads: int = DEFAULT_READS,
    mixer: Mixer = "xy",
    sampler: BaseSamplerV2 | None = None,
    pass_manager: Any = None,
) -> BinarySolver:
    """See `_make` and `qiskit_sampler`."""
    numbers = (max_qubits, layers, num_reads)
    backend = {"sampler": sampler, "pass_manager": pass_manager}
    return _make("qaoa-qiskit", qiskit_sampler, encoding, *numbers, mixer, **backend)


def _pennylane(
    encoding: str = "one-hot",
    max_qubits: int = _MAX_QUBITS,
    layers: int = DEFAULT_LAYERS,
    num_reads: int = DEFAULT_READS,
    mixer: Mixer = "xy",
    device: Any = "default.qubit",
) -> BinarySolver:
    """See `_make` and `pennylane_sampler`."""
    numbers = (max_qubits, layers, num_reads)
    return _make("qaoa-pennylane", pennylane_sampler, encoding, *numbers, mixer, device=device)


def _info(name: str, framework: str, make: Callable[..., BinarySolver], extra: str) -> SolverInfo:
    return SolverInfo(
        name,
        f"QAOA circuits that keep every parameter valid, on {framework}'s simulator or a device",
        make,
        encodings=("one-hot",),
        limits=f"{_MAX_QUBITS} qubits unless told otherwise; larger models are cut to what matters "
        "most",
        packages=(extra, "torch"),
        extra=extra,
    )


QAOA_CIRQ = _info("qaoa-cirq", "Cirq", _cirq, "cirq")
QAOA_QISKIT = _info("qaoa-qiskit", "Qiskit", _qiskit, "qiskit")
QAOA_PENNYLANE = _info("qaoa-pennylane", "PennyLane", _pennylane, "pennylane")
