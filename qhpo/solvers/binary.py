"""Any dimod sampler of binary quadratic models as a solver, behind an encoding.

Levels that can be in no local minimum go first. Every read is decoded, repaired and polished by
categorical coordinate descent: measured to matter more than the choice of the sampler.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM, Encoding, count_bits, eliminate, encode, reduced_to
from qhpo.solvers.base import Reads
from qhpo.solvers.report import SolverReport

__all__ = ["BinarySolver", "Parameters", "dense_reads", "qpu_seconds", "wrap_sampler"]

Parameters = Callable[[Encoding, int], Mapping[str, Any]]
"""Keyword arguments of ``sampler.sample`` for an encoded model and a seed."""

_MAX_READS = 16
_MIN_READS = 4
_READ_OPERATIONS = 200_000_000
"""Bound on reads x sweeps x variables^2, which the time of a dense anneal is proportional to."""

_SWEEPS = 64
"""What a user's own sampler is taken to do for a read."""

_REMOTE = frozenset({"qpu", "hybrid"})


class BinarySolver:
    """Any dimod sampler, behind an encoding.

    Args:
        name: What reports call it.
        sampler: Samples binary quadratic models.
        parameters: Keyword arguments of ``sampler.sample``.
        encoding: Name of the encoding.
        penalty: Of the encoding, in units of the model's local field scale; None for the one that
            is measured to be best for annealers.
        max_bits: Most bits the sampler takes, or a function that finds out; larger models are cut
            to the sub-problem that matters most. None for no limit. It needs a sized encoding.
        is_costly: Whether a call costs money or takes seconds.
    """

    def __init__(
        self,
        name: str,
        sampler: dimod.Sampler,
        parameters: Parameters,
        *,
        encoding: str = "one-hot",
        penalty: float | None = None,
        max_bits: int | Callable[[], int] | None = None,
        is_costly: bool = False,
    ) -> None:
        self.name = name
        self.is_costly = is_costly
        self._sampler = sampler
        self._parameters = parameters
        self._encoding, self._penalty = encoding, penalty
        self._max_bits = max_bits

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`: the reads, repaired and polished."""
        begin = time.perf_counter()
        # All local minima are left: nothing that polish could lead to is lost.
        reduced = eliminate(tables)
        if self._max_bits is not None and len(reduced.variables):
            most = self._max_bits if isinstance(self._max_bits, int) else self._max_bits()
            if count_bits(reduced.tables, self._encoding) > most:
                reduced = reduced_to(tables, self._encoding, most, seed)
        encoding = encode(reduced.tables, self._encoding, self._penalty)
        if encoding.bqm.num_variables:
            reads = self._sampler.sample(encoding.bqm, **self._parameters(encoding, seed))
            bits = _bits(reads)
        else:  # the only local minimum is left
            reads = dimod.SampleSet.from_samples_bqm(np.empty((1, 0)), encoding.bqm)
            bits = np.empty((1, 0), dtype=np.int8)
        cases = tables.descend(reduced.expand(encoding.decode(bits)))
        counts = np.asarray(reads.record.num_occurrences)
        report = SolverReport(
            self.name,
            calls=int(encoding.bqm.num_variables > 0),
            variables=encoding.bqm.num_variables,
            couplers=encoding.bqm.num_interactions,
            reads=int(counts.sum()),
            valid_reads=int(counts[encoding.is_valid(bits)].sum()),
            chain_breaks=_chain_breaks(reads),
            seconds=time.perf_counter() - begin,
            qpu_seconds=qpu_seconds(reads.info),
        )
        return Reads.of(tables, cases, report, counts)


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
    offered = {"num_reads": dense_reads(encoding.bqm.num_variables, _SWEEPS), "seed": seed}
    return {name: value for name, value in offered.items() if name in accepted}


def dense_reads(n_variables: int, sweeps: int, most: int = _MAX_READS) -> int:
    """Reads of a dense anneal in bounded time, at most ``most``."""
    one = sweeps * n_variables**2
    return min(most, max(_MIN_READS, _READ_OPERATIONS // max(one, 1)))


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


def qpu_seconds(info: Mapping[str, Any]) -> float:
    """QPU access time, which the services of D-Wave report in microseconds, in either place."""
    timing = info.get("timing")
    known = {**info, **(timing if isinstance(timing, Mapping) else {})}
    return 1e-6 * float(known.get("qpu_access_time", 0.0))
