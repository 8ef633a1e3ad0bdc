"""Candidate terms of an equation: all monomials of the variables up to a degree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError

__all__ = ["Library"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Library:
    """Monomials, the constant first, then by degree.

    Attributes:
        variables: n, at least 1.
        degree: Highest sum of exponents, at least 1.

    Raises:
        QhpoError: If a number is out of range.
    """

    variables: int
    degree: int

    def __post_init__(self) -> None:
        if self.variables < 1 or self.degree < 1:
            raise QhpoError(
                "a library needs at least one variable and degree 1; got "
                f"variables={self.variables}, degree={self.degree}"
            )

    @cached_property
    def terms(self) -> tuple[tuple[int, ...], ...]:
        """Of each term the variables that are multiplied, such as (0, 0, 2) for x1^2 x3."""
        return tuple(
            term
            for degree in range(self.degree + 1)
            for term in combinations_with_replacement(range(self.variables), degree)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the terms, with variables x1, x2, ...; that of the constant is 1."""
        return tuple(_name(term) for term in self.terms)

    def values(self, states: FloatArray) -> FloatArray:
        """Terms at states, shape (T, n) -> (T, d).

        Raises:
            QhpoError: If the states have another number of variables.
        """
        if states.ndim != 2 or states.shape[1] != self.variables:
            raise QhpoError(
                f"states must have shape (samples, {self.variables}); got {states.shape}"
            )
        return np.stack([states[:, list(term)].prod(axis=1) for term in self.terms], axis=1)


def _name(term: tuple[int, ...]) -> str:
    factors = [
        f"x{variable + 1}" + (f"^{power}" if power > 1 else "")
        for variable, power in Counter(term).items()
    ]
    return " ".join(factors) or "1"
