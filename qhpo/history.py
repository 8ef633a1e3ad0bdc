"""A study's trials as arrays: what a suggestion is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qhpo.answers import Answers
from qhpo.space import Space

__all__ = ["History", "Outcomes", "dominators"]

FloatArray = NDArray[np.float64]


def dominators(values: FloatArray) -> NDArray[np.intp]:
    """How many rows are nowhere worse than a row, and somewhere better; 0 on the Pareto front.

    Args:
        values: One row a trial, shape (n, m), smaller is better, not NaN.

    Returns:
        Shape (n,).
    """
    found = np.zeros(len(values), dtype=np.intp)
    for i, row in enumerate(values):
        found[i] = ((values <= row).all(axis=1) & (values < row).any(axis=1)).sum()
    return found


@dataclass(frozen=True)
class Outcomes:
    """What trials have told of one condition that only running them tells.

    Attributes:
        coordinates: Configurations, in order of completion, shape (m, d); NaN where a trial did
            not ask for the parameter.
        values: What was measured there, shape (m,); the condition holds where it is at most 0.
    """

    coordinates: FloatArray
    values: FloatArray

    @property
    def is_broken(self) -> bool:
        """Whether the condition did not hold in some trial."""
        return bool((self.values > 0.0).any())


@dataclass(frozen=True)
class History:
    """A study's trials over one search space.

    Attributes:
        coordinates: Configurations with a value, in order of completion, shape (n, d); NaN where
            a trial did not ask for the parameter.
        values: Their values, shape (n,), smaller is better; may be infinite. Of several objectives
            one number each, by the weights that they were read with.
        pending: Configurations of other running trials of which nothing tells how they will end,
            shape (p, d).
        avoid: Configurations that must not be suggested, those of all finished and other running
            trials, shape (t, d).
        n_running: How many of the configurations with a value, the last ones, are those of other
            running trials. Their values are what they are expected to end with.
        objectives: Of several objectives, what each of these configurations had, shape (n, m),
            smaller is better; may be infinite. None of one.
        begun: Configurations that are to be suggested first: a trial with them was cut off.
        is_feasible: Which configurations with a value kept all measured constraints, shape (n,).
            None if all did.
        constraints: What was measured of each constraint.
        failures: 1 for every trial that ended without a value, -1 for every one with a value. None
            if all have one.
        answers: What the objective is known to ask for.
    """

    coordinates: FloatArray
    values: FloatArray
    pending: FloatArray
    avoid: FloatArray
    n_running: int = 0
    objectives: FloatArray | None = None
    begun: Sequence[FloatArray] = ()
    is_feasible: NDArray[np.bool_] | None = None
    constraints: Sequence[Outcomes] = ()
    failures: Outcomes | None = None
    answers: Answers = field(default_factory=lambda: Answers(Space({})))

    @property
    def each_objective(self) -> FloatArray:
        """The values in each objective, shape (n, m); of one objective (n, 1)."""
        return self.values[:, None] if self.objectives is None else self.objectives

    @property
    def n_tried(self) -> int:
        """Number of trials that ended by themselves, with a value or not."""
        if self.failures is not None:
            return len(self.failures.values)
        return self.n_finished

    @property
    def n_finished(self) -> int:
        """Number of configurations with a value whose trials have ended."""
        return len(self.values) - self.n_running

    @property
    def feasible_values(self) -> FloatArray:
        """The values, infinite where a measured constraint was broken, shape (n,)."""
        if self.is_feasible is None:
            return self.values
        return np.where(self.is_feasible, self.values, np.inf)
