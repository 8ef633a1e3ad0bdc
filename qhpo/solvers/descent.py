"""Random restarts and coordinate descent: what an annealer must beat to be worth its name."""

from __future__ import annotations

import time

import numpy as np

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.solvers.base import Reads, SolverInfo
from qhpo.solvers.report import SolverReport

__all__ = ["DESCENT", "DescentSolver"]

_MAX_STARTS = 256
_MIN_STARTS = 16
_START_OPERATIONS = 1_000_000
"""Bound on starts x variables x cases, which the time of a pass over all is proportional to."""


class DescentSolver:
    """From random configurations, each variable in turn takes its best case until none changes."""

    name = "descent"
    is_costly = False

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`: the local minima."""
        begin = time.perf_counter()
        sizes = tables.sizes
        one = tables.n_variables * len(tables.linear)
        starts = min(_MAX_STARTS, max(_MIN_STARTS, _START_OPERATIONS // one))
        rng = np.random.default_rng(seed)
        cases = tables.descend(rng.integers(sizes, size=(starts, len(sizes))))
        report = SolverReport.of_discrete(self.name, tables, starts, begin)
        return Reads.of(tables, cases, report)


DESCENT = SolverInfo("descent", "random restarts and coordinate descent, a baseline", DescentSolver)
