"""Constraints on numbers: linear and quadratic inequalities and equalities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from qhpo.constraints.base import (
    Constraint,
    LinearRow,
    QuadraticRow,
    Statement,
    Sum,
    is_finite_number,
)
from qhpo.errors import QhpoError

__all__ = ["Linear", "Quadratic", "Sense", "linear", "quadratic"]

Sense = Literal["<=", "==", ">="]

_SENSES = get_args(Sense)


def _scaled(coefficient: float, value: float) -> float:
    return coefficient * value


def _product(coefficient: float, first: float, second: float) -> float:
    return coefficient * first * second


def _square(coefficient: float, value: float) -> float:
    return coefficient * value * value


def _bounds(sense: Sense, bound: float) -> tuple[float, float]:
    return (
        -math.inf if sense == "<=" else float(bound),
        math.inf if sense == ">=" else float(bound),
    )


@dataclass(frozen=True, repr=False)
class Linear(Constraint):
    """sum_i a_i x_i <= b, or == or >=. See `linear`."""

    coefficients: tuple[tuple[str, float], ...]
    sense: Sense
    bound: float

    def __repr__(self) -> str:
        return f"linear({dict(self.coefficients)!r}, {self.sense!r}, {self.bound!r})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.coefficients)

    @property
    def is_numeric(self) -> bool:
        return True

    @property
    def statements(self) -> tuple[Statement, ...]:
        terms = tuple((name, partial(_scaled, a)) for name, a in self.coefficients)
        return (Sum(terms, (), *_bounds(self.sense, self.bound)),)

    @property
    def linear_row(self) -> LinearRow:
        return LinearRow(self.coefficients, *_bounds(self.sense, self.bound))

    @property
    def quadratic_row(self) -> QuadraticRow:
        return _quadratic_row(self.coefficients, (), self.sense, self.bound)


def linear(coefficients: Mapping[str, float], sense: Sense, bound: float) -> Linear:
    """A linear inequality or equality over numbers: sum of coefficient x value, against a bound.

    Inequalities hold as Python computes them; equalities up to 1e-9 of the bound.

    Args:
        coefficients: By parameter name, in the parameter's own units (not their logarithm).
        sense: ``"<="``, ``"=="`` or ``">="``.
        bound: The right-hand side.

    Example:
        >>> linear({"x": 1.0, "y": 1.0}, "<=", 100)
        linear({'x': 1.0, 'y': 1.0}, '<=', 100)
    """
    _check("linear", coefficients, sense, bound)
    for name in coefficients:
        if not isinstance(name, str):
            raise QhpoError(
                f"linear takes coefficients by parameter name; got {name!r}; use quadratic for "
                "products of two"
            )
    return Linear(tuple(coefficients.items()), sense, bound)


@dataclass(frozen=True, repr=False)
class Quadratic(Constraint):
    """A sum of products against a bound. See `quadratic`."""

    coefficients: tuple[tuple[str | tuple[str, str], float], ...]
    sense: Sense
    bound: float

    def __repr__(self) -> str:
        return f"quadratic({dict(self.coefficients)!r}, {self.sense!r}, {self.bound!r})"

    @property
    def names(self) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for key, _ in self.coefficients:
            names.update(dict.fromkeys((key,) if isinstance(key, str) else key))
        return tuple(names)

    @property
    def is_numeric(self) -> bool:
        return True

    @property
    def statements(self) -> tuple[Statement, ...]:
        terms, products = [], []
        for key, a in self.coefficients:
            if isinstance(key, str):
                terms.append((key, partial(_scaled, a)))
            elif key[0] == key[1]:
                terms.append((key[0], partial(_square, a)))
            else:
                products.append((*key, partial(_product, a)))
        return (Sum(tuple(terms), tuple(products), *_bounds(self.sense, self.bound)),)

    @property
    def linear_row(self) -> LinearRow | None:
        row = self.quadratic_row
        return None if row.products else LinearRow(row.coefficients, row.lower, row.upper)

    @property
    def quadratic_row(self) -> QuadraticRow:
        terms = tuple((key, a) for key, a in self.coefficients if isinstance(key, str))
        products = tuple((*key, a) for key, a in self.coefficients if not isinstance(key, str))
        return _quadratic_row(terms, products, self.sense, self.bound)


def _quadratic_row(
    coefficients: tuple[tuple[str, float], ...],
    products: tuple[tuple[str, str, float], ...],
    sense: Sense,
    bound: float,
) -> QuadraticRow:
    lower, upper = _bounds(sense, bound)
    return QuadraticRow(coefficients, products, lower, upper, Sum((), (), lower, upper).tolerance)


def quadratic(
    coefficients: Mapping[str | tuple[str, str], float] | Mapping[tuple[str, str], float],
    sense: Sense,
    bound: float,
) -> Quadratic:
    """A budget over products of numbers, such as a network's number of weights.

    Args:
        coefficients: By pair of parameter names; a single name stands for a linear term.
        sense: ``"<="``, ``"=="`` or ``">="``.
        bound: The right-hand side.

    Example:
        >>> quadratic({("w1", "w2"): 1, ("w2", "w3"): 1}, "<=", 20_000)
        quadratic({('w1', 'w2'): 1, ('w2', 'w3'): 1}, '<=', 20000)
    """
    _check("quadratic", coefficients, sense, bound)
    keys: list[object] = list(coefficients)
    for key in keys:
        is_pair = isinstance(key, tuple) and [type(name) for name in key] == [str, str]
        if not isinstance(key, str) and not is_pair:
            raise QhpoError(
                "quadratic takes coefficients by pair of parameter names, or by one name for a "
                f"linear term; got {key!r}"
            )
    return Quadratic(tuple(coefficients.items()), sense, bound)


def _check(what: str, coefficients: object, sense: object, bound: object) -> None:
    if not isinstance(coefficients, Mapping) or not coefficients:
        raise QhpoError(f"{what} takes a mapping with at least one term; got {coefficients!r}")
    for number in (*coefficients.values(), bound):
        if not is_finite_number(number):
            raise QhpoError(
                f"{what} takes finite numbers as coefficients and bound; got {number!r}"
            )
    if sense not in _SENSES:
        raise QhpoError(f"{what} compares by one of {', '.join(_SENSES)}; got {sense!r}")
