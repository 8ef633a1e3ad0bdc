"""Samplers of dwave-samplers as solvers, with the parameters that suit dense real-valued models.

The samplers' own beta ranges are made for integer-valued models, and cost more time to compute than
the anneal: here they are taken from the model's local field scale s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from dwave.samplers import (
    PathIntegralAnnealingSampler,
    RotorModelAnnealingSampler,
    SimulatedAnnealingSampler,
    SteepestDescentSampler,
    TabuSampler,
)

from qhpo.encoding import ENCODINGS, Encoding
from qhpo.solvers.base import SolverInfo
from qhpo.solvers.binary import BinarySolver, dense_reads

__all__ = ["NEAL", "ROTOR", "SQA", "STEEPEST_DESCENT", "TABU"]

_ANNEAL_SWEEPS = 16
_ANNEAL_READS = 128
"""Many short anneals, as polish follows: at equal time they find the optimum more often than fewer
longer ones, see `qhpo bench --suite solvers`."""

_SWEEPS = 64

_TABU_UPDATES = 500
"""Updates per bit in the simple tabu search that a read is."""

_DESCENTS = 8
"""Descents in place of one anneal, which takes many times as long."""

_QUANTUM_SWEEPS = 32
_QUANTUM_COST, _ROTOR_COST = 64, 4
"""Time of a sweep over the worldlines, or over the rotors, against one over bits."""


def _annealing(encoding: Encoding, seed: int) -> dict[str, Any]:
    scale = encoding.tables.field_scale
    return {
        "beta_range": [0.5 / scale, 12.0 / scale],
        "num_reads": dense_reads(encoding.bqm.num_variables, _ANNEAL_SWEEPS, _ANNEAL_READS),
        "num_sweeps": _ANNEAL_SWEEPS,
        "seed": seed,
    }


def _tabu(encoding: Encoding, seed: int) -> dict[str, Any]:
    return {
        "coefficient_z_first": _TABU_UPDATES,
        "lower_bound_z": 1,
        "num_reads": dense_reads(encoding.bqm.num_variables, _TABU_UPDATES),
        "num_restarts": 0,
        "seed": seed,
        # Where the clock ends the search, one seed has many answers.
        "timeout": None,
    }


def _descents(encoding: Encoding, seed: int) -> dict[str, Any]:
    anneals = dense_reads(encoding.bqm.num_variables, _SWEEPS)
    return {"num_reads": _DESCENTS * anneals, "seed": seed}


def _worldlines(encoding: Encoding, seed: int) -> dict[str, Any]:
    cost = _QUANTUM_COST * _QUANTUM_SWEEPS
    return {
        **_turned_on(_QUANTUM_SWEEPS, 12.0 / encoding.tables.field_scale),
        "num_reads": dense_reads(encoding.bqm.num_variables, cost),
        "seed": seed,
    }


def _rotors(encoding: Encoding, seed: int) -> dict[str, Any]:
    # A rotor's energy is flat around its ends: it takes more cold than a bit.
    return {
        **_turned_on(_SWEEPS, 60.0 / encoding.tables.field_scale),
        "num_reads": dense_reads(encoding.bqm.num_variables, _ROTOR_COST * _SWEEPS),
        "seed": seed,
    }


def _turned_on(sweeps: int, beta: float) -> dict[str, Any]:
    """The model grows from nothing to its weight at beta, while a transverse field fades."""
    progress = np.linspace(0.0, 1.0, sweeps)
    return {
        "beta_schedule_type": "custom",
        "Hp_field": beta * progress,
        "Hd_field": 3.0 * (1.0 - progress),
        "num_sweeps": sweeps,
    }


def _neal(encoding: str = "one-hot") -> BinarySolver:
    return BinarySolver("neal", SimulatedAnnealingSampler(), _annealing, encoding=encoding)


def _make_tabu(encoding: str = "one-hot") -> BinarySolver:
    return BinarySolver("tabu", TabuSampler(), _tabu, encoding=encoding)


def _make_steepest_descent(encoding: str = "one-hot") -> BinarySolver:
    sampler = SteepestDescentSampler()
    return BinarySolver("steepest-descent", sampler, _descents, encoding=encoding)


def _make_sqa(encoding: str = "one-hot") -> BinarySolver:
    return BinarySolver("sqa", PathIntegralAnnealingSampler(), _worldlines, encoding=encoding)


def _make_rotor(encoding: str = "one-hot") -> BinarySolver:
    return BinarySolver("rotor", RotorModelAnnealingSampler(), _rotors, encoding=encoding)


NEAL = SolverInfo("neal", "simulated annealing on bits (the default)", _neal, encodings=ENCODINGS)
TABU = SolverInfo("tabu", "tabu search on bits", _make_tabu, encodings=ENCODINGS)
STEEPEST_DESCENT = SolverInfo(
    "steepest-descent",
    "steepest descent on bits from random states",
    _make_steepest_descent,
    encodings=ENCODINGS,
)
SQA = SolverInfo(
    "sqa",
    "simulated quantum annealing: path-integral Monte Carlo",
    _make_sqa,
    encodings=ENCODINGS,
)
ROTOR = SolverInfo(
    "rotor",
    "annealing of spins as rotors in a transverse field",
    _make_rotor,
    encodings=ENCODINGS,
)
