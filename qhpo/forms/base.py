"""What every compiled form can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from qhpo.forms.builder import PenaltyBuilder
from qhpo.forms.program import Program

__all__ = ["CompiledForm"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class CompiledForm(ABC):
    """One condition on places.

    Its violation is 0 if and only if it holds, and tells how far away it is where it does not.
    """

    @abstractmethod
    def violation(self, places: IntArray) -> FloatArray:
        """Of configurations, (q, d) to (q,)."""

    @abstractmethod
    def after_change(self, places: IntArray) -> FloatArray:
        """After every change of one axis to one of its levels, (S, d) to (S, D)."""

    @abstractmethod
    def after_pair(self, places: IntArray, columns: IntArray) -> FloatArray:
        """After every two of some changes of every configuration.

        Args:
            places: Shape (S, d), S >= 1.
            columns: B of the D columns for each configuration, shape (S, B); of the same axis in
                all of a column of this array.

        Returns:
            Shape (S, B, B). Entries for two levels of the same axis mean nothing.
        """

    @abstractmethod
    def add_penalty(self, builder: PenaltyBuilder, weight: float) -> None:
        """Adds the exact penalty over the levels: 0 where the form holds, else the weight or more.

        Args:
            builder: Gets the penalty.
            weight: What a violation costs at least.

        Raises:
            QhpoError: If the form has no exact quadratic form.
        """

    @abstractmethod
    def is_light(self, builder: PenaltyBuilder) -> bool:
        """Whether there is an exact penalty with so few auxiliary cases that annealing can bear it.

        Args:
            builder: Knows which axes may be inactive.
        """

    @abstractmethod
    def add_multiple(self, builder: PenaltyBuilder, multiplier: float) -> None:
        """Adds the form's sum, in units of its scale, times a multiplier; nothing without a sum."""

    @abstractmethod
    def linear_rows(self, places: IntArray) -> list[tuple[float, FloatArray, float]]:
        """Each bound of the form's sum as a row over the single changes of one configuration.

        Args:
            places: Shape (1, d).

        Returns:
            1 for an upper bound or -1 for a lower one; what every change adds to that side, shape
            (D,); and the room that is left, both in units of the form's scale. Without a sum, none.
        """

    @abstractmethod
    def excess(self, places: IntArray) -> float:
        """Share of configurations, (q, d), above the upper bound, less that below the lower one."""

    @abstractmethod
    def add_rows(self, program: Program) -> None:
        """Adds the form as rows, unless there is no room for so many."""
