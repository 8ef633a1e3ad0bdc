"""What a run on a problem with constraints leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from qhpo_problems.benchmarks.records import Run

__all__ = ["ConstrainedRun"]


@dataclass(frozen=True)
class ConstrainedRun(Run):
    """A run whose trials may be infeasible; those count as trials, but never as the best.

    Attributes:
        reference: Value whose gap is 1.
        feasible: For every trial, whether its solution truly satisfies the constraints.
    """

    reference: float
    feasible: tuple[bool, ...]

    _by_trial: ClassVar[tuple[str, ...]] = (*Run._by_trial, "feasible")

    @property
    def best_so_far(self) -> npt.NDArray[np.float64]:
        """Best feasible value up to and including each trial, infinite before the first one."""
        return np.minimum.accumulate(np.where(self.feasible, self.values, np.inf))

    @property
    def gap(self) -> npt.NDArray[np.float64]:
        """Gap of `best_so_far`, shape (trials,): 0 at the optimum, 1 at the reference."""
        gap: npt.NDArray[np.float64] = (self.best_so_far - self.optimum) / (
            self.reference - self.optimum
        )
        return gap
