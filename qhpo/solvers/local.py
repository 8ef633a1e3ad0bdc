"""Samplers of dwave-samplers as solvers, with the parameters that suit dense real-valued models.

The samplers' own beta ranges are made for integer-valued models, and cost more time to compute than
the anneal: here they are taken from the model's local field scale s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dimod
import numpy as np
from dwave.samplers import (
    PathIntegralAnnealingSampler,
    SimulatedAnnealingSampler,
    SteepestDescentSampler,
    TabuSampler,
)

from qhpo.encoding import ENCODINGS, Encoding
from qhpo.solvers.base import SolverInfo, affordable_reads
from qhpo.solvers.binary import BinarySolver, Parameters

__all__ = ["NEAL", "SQA", "STEEPEST_DESCENT", "TABU"]

_ANNEAL_SWEEPS, _ANNEAL_READS = 16, 128
"""Many short anneals, as polish follows: at equal time they find the optimum more often than fewer
longer ones, see `qhpo bench --suite solvers`."""

_ANNEAL_HOT, _COLDEST = 0.5, 12.0
"""First and last beta, in units of 1 / s. On models of studies the range from 0.3 to 1 up to 12
about halved the gap that the sampler's own range leaves."""

_TABU_UPDATES = 500
"""Updates per bit in the simple tabu search that a read is. On 36 Gaussian models of 50 and 100
cases the optimum of 94 % was found, of 89 % with 100 updates, and with 2,000 at twice the time."""

_DESCENTS_PER_READ, _DESCENT_SWEEPS = 8, 64
"""Descents in place of one read, and the sweeps that a read is counted as. A call then takes as
long as one of neal. On the same models the optimum of 97 % was found, of 83 % with a fourth of the
descents."""

_QUANTUM_SWEEPS, _QUANTUM_FIELD = 32, 3.0
"""Sweeps, and the transverse field at the start, in units of the coldest temperature. On the same
models unpolished reads were lower than with half the sweeps or a third of the field, and no lower
with thrice the field at thrice the time."""

_QUANTUM_COST = 64
"""What a sweep over the worldlines is counted as, in sweeps over bits: 30 to 45 were measured, and
a bound on the time may not be too low."""

_LARGEST_SEED = 2**31 - 1
"""The last of the seeds that a solver is given."""

_READS = 16
"""Reads of all but neal, which makes many short ones: theirs take longer."""


def _annealing(encoding: Encoding, seed: int) -> dict[str, Any]:
    scale = encoding.tables.field_scale
    return {
        "beta_range": [_ANNEAL_HOT / scale, _COLDEST / scale],
        "num_reads": affordable_reads(encoding.bqm.num_variables, _ANNEAL_SWEEPS, _ANNEAL_READS),
        "num_sweeps": _ANNEAL_SWEEPS,
        "seed": seed,
    }


def _tabu(encoding: Encoding, seed: int) -> dict[str, Any]:
    return {
        "coefficient_z_first": _TABU_UPDATES,
        "lower_bound_z": 1,
        "num_reads": affordable_reads(encoding.bqm.num_variables, _TABU_UPDATES, _READS),
        "num_restarts": 0,
        "seed": seed,
        # Where the clock ends the search, one seed has many answers.
        "timeout": None,
    }


def _descents(encoding: Encoding, seed: int) -> dict[str, Any]:
    reads = affordable_reads(encoding.bqm.num_variables, _DESCENT_SWEEPS, _READS)
    return {"num_reads": _DESCENTS_PER_READ * reads, "seed": seed}


def _worldlines(encoding: Encoding, seed: int) -> dict[str, Any]:
    """The model grows from nothing to its weight at beta, while a transverse field fades."""
    progress = np.linspace(0.0, 1.0, _QUANTUM_SWEEPS)
    cost = _QUANTUM_COST * _QUANTUM_SWEEPS
    return {
        "beta_schedule_type": "custom",
        "Hp_field": _COLDEST / encoding.tables.field_scale * progress,
        "Hd_field": _QUANTUM_FIELD * (1.0 - progress),
        "num_sweeps": _QUANTUM_SWEEPS,
        "num_reads": affordable_reads(encoding.bqm.num_variables, cost, _READS),
        # With the seed 0 this sampler draws one of its own.
        "seed": seed or _LARGEST_SEED,
    }


def _info(
    name: str, summary: str, sampler: Callable[[], dimod.Sampler], parameters: Parameters
) -> SolverInfo:
    def make(encoding: str = "one-hot") -> BinarySolver:
        return BinarySolver(name, sampler(), parameters, encoding=encoding)

    return SolverInfo(name, summary, make, encodings=ENCODINGS)


NEAL = _info(
    "neal", "simulated annealing on bits (the default)", SimulatedAnnealingSampler, _annealing
)
TABU = _info("tabu", "tabu search on bits", TabuSampler, _tabu)
STEEPEST_DESCENT = _info(
    "steepest-descent",
    "steepest descent on bits from random states",
    SteepestDescentSampler,
    _descents,
)
SQA = _info(
    "sqa",
    "simulated quantum annealing: path-integral Monte Carlo",
    PathIntegralAnnealingSampler,
    _worldlines,
)
