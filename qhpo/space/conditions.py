"""Which parameter is active when, as a user declares it.

Glossary
--------
child, parent
    A parameter that some configurations do not have, and one whose value decides that.
condition
    The child is active where every parent is active and has one of its enabling values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.errors import QhpoError

__all__ = [
    "Between",
    "Condition",
    "Enabling",
    "can_take",
    "declared_conditions",
    "is_same",
    "parents_first",
]

_ANY = (-math.inf, math.inf)
"""Limits that every number keeps."""


def is_same(value: Any, written: Any) -> bool:
    """Whether a parameter's value is the one that a user has written.

    The third value of a float with step 0.1 is 3 * 0.1, which is not 0.3.
    """
    if isinstance(value, float) and isinstance(written, (int, float)):
        return math.isclose(value, written, rel_tol=1e-9, abs_tol=1e-14)
    return bool(value == written)


@dataclass(frozen=True, repr=False)
class Between:
    """All numbers from one to another, for a parent of which they let a child be active.

    Both ends are among them: ``Between(low=math.nextafter(0.01, 1.0))`` is all above 0.01.

    Example:
        >>> 0.1 in Between(0.01, 0.1)
        True
        >>> Between(low=0.01)
        Between(low=0.01)

    Attributes:
        low: The least one; minus infinity for no end.
        high: The largest one; infinity for no end.

    Raises:
        QhpoError: If an end is no number, or no number lies between them.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not (_is_number(self.low) and _is_number(self.high) and self.low <= self.high):
            raise QhpoError(
                "Between takes two numbers, the smaller one first; got "
                f"{self.low!r} and {self.high!r}; correct them, or leave one out for no end"
            )

    def __repr__(self) -> str:
        ends = {"low": self.low, "high": self.high}
        shown = [f"{name}={end!r}" for name, end in ends.items() if math.isfinite(end)]
        return f"Between({', '.join(shown)})"

    def __contains__(self, value: Any) -> bool:
        return _is_number(value) and bool(self.low <= value <= self.high)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class Enabling:
    """The values of a parent that let a child be active.

    Attributes:
        parent: Name of the parent.
        values: Enabling values; None if all within the limits are.
        limits: Least and largest enabling number; for numbers only.
    """

    parent: str
    values: tuple[Any, ...] | None
    limits: tuple[float, float] = _ANY

    def holds(self, value: Any) -> bool:
        """Whether a value of the parent is an enabling one."""
        if self.values is not None:
            return any(is_same(value, enabling) for enabling in self.values)
        return bool(self.limits[0] <= value <= self.limits[1])


@dataclass(frozen=True)
class Condition:
    """A child that is active where all of its parents enable it.

    Attributes:
        child: Name of the child.
        parents: Enabling values by parent.
    """

    child: str
    parents: tuple[Enabling, ...]

    def is_active(self, params: Mapping[str, Any]) -> bool:
        """Whether the child is active, given the values of all active parameters."""
        return all(p.parent in params and p.holds(params[p.parent]) for p in self.parents)


def declared_conditions(
    conditions: object, search_space: Mapping[str, BaseDistribution]
) -> tuple[Condition, ...]:
    """Conditions as a user writes them: ``{"units_3": {"n_layers": [3, 4]}}``.

    Args:
        conditions: Enabling value, or collection of them, or `Between` for numbers, by parent, by
            child.
        search_space: Optuna distributions by parameter name.

    Raises:
        QhpoError: If a name is not in the search space, a parent cannot take the value, or a
            parameter would be its own ancestor.
    """
    if not isinstance(conditions, Mapping):
        raise QhpoError(
            'conditions must be a mapping such as {"units_3": {"n_layers": [3, 4]}}; '
            f"got {conditions!r}"
        )
    result = []
    for child, parents in conditions.items():
        if not isinstance(parents, Mapping) or not parents:
            raise QhpoError(
                "a condition must map parents to their enabling values, such as "
                f'{{"n_layers": [3, 4]}}; got {parents!r} for {child!r}'
            )
        enabling = []
        for name in (child, *parents):
            if name not in search_space:
                raise QhpoError(
                    f"conditions must name parameters of the search space; got {name!r}; the "
                    f"space has: {', '.join(sorted(search_space)) or 'none'}"
                )
        for parent, values in parents.items():
            dist = search_space[parent]
            if isinstance(values, Between):
                enabling.append(_limited(child, parent, dist, values))
            else:
                enabling.append(_listed(child, parent, dist, values))
        result.append(Condition(child, tuple(enabling)))
    parents_first({c.child: c for c in result}, list(search_space))
    return tuple(result)


def _listed(child: str, parent: str, distribution: BaseDistribution, values: Any) -> Enabling:
    """A value of the parent, or a collection of them."""
    is_one = not isinstance(values, (list, tuple, set, frozenset, range))
    chosen = (values,) if is_one else tuple(values)
    if not chosen:
        raise QhpoError(
            f"a condition must name at least one enabling value of each parent; got {values!r} of "
            f"{parent!r} for {child!r}"
        )
    for value in chosen:
        if not can_take(distribution, value):
            raise QhpoError(
                f"a condition must name values that the parent can take; got {value!r} of "
                f"{parent!r} for {child!r}; {parent!r} has {distribution}"
            )
    return Enabling(parent, chosen)


def _limited(child: str, parent: str, distribution: BaseDistribution, limits: Between) -> Enabling:
    """All numbers of the parent within some limits."""
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise QhpoError(
            f"limits of a condition need a parent that is a number; got {limits!r} of {parent!r} "
            f"for {child!r}; {parent!r} has {distribution}; list the enabling choices"
        )
    low, high = max(limits.low, distribution.low), min(limits.high, distribution.high)
    if distribution.step is not None:
        # The first value of the parent from there on.
        steps = math.ceil((low - distribution.low) / distribution.step)
        low = distribution.low + steps * distribution.step
    if low > high:
        raise QhpoError(
            f"a condition must hold for some value of its parent; got {limits!r} of {parent!r} for "
            f"{child!r}; {parent!r} has {distribution}; choose limits inside of its range"
        )
    return Enabling(parent, None, (limits.low, limits.high))


def can_take(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a parameter can take the value that a user has written."""
    try:
        internal = distribution.to_internal_repr(value)
        # Optuna reads numbers from strings, which no value of the parameter would equal.
        is_text = isinstance(value, str) and not isinstance(distribution, CategoricalDistribution)
        return bool(distribution._contains(internal)) and not is_text
    except (TypeError, ValueError):
        return False


def parents_first(conditions: Mapping[str, Condition], names: Sequence[str]) -> list[str]:
    """The names, parents before children.

    Raises:
        QhpoError: If a parameter is its own ancestor.
    """
    order: list[str] = []
    under_way: set[str] = set()

    def visit(name: str) -> None:
        if name in order:
            return
        if name in under_way:
            raise QhpoError(f"a parameter must not depend on itself; got a cycle through {name!r}")
        under_way.add(name)
        if name in conditions:
            for enabling in conditions[name].parents:
                visit(enabling.parent)
        under_way.discard(name)
        order.append(name)

    for name in names:
        visit(name)
    return order
