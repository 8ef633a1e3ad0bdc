"""Random restarts and coordinate descent: what an annealer must beat to be worth its name."""

from __future__ import annotations

import numpy as np

from qhpo.encoding import DenseDQM, Reduced
from qhpo.solvers.base import Sampled, SolverInfo, SolverTemplate

__all__ = ["DESCENT", "DescentSolver"]

_MAX_STARTS = 256
"""They take two to four times as long as 16, as a pass goes over all rows at once."""

_MIN_STARTS = 16
"""Even of the largest model, so that the baseline stays one of restarts."""

_START_OPERATIONS = 1_000_000
"""Bound on starts x variables x cases, which the time of a pass over all is proportional to. A call
takes up to 20 ms then, less than one of an annealer."""


class DescentSolver(SolverTemplate):
    """From random configurations, each variable in turn takes its best case until none changes."""

    name = "descent"
    polishes = False  # nothing is left to polish

    def reduce(self, tables: DenseDQM, seed: int) -> Reduced:
        """The whole model: a baseline makes no use of what is to be compared."""
        return Reduced.whole(tables)

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """The local minima that random configurations lead to."""
        one = tables.n_variables * len(tables.linear)
        starts = min(_MAX_STARTS, max(_MIN_STARTS, _START_OPERATIONS // one))
        rng = np.random.default_rng(seed)
        random = rng.integers(tables.sizes, size=(starts, tables.n_variables))
        return Sampled(tables.descend(random))


DESCENT = SolverInfo("descent", "random restarts and coordinate descent, a baseline", DescentSolver)
