"""Exhaustive search, for small models and for checking the other solvers."""

from __future__ import annotations

import math
import time

import numpy as np

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers.base import Reads, SolverInfo
from qhpo.solvers.report import SolverReport

__all__ = ["EXACT", "MAX_CONFIGURATIONS", "ExactSolver"]

MAX_CONFIGURATIONS = 2_000_000
"""Most configurations that are enumerated."""

_KEPT = 16
_CHUNK = 65_536


class ExactSolver:
    """Enumerates every configuration and returns the 16 of lowest energy."""

    name = "exact"
    is_costly = False

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`; the seed is ignored.

        Raises:
            SolverError: If there are more than `MAX_CONFIGURATIONS` configurations.
        """
        begin = time.perf_counter()
        sizes = tables.sizes.tolist()
        total = math.prod(sizes)
        if total > MAX_CONFIGURATIONS:
            raise SolverError(
                f"the solver exact enumerates at most {MAX_CONFIGURATIONS:,} configurations; "
                f"got a model with {total:,}; use another solver, such as neal"
            )
        best = np.empty((0, len(sizes)), dtype=np.intp)
        for start in range(0, total, _CHUNK):
            numbers = np.arange(start, min(start + _CHUNK, total))
            chunk = np.stack(np.unravel_index(numbers, sizes), axis=1)
            both = np.concatenate([best, chunk])
            order = np.argsort(tables.energies(both), kind="stable")
            best = both[order[:_KEPT]]
        report = SolverReport.of_discrete(self.name, tables, len(best), begin)
        return Reads.of(tables, best, report)


EXACT = SolverInfo(
    "exact",
    "every configuration in turn",
    ExactSolver,
    limits=f"{MAX_CONFIGURATIONS:,} configurations",
)
