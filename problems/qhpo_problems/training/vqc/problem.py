"""The problem vqc-hybrid: a quantum circuit between classical layers, on handwritten digits."""

from __future__ import annotations

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import BaseTrial

from qhpo.problem import Objective, Problem, Size, suggest
from qhpo_problems.training.settings import SETTINGS_SPACE
from qhpo_problems.training.vqc.model import (
    ENCODINGS,
    ENTANGLEMENTS,
    MAX_QUBITS,
    READOUTS,
    VQCConfig,
    build_vqc,
    count_parameters,
)

__all__ = ["EPOCHS", "PROBLEM", "VQC_SPACE", "make_objective", "network_size", "suggest_vqc"]

EPOCHS = 30
"""Passes over the 256 training images in one trial."""

VQC_SPACE: dict[str, BaseDistribution] = {
    "qubits": IntDistribution(2, MAX_QUBITS),
    "depth": IntDistribution(1, 4),
    "encoding": CategoricalDistribution(ENCODINGS),
    "entanglement": CategoricalDistribution(ENTANGLEMENTS),
    "readout": CategoricalDistribution(READOUTS),
}
"""What `suggest_vqc` asks a trial for."""


def suggest_vqc(trial: BaseTrial) -> VQCConfig:
    """The trial's architecture, by the parameters of `VQC_SPACE`."""
    return VQCConfig(**suggest(trial, VQC_SPACE))


def network_size(qubits: int, depth: int, encoding: str, readout: str) -> int:
    """Trainable numbers of the network that a trial describes; parameters as in the space."""
    return count_parameters(VQCConfig(qubits, depth, encoding, ENTANGLEMENTS[0], readout))


def make_objective(seed: int) -> Objective:
    """The validation error, 0 to 1, of the hybrid network that a trial describes.

    What a trial gets besides is that of `tuning.classifier_objective`.

    Args:
        seed: Splits the data and seeds every training, 0 to 2**32 - 1.

    Raises:
        QhpoError: If the seed is out of range.
    """
    from qhpo_problems.training.data import digits
    from qhpo_problems.training.tuning import classifier_objective

    return classifier_objective(
        digits(seed),
        suggest=suggest_vqc,
        build=build_vqc,
        count=count_parameters,
        epochs=EPOCHS,
        seed=seed,
    )


PROBLEM = Problem(
    name="vqc-hybrid",
    summary="A quantum circuit between classical layers, on real images of digits: 9 parameters.",
    direction="minimize",
    make_objective=make_objective,
    packages=("torch", "sklearn"),
    extra="torch",
    search_space={**VQC_SPACE, **SETTINGS_SPACE},
    size=Size(("qubits", "depth", "encoding", "readout"), network_size),
)
