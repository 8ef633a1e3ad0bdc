"""Any dimod sampler of binary quadratic models as a solver, behind an encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM, Encoding, Reduced, count_bits, eliminate, encode, reduced_to
from qhpo.solvers.base import Sampled, SolverTemplate, affordable_reads

__all__ = ["CALLS", "COPIES", "BinarySolver", "Parameters", "SampleMany", "wrap_sampler"]

Parameters = Callable[[Encoding, int], Mapping[str, Any]]
"""Keyword arguments of ``sampler.sample`` for an encoded model and a seed."""

SampleMany = Callable[[Sequence[dimod.BinaryQuadraticModel], int], list[dimod.SampleSet]]
"""Samples several models, by a seed, in one call where it can. What it did stands in the ``info``
of each answer."""

CALLS, COPIES = "qhpo:calls", "qhpo:copies"
"""Keys of an answer's ``info``: how many calls it took, 1 where nothing is said, and how often the
model lay on a chip in one."""

_UNKNOWN_SWEEPS = 64
"""What a read of a user's own sampler is taken to cost: the sweeps of a usual anneal."""

_UNKNOWN_READS = 16
"""Reads of a user's own sampler, as of most samplers here: what one takes is not known."""

_REMOTE = frozenset({"qpu", "hybrid"})
"""Categories that samplers of D-Wave's services state in their properties."""


class BinarySolver(SolverTemplate):
    """Any dimod sampler, behind an encoding.

    Args:
        name: What reports call it.
        sampler: Samples binary quadratic models.
        parameters: Keyword arguments of ``sampler.sample``.
        encoding: Name of the encoding.
        max_bits: Most bits the sampler takes, or a function that finds out; larger models are cut
            to the sub-problem that matters most. None for no limit.
        is_costly: Whether a call costs money or takes seconds.
        sample_many: Samples several models in place of ``sampler.sample``; None where each is a
            call of its own.
    """

    def __init__(
        self,
        name: str,
        sampler: dimod.Sampler,
        parameters: Parameters,
        *,
        encoding: str = "one-hot",
        max_bits: int | Callable[[], int] | None = None,
        is_costly: bool = False,
        sample_many: SampleMany | None = None,
    ) -> None:
        self.name = name
        self.is_costly = is_costly
        self._sampler = sampler
        self._parameters = parameters
        self._encoding = encoding
        self._max_bits = max_bits
        self._sample_many = sample_many

    def reduce(self, tables: DenseDQM, seed: int) -> Reduced:
        """What elimination leaves, or as much of it as the sampler takes."""
        reduced = eliminate(tables)
        # A model that is solved contacts no service to ask for the limit.
        if self._max_bits is None or not reduced.tables.n_variables:
            return reduced
        most = self._max_bits if isinstance(self._max_bits, int) else self._max_bits()
        if count_bits(reduced.tables, self._encoding) <= most:
            return reduced
        return reduced_to(tables, self._encoding, most, seed)

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """Encodes, samples and decodes."""
        encoding = encode(tables, self._encoding)
        return _decoded(
            encoding, self._sampler.sample(encoding.bqm, **self._parameters(encoding, seed))
        )

    def sample_many(self, models: Sequence[DenseDQM], seeds: Sequence[int]) -> list[Sampled]:
        """See `SolverTemplate.sample_many`."""
        if self._sample_many is None:
            return super().sample_many(models, seeds)
        encodings = [encode(tables, self._encoding) for tables in models]
        found = self._sample_many([encoding.bqm for encoding in encodings], seeds[0])
        return [_decoded(encoding, reads) for encoding, reads in zip(encodings, found, strict=True)]


def _decoded(encoding: Encoding, reads: dimod.SampleSet) -> Sampled:
    bits = _bits(reads)
    return Sampled(
        encoding.decode(bits),
        np.asarray(reads.record.num_occurrences),
        encoding.is_valid(bits),
        (encoding.bqm.num_variables, encoding.bqm.num_interactions),
        _chain_breaks(reads),
        reads.info,
        int(reads.info.get(CALLS, 1)),
        reads.info.get(COPIES),
    )


def wrap_sampler(sampler: dimod.Sampler, encoding: str | None = None) -> BinarySolver:
    """A user's own sampler object, given a seed and a number of reads if it takes them.

    Args:
        sampler: Samples binary quadratic models.
        encoding: Name of the encoding; None for domain walls on a QPU, where they keep more reads
            valid, and one-hot elsewhere.
    """
    is_costly = any(_is_remote(child) for child in _family(sampler))
    return BinarySolver(
        type(sampler).__name__,
        sampler,
        partial(_common_parameters, frozenset(sampler.parameters or ())),
        encoding=encoding or ("domain-wall" if is_costly else "one-hot"),
        is_costly=is_costly,
    )


def _common_parameters(accepted: frozenset[str], encoding: Encoding, seed: int) -> dict[str, Any]:
    reads = affordable_reads(encoding.bqm.num_variables, _UNKNOWN_SWEEPS, _UNKNOWN_READS)
    offered = {"num_reads": reads, "seed": seed}
    return {name: value for name, value in offered.items() if name in accepted}


def _family(sampler: Any) -> Iterator[Any]:
    """The sampler, and those that it wraps."""
    yield sampler
    for child in getattr(sampler, "children", None) or ():
        yield from _family(child)


def _is_remote(sampler: Any) -> bool:
    properties = sampler.properties
    return isinstance(properties, Mapping) and properties.get("category") in _REMOTE


def _bits(reads: dimod.SampleSet) -> NDArray[np.int8]:
    """Samples as 0 and 1, with the columns in the order 0..B-1."""
    if reads.vartype is dimod.SPIN:
        reads = reads.change_vartype(dimod.BINARY, inplace=False)
    columns = np.argsort(np.fromiter(reads.variables, dtype=np.intp, count=len(reads.variables)))
    samples: NDArray[np.int8] = np.asarray(reads.record.sample)[:, columns]
    return samples


def _chain_breaks(reads: dimod.SampleSet) -> float | None:
    """Mean share of broken chains, weighted by how often a read occurred."""
    names = reads.record.dtype.names or ()
    if "chain_break_fraction" not in names or not len(reads):
        return None
    return float(
        np.average(reads.record.chain_break_fraction, weights=reads.record.num_occurrences)
    )
