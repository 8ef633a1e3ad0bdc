"""Exhaustive search, for small models and for checking the other solvers."""

from __future__ import annotations

import math

import numpy as np

from qhpo.encoding import DenseDQM, Reduced
from qhpo.errors import SolverError
from qhpo.solvers.base import Sampled, SolverInfo, SolverTemplate

__all__ = ["EXACT", "MAX_CONFIGURATIONS", "ExactSolver"]

MAX_CONFIGURATIONS = 2_000_000
"""Most configurations that are enumerated, which takes two seconds with ten variables."""

_KEPT = 16
"""Configurations that are returned. The lowest is what was asked for; the next ones show how much
lower it is, and are other candidates where it may not be suggested."""

_CHUNK = 65_536
"""Configurations whose energies are computed at once: 50 MB of pairs for ten variables."""


class ExactSolver(SolverTemplate):
    """Enumerates every configuration and returns the 16 of lowest energy."""

    name = "exact"
    polishes = False  # it would turn the next lowest into the lowest

    def reduce(self, tables: DenseDQM, seed: int) -> Reduced:
        """The whole model: the next lowest may have cases that elimination takes."""
        return Reduced.whole(tables)

    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """The configurations of lowest energy; the seed is ignored.

        Raises:
            SolverError: If there are more than `MAX_CONFIGURATIONS` configurations.
        """
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
        return Sampled(best)


EXACT = SolverInfo(
    "exact",
    "every configuration in turn",
    ExactSolver,
    limits=f"{MAX_CONFIGURATIONS:,} configurations",
)
