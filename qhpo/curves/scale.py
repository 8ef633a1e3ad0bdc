"""Values on the scale that curves are modelled on, and back.

Errors of trainings are heavy-tailed: one that diverges reports millions, or no number. Near the
best value differences count as they are, and far from it by their logarithm:

    u = arcsinh((value - best) / unit), at most `_WORST`,

with the best value of a complete trial, and as unit what the median complete trial is worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scale"]

FloatArray = NDArray[np.float64]

_WORST = 6.0
"""Values of more than 200 units are all alike, and what is no number counts as one of them."""

_LEAST_UNIT = 0.05
"""Share of what the median of all trials is worse than the best. Where most complete trials are as
good as the best, a difference between them is no unit for anything."""

_NO_UNIT = 1e-9
"""Where all values are equal: a unit that tells them from others, relative to their size."""


@dataclass(frozen=True)
class Scale:
    """The scale of a study.

    Attributes:
        best: Value of the best complete trial.
        unit: By how much values differ, more than 0.
    """

    best: float
    unit: float

    @classmethod
    def of(cls, complete: FloatArray, last: FloatArray) -> Scale:
        """The scale of some trials.

        Args:
            complete: Values of complete trials, smaller is better, one finite at least.
            last: Last value of every trial.
        """
        finite = complete[np.isfinite(complete)]
        best = float(finite.min())
        others = last[np.isfinite(last)]
        # Half of each difference: the difference of two large floats may be none.
        spread = [2.0 * float(np.median(v / 2.0) - best / 2.0) for v in (finite, others) if len(v)]
        unit = max(spread[0], _LEAST_UNIT * spread[-1])
        if not np.isfinite(unit) or unit <= _NO_UNIT * abs(best):
            unit = max(_NO_UNIT * abs(best), _NO_UNIT)
        return cls(best, unit)

    def to(self, values: FloatArray) -> FloatArray:
        """Values of any shape on the scale; infinite ones and NaN are at its ends."""
        known = np.where(np.isnan(values), np.inf, values)
        with np.errstate(over="ignore"):
            # Both are divided first: their difference may be beyond floats.
            scaled = np.arcsinh(known / self.unit - self.best / self.unit)
        clipped: FloatArray = np.clip(scaled, -_WORST, _WORST)
        return clipped

    def back(self, u: FloatArray) -> FloatArray:
        """Values of what is on the scale."""
        values: FloatArray = self.best + self.unit * np.sinh(np.clip(u, -_WORST, _WORST))
        return values
