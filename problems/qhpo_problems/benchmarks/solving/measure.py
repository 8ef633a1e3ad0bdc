"""One solver on one model: its energies before and after polish, its valid reads, its time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np

from qhpo.encoding import DenseDQM, Encoding
from qhpo.encoding.reduction import eliminate
from qhpo.errors import SolverError
from qhpo.solvers import Reads, Solver
from qhpo.solvers.binary import BinarySolver
from qhpo.solvers.potts import PottsSolver

__all__ = ["Outcome", "Tapped", "measure"]


@dataclass(frozen=True)
class Outcome:
    """What came of one model. Energies are None where there is none.

    Attributes:
        energy: Lowest energy, after repair and polish.
        raw: Lowest energy of the valid reads before.
        valid: Share of reads that were valid as they were; None where the model was refused.
        cpu_seconds: CPU seconds of this thread.
    """

    energy: float | None
    raw: float | None
    valid: float | None
    cpu_seconds: float


class Tapped:
    """A solver whose reads can be seen as they are, before repair and polish.

    Args:
        solver: Of binary solvers the encoded model and the reads of the last call are kept, potts
            is asked for its reads again. All others return what they find.
    """

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._tap: _Tap | None = None
        if isinstance(solver, BinarySolver):
            # No public way leads to reads that nobody but this comparison wants.
            self._tap = _Tap(solver._sampler, solver._parameters)
            solver._sampler, solver._parameters = self._tap, self._tap.parameters_of

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`."""
        if self._tap is not None:
            self._tap.encoding = self._tap.reads = None
        return self._solver.reads(tables, seed)

    @property
    def info(self) -> Mapping[str, Any]:
        """What a binary solver's sampler said about the reads of the last call."""
        return {} if self._tap is None or self._tap.reads is None else self._tap.reads.info

    def raw_energy(self, tables: DenseDQM, polished: Reads, seed: int) -> float | None:
        """Lowest energy of the valid reads before they were polished; None if there were none."""
        if isinstance(self._solver, PottsSolver):
            left = eliminate(tables).tables
            return float(left.energies(self._solver.unpolished(left, seed)).min())
        if self._tap is None or self._tap.encoding is None or self._tap.reads is None:
            return float(polished.energies[0])
        encoding, reads = self._tap.encoding, self._tap.reads
        reads = reads.change_vartype(dimod.BINARY, inplace=False)
        order = [reads.variables.index(v) for v in range(len(reads.variables))]
        bits = np.asarray(reads.record.sample)[:, order].astype(np.int8)
        valid = bits[encoding.is_valid(bits)]
        if not len(valid):
            return None
        return float(encoding.tables.energies(encoding.decode(valid)).min())


class _Tap(dimod.Sampler):
    """Passes on what a sampler is asked and answers, and keeps the last of both."""

    def __init__(self, sampler: dimod.Sampler, parameters: Any) -> None:
        self._sampler, self._parameters = sampler, parameters
        self.encoding: Encoding | None = None
        self.reads: dimod.SampleSet | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = self._sampler.parameters
        return parameters

    @property
    def properties(self) -> dict[str, Any]:
        properties: dict[str, Any] = self._sampler.properties
        return properties

    def parameters_of(self, encoding: Encoding, seed: int) -> Mapping[str, Any]:
        self.encoding = encoding
        parameters: Mapping[str, Any] = self._parameters(encoding, seed)
        return parameters

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        self.reads = self._sampler.sample(bqm, **parameters)
        return self.reads


def measure(solver: Tapped, tables: DenseDQM, seed: int) -> Outcome:
    """What a solver makes of a model.

    Args:
        solver: The solver.
        tables: The model.
        seed: Of the solver.
    """
    begin = time.thread_time()
    try:
        reads = solver.reads(tables, seed)
    except SolverError:
        return Outcome(None, None, None, time.thread_time() - begin)
    seconds = time.thread_time() - begin
    valid = reads.report.valid_reads / reads.report.reads
    raw = solver.raw_energy(tables, reads, seed)
    return Outcome(float(reads.energies[0]), raw, valid, seconds)
