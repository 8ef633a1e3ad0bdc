"""Samplers of openjij as solvers: simulated annealing, and simulated quantum annealing.

They anneal along schedules in units of the model's local field scale s. With one seed openjij
returns identical reads, so every read is a call with a seed of its own.
"""

from __future__ import annotations

from typing import Any

import dimod
import numpy as np

from qhpo.encoding import ENCODINGS, Encoding
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import BinarySolver, dense_reads

__all__ = ["OPENJIJ_SA", "OPENJIJ_SQA"]

_SWEEPS = 64
_TROTTER = 4
"""Copies of every bit along the imaginary time of simulated quantum annealing."""

_HOT, _COLD = 0.5, 12.0
"""First and last beta of the anneal, in units of 1 / s."""

_FIELD = 3.0
"""Transverse field at the start of the quantum anneal, in units of s."""


class _SeededReads(dimod.Sampler):
    """A sampler of openjij that draws its reads one by one.

    Args:
        sampler: Of openjij.
    """

    properties: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler

    @property
    def parameters(self) -> dict[str, Any]:
        # openjij's own list lacks most of them.
        return {"num_reads": [], "seed": [], **self._sampler.parameters}

    def sample(
        self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int, seed: int, **parameters: Any
    ) -> dimod.SampleSet:
        from openjij import BinaryQuadraticModel

        # Converted once, for it takes longer than an anneal; the models are dense.
        model = BinaryQuadraticModel(
            dict(bqm.linear), dict(bqm.quadratic), bqm.offset, bqm.vartype, sparse=False
        )
        seeds = np.random.default_rng(seed).integers(2**31, size=num_reads)
        reads = [
            self._sampler.sample(model, num_reads=1, seed=int(one), sparse=False, **parameters)
            for one in seeds
        ]
        rows = np.concatenate([read.record.sample for read in reads])
        samples: dimod.SampleSet = dimod.SampleSet.from_samples_bqm(
            (rows, list(reads[0].variables)), bqm
        )
        return samples


def _annealing(encoding: Encoding, seed: int) -> dict[str, Any]:
    betas = np.geomspace(_HOT, _COLD, _SWEEPS) / encoding.tables.field_scale
    return {
        # Given as a list of betas: openjij's own schedules reset NumPy's global random numbers.
        "schedule": [(beta, 1) for beta in betas.tolist()],
        "num_reads": dense_reads(encoding.bqm.num_variables, _SWEEPS),
        "seed": seed,
    }


def _quantum_annealing(encoding: Encoding, seed: int) -> dict[str, Any]:
    scale = encoding.tables.field_scale
    return {
        "schedule": [(progress, 1) for progress in np.linspace(0.0, 1.0, _SWEEPS).tolist()],
        "beta": _COLD / scale,
        "gamma": _FIELD * scale,
        "trotter": _TROTTER,
        "num_reads": dense_reads(encoding.bqm.num_variables, _TROTTER * _SWEEPS),
        "seed": seed,
    }


def _make_sa(encoding: str = "one-hot") -> BinarySolver:
    from openjij import SASampler

    return BinarySolver("openjij-sa", _SeededReads(SASampler()), _annealing, encoding=encoding)


def _make_sqa(encoding: str = "one-hot") -> BinarySolver:
    from openjij import SQASampler

    sampler = _SeededReads(SQASampler())
    return BinarySolver("openjij-sqa", sampler, _quantum_annealing, encoding=encoding)


OPENJIJ_SA = SolverInfo(
    "openjij-sa",
    "simulated annealing on bits, by openjij",
    _make_sa,
    encodings=ENCODINGS,
    packages=("openjij",),
    extra="openjij",
)
OPENJIJ_SQA = SolverInfo(
    "openjij-sqa",
    "simulated quantum annealing on bits, by openjij",
    _make_sqa,
    encodings=ENCODINGS,
    packages=("openjij",),
    extra="openjij",
)
