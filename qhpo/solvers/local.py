"""Samplers of dwave-samplers as solvers, with the parameters that suit dense real-valued models.

The samplers' own beta ranges are made for integer-valued models, and cost more time to compute than
the anneal: here they are taken from the model's local field scale.
"""

from __future__ import annotations

from typing import Any

from dwave.samplers import SimulatedAnnealingSampler

from qhpo.encoding import ENCODINGS, Encoding
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import BinarySolver, dense_reads

__all__ = ["NEAL"]

_SWEEPS = 64


def _annealing(encoding: Encoding, seed: int) -> dict[str, Any]:
    scale = encoding.tables.field_scale
    return {
        "beta_range": [0.5 / scale, 12.0 / scale],
        "num_reads": dense_reads(encoding.bqm.num_variables, _SWEEPS),
        "num_sweeps": _SWEEPS,
        "seed": seed,
    }


def _neal(encoding: str = "one-hot") -> BinarySolver:
    return BinarySolver("neal", SimulatedAnnealingSampler(), _annealing, encoding=encoding)


NEAL = SolverInfo("neal", "simulated annealing on bits (the default)", _neal, encodings=ENCODINGS)
