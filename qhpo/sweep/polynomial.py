"""Comparisons of numbers as polynomials: what linear and quadratic constraints are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from qhpo.sweep.nodes import Arithmetic, Comparison, Constant, Function, Node, Parameter

__all__ = ["Bounded", "bounded"]

_DEGREE = 2
"""Highest degree that a constraint of numbers can have."""

_MIRRORED: Mapping[str, str] = MappingProxyType(
    {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
)

_Terms = dict[tuple[str, ...], float]
"""Coefficients by the parameters of a product, sorted; by nothing for the constant."""


@dataclass(frozen=True)
class Bounded:
    """A sum of products of up to two numbers, compared with a number.

    Attributes:
        terms: The products, as their parameters, with their coefficients.
        comparison: Such as ``<=``.
        bound: What the sum is compared with.
    """

    terms: tuple[tuple[tuple[str, ...], float], ...]
    comparison: str
    bound: float

    @property
    def is_linear(self) -> bool:
        """Whether no product has two factors."""
        return all(len(product) == 1 for product, _ in self.terms)

    @property
    def is_whole(self) -> bool:
        """Whether coefficients and bound are whole numbers."""
        return all(float(n).is_integer() for n in (self.bound, *(a for _, a in self.terms)))

    def of_active(self, params: Mapping[str, Any]) -> float:
        """The sum, without the products of inactive parameters."""
        total: float = 0
        for product, coefficient in self.terms:
            if all(name in params for name in product):
                value = coefficient
                for name in product:
                    value *= params[name]
                total += value
        return total


def bounded(node: Comparison) -> Bounded | None:
    """A comparison of numbers as a bounded sum, if it is one."""
    left, right = _terms(node.left), _terms(node.right)
    if left is None or right is None:
        return None
    comparison = node.comparison
    if not node.left.names:
        left, right, comparison = right, left, _MIRRORED[comparison]
    terms = _sum(left, right, -1)
    bound = -terms.pop((), 0)
    terms = {product: a for product, a in terms.items() if a != 0}
    if not terms:
        return None
    return Bounded(tuple(terms.items()), comparison, bound)


def _sum(left: _Terms, right: _Terms, sign: float) -> _Terms:
    result = dict(left)
    for product, coefficient in right.items():
        result[product] = result.get(product, 0) + sign * coefficient
    return result


def _terms(node: Node) -> _Terms | None:
    if isinstance(node, Constant):
        return {(): node.constant} if isinstance(node.constant, (int, float)) else None
    if isinstance(node, Parameter):
        return {(node.name,): 1}
    if isinstance(node, Function) and node.function == "sum":
        result: _Terms = {}
        for each in node.arguments:
            terms = _terms(each)
            if terms is None:
                return None
            result = _sum(result, terms, 1)
        return result
    if isinstance(node, Arithmetic):
        return _operated(node)
    return None


def _operated(node: Arithmetic) -> _Terms | None:
    left, right = _terms(node.left), _terms(node.right)
    if left is None or right is None:
        return None
    if node.operation in ("+", "-"):
        return _sum(left, right, 1 if node.operation == "+" else -1)
    if node.operation == "*":
        return _product(left, right)
    number = right.get((), 0) if set(right) <= {()} else None
    if node.operation == "/" and number:
        return {product: a / number for product, a in left.items()}
    if node.operation == "**" and number == _DEGREE:
        return _product(left, left)
    return None


def _product(left: _Terms, right: _Terms) -> _Terms | None:
    result: _Terms = {}
    for first, a in left.items():
        for second, b in right.items():
            product = tuple(sorted((*first, *second)))
            if len(product) > _DEGREE:
                return None
            result[product] = result.get(product, 0) + a * b
    return result
