"""What an acquisition is: how much a configuration is worth a trial.

Glossary
--------
d, D
    Axes; levels of all axes together.
x
    Configurations as coordinates, NaN where an axis is inactive.

The search knows nothing of a surrogate but what an acquisition makes of it. BoTorch's
`AcquisitionFunction` with its ``set_X_pending`` is the model of this protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.surrogate.base import Surrogate

__all__ = ["Acquisition"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Acquisition(Protocol):
    """A score of configurations, made of surrogates; more is better."""

    @property
    def surrogates(self) -> Sequence[Surrogate]:
        """What it is made of, reckoning with what is pending."""
        ...

    def score(self, x: FloatArray) -> FloatArray:
        """Of configurations, (q, d) to (q,)."""
        ...

    def score_changes(self, x: FloatArray, axes: IntArray) -> FloatArray:
        """Of all configurations that differ in at most one of some axes, (S, d) to (S, D).

        Args:
            x: The configurations.
            axes: Which axes, shape (k,), increasing. There is a column for every level of theirs,
                which sets the axis to it.
        """
        ...

    def score_axis(self, x: FloatArray, axis: int, points: FloatArray) -> FloatArray:
        """Of one configuration, shape (d,), with one axis set to each of P coordinates: (P,)."""
        ...

    def set_pending(self, x: FloatArray) -> None:
        """Reckon with configurations, shape (p, d), that are being evaluated.

        Those of an earlier call no longer count.
        """
        ...
