"""What an objective asked for after it had been given values, and would ask for again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from qhpo.space import Space

__all__ = ["Answers", "EndAnswer", "RangeAnswer"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class EndAnswer:
    """An objective that asked for nothing more.

    Attributes:
        given: Values that it had been given, shape (d,); NaN for all other axes.
        absent: Axes that it then did without, shape (d,).
    """

    given: FloatArray
    absent: BoolArray

    def is_against(self, space: Space, x: FloatArray) -> bool:
        """Whether it would turn a configuration that begins with what is given into another."""
        return bool((self.absent & ~np.isnan(x)).any())


@dataclass(frozen=True)
class RangeAnswer:
    """A range that an objective asked for.

    Attributes:
        given: Values that it had been given before, shape (d,); NaN for all other axes.
        axis: Number of the axis that it asked for next.
        distribution: What it asked for then.
    """

    given: FloatArray
    axis: int
    distribution: BaseDistribution

    def is_against(self, space: Space, x: FloatArray) -> bool:
        """Whether it would turn a configuration that begins with what is given into another."""
        if np.isnan(x[self.axis]):
            return False
        value = space.axes[self.axis].value(float(x[self.axis]))
        return not self.distribution._contains(self.distribution.to_internal_repr(value))


class Answers:
    """Answers of an objective.

    Args:
        space: The search space.
        answers: What trials tell.
    """

    def __init__(self, space: Space, answers: Sequence[EndAnswer | RangeAnswer] = ()) -> None:
        self._space = space
        self._answers = answers
        self._given = np.array([a.given for a in answers]).reshape(len(answers), len(space))
        self._is_free = np.isnan(self._given)

    def contradict(self, x: FloatArray) -> bool:
        """Whether a trial of a configuration, shape (d,), would turn out as another one."""
        if not self._answers:
            return False
        begins = ((self._given == x) | self._is_free).all(axis=1)
        return any(
            self._answers[i].is_against(self._space, x) for i in np.flatnonzero(begins).tolist()
        )
