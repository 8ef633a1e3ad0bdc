"""A study's trials as arrays: what a suggestion is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qhpo.answers import Answers
from qhpo.space import Space

__all__ = ["History"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """A study's trials over one search space.

    Attributes:
        coordinates: Configurations with a value, in order of completion, shape (n, d); NaN where
            a trial did not ask for the parameter.
        values: Their values, shape (n,), smaller is better; may be infinite. Of several objectives
            one number each, by the weights that they were read with.
        pending: Configurations of other running trials, shape (p, d).
        avoid: Configurations that must not be suggested, those of all finished and other running
            trials, shape (t, d).
        is_scalarized: Whether a value weighs several objectives.
        begun: Configurations that are to be suggested first: a trial with them was cut off.
        answers: What the objective is known to ask for.
    """

    coordinates: FloatArray
    values: FloatArray
    pending: FloatArray
    avoid: FloatArray
    is_scalarized: bool = False
    begun: Sequence[FloatArray] = ()
    answers: Answers = field(default_factory=lambda: Answers(Space({})))
