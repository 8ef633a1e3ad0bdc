"""A family of classifiers with a variational quantum circuit between two classical layers.

Images, 8x8 pixels, go through a linear layer to angles (squashed to -pi to pi), these through the
circuit of `quantum.variational` to expectations, and these through a linear layer to class scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qhpo.errors import QhpoError
from qhpo_problems.training.checks import check_choices, check_positive
from qhpo_problems.training.cnn.model import CLASSES, SIDE

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "ENCODINGS",
    "ENTANGLEMENTS",
    "MAX_QUBITS",
    "READOUTS",
    "VQCConfig",
    "build_vqc",
    "count_parameters",
]

MAX_QUBITS = 8
"""A circuit of so many has 256 amplitudes, few enough for training by exact simulation."""

ENCODINGS = ("rx", "ry", "reuploading", "dense", "iqp")
"""How angles enter the circuit, see `quantum.variational.variational_state`."""

ENTANGLEMENTS = ("none", "line", "ring", "all")
"""Which pairs of qubits are coupled, see `quantum.statevector.pairs`."""

READOUTS = ("z", "zz")
"""What is measured, see `quantum.variational.observables`."""


@dataclass(frozen=True)
class VQCConfig:
    """One architecture.

    Attributes:
        qubits: 2 to `MAX_QUBITS`.
        depth: Layers of trained rotations, at least 1.
        encoding: One of `ENCODINGS`.
        entanglement: One of `ENTANGLEMENTS`.
        readout: One of `READOUTS`.

    Raises:
        QhpoError: If a value is outside what is stated here.
    """

    qubits: int
    depth: int
    encoding: str
    entanglement: str
    readout: str

    def __post_init__(self) -> None:
        if not 2 <= self.qubits <= MAX_QUBITS:
            raise QhpoError(
                f"qubits must be 2 to {MAX_QUBITS}, few enough to simulate; got {self.qubits}"
            )
        check_positive(self, "depth")
        check_choices(self, encoding=ENCODINGS, entanglement=ENTANGLEMENTS, readout=READOUTS)

    @property
    def angles(self) -> int:
        """Outputs of the first linear layer: two a qubit with ``"dense"``, else one."""
        return self.qubits * (2 if self.encoding == "dense" else 1)

    @property
    def expectations(self) -> int:
        """Inputs of the last linear layer: with ``"zz"`` also one for each pair of neighbours."""
        return 2 * self.qubits - 1 if self.readout == "zz" else self.qubits


def build_vqc(config: VQCConfig) -> nn.Sequential:
    """The network: images, float, shape (n, 1, SIDE, SIDE), to class scores, shape (n, CLASSES).

    Weights are drawn from torch's global generator, as by every torch layer.
    """
    from torch import nn

    from qhpo_problems.training.vqc.layer import Circuit

    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIDE * SIDE, config.angles),
        nn.Tanh(),
        Circuit(config),
        nn.Linear(config.expectations, CLASSES),
    )


def count_parameters(config: VQCConfig) -> int:
    """Trainable numbers of ``build_vqc(config)``, by arithmetic, without building it.

    Those of the two linear layers, and two angles of each qubit in every layer of the circuit.
    """
    first = (SIDE * SIDE + 1) * config.angles
    return first + 2 * config.depth * config.qubits + (config.expectations + 1) * CLASSES
