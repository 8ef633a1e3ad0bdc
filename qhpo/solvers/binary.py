"""Solvers of binary quadratic models, used on the one-hot form of a DQM.

Every read is decoded, repaired and polished by categorical coordinate descent: measured to matter
more than the choice of the sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import dimod
import numpy as np
from dwave.samplers import SimulatedAnnealingSampler
from numpy.typing import NDArray

from qhpo.encoding.one_hot import OneHotEncoding
from qhpo.encoding.tables import PairTables
from qhpo.solvers.samples import sample_set

__all__ = ["BinarySolver", "neal"]

_PENALTY = 3.0
"""Default one-hot penalty in units of the model's local field scale. Smaller ones leave hardly any
valid read, larger ones freeze the blocks: the window is narrow, and what falls out is repaired."""

_MAX_READS = 16
_MIN_READS = 4
_READ_OPERATIONS = 200_000_000
"""Bound on reads x sweeps x variables^2, which the time of a dense anneal is proportional to."""

_NEAL_SWEEPS = 64


class BinarySolver:
    """Any dimod sampler, behind the one-hot encoding.

    Args:
        sampler: Samples binary quadratic models.
        parameters: Keyword arguments of ``sampler.sample`` for an encoding and a seed.
    """

    def __init__(
        self,
        sampler: dimod.Sampler,
        parameters: Callable[[OneHotEncoding, int], Mapping[str, Any]],
    ) -> None:
        self._sampler = sampler
        self._parameters = parameters

    def sample(self, dqm: dimod.DiscreteQuadraticModel, seed: int) -> dimod.SampleSet:
        """See `Solver.sample`: the reads, repaired and polished."""
        tables = PairTables.from_dqm(dqm)
        encoding = OneHotEncoding(tables, _PENALTY * tables.field_scale)
        reads = self._sampler.sample(encoding.bqm, **self._parameters(encoding, seed))
        return sample_set(dqm, tables, tables.descend(encoding.decode(_bits(reads))))

    @classmethod
    def wrap(cls, sampler: dimod.Sampler) -> BinarySolver:
        """A user's own sampler object, given a seed and a number of reads if it takes them."""
        return cls(sampler, partial(_common_parameters, frozenset(sampler.parameters or ())))


def _common_parameters(
    accepted: frozenset[str], encoding: OneHotEncoding, seed: int
) -> dict[str, Any]:
    offered = {"num_reads": _reads(encoding), "seed": seed}
    return {name: value for name, value in offered.items() if name in accepted}


def neal() -> BinarySolver:
    """Simulated annealing with a beta range taken from the model's scale.

    The sampler's own default range is made for integer-valued models and costs more time to
    compute than the anneal.
    """
    return BinarySolver(SimulatedAnnealingSampler(), _neal_parameters)


def _neal_parameters(encoding: OneHotEncoding, seed: int) -> dict[str, Any]:
    scale = encoding.tables.field_scale
    return {
        "beta_range": [0.5 / scale, 12.0 / scale],
        "num_reads": _reads(encoding),
        "num_sweeps": _NEAL_SWEEPS,
        "seed": seed,
    }


def _reads(encoding: OneHotEncoding) -> int:
    one = _NEAL_SWEEPS * len(encoding.tables.linear) ** 2
    return min(_MAX_READS, max(_MIN_READS, _READ_OPERATIONS // one))


def _bits(reads: dimod.SampleSet) -> NDArray[np.int8]:
    """Samples as 0 and 1, with the columns in the order 0..D-1."""
    if reads.vartype is dimod.SPIN:
        reads = reads.change_vartype(dimod.BINARY, inplace=False)
    columns = np.argsort(np.fromiter(reads.variables, dtype=np.intp, count=len(reads.variables)))
    samples: NDArray[np.int8] = np.asarray(reads.record.sample)[:, columns]
    return samples
