"""One solver on one model: its energies before and after polish, its valid reads, its time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from qhpo.encoding import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers import Reads, Sampled, Solver, SolverTemplate

__all__ = ["Measured", "Tapped", "measure"]


@dataclass(frozen=True)
class Measured:
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
    """A solver whose reads can be seen as they are, before polish.

    Args:
        solver: What qhpo's own solvers sample is kept; all others return what they find.

    Attributes:
        sampled: What the last call sampled; None where elimination left nothing to sample.
    """

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._tables: DenseDQM | None = None
        self.sampled: Sampled | None = None
        if isinstance(solver, SolverTemplate):
            plain = solver.sample

            def keep(tables: DenseDQM, seed: int) -> Sampled:
                self._tables, self.sampled = tables, plain(tables, seed)
                return self.sampled

            solver.sample = keep  # type: ignore[method-assign]

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`."""
        self._tables = self.sampled = None
        return self._solver.reads(tables, seed)

    def raw_energy(self, polished: Reads) -> float | None:
        """Lowest energy of the valid reads before they were polished; None if there were none."""
        if self._tables is None or self.sampled is None:
            return float(polished.energies[0])
        cases, valid = self.sampled.cases, self.sampled.valid
        energies = self._tables.energies(cases if valid is None else cases[valid])
        return float(energies.min()) if len(energies) else None


def measure(solver: Tapped, tables: DenseDQM, seed: int) -> Measured:
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
        return Measured(None, None, None, time.thread_time() - begin)
    seconds = time.thread_time() - begin
    valid = reads.report.valid_reads / reads.report.reads
    raw = solver.raw_energy(reads)
    return Measured(float(reads.energies[0]), raw, valid, seconds)
