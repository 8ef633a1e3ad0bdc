"""What a constraint is, and the statements that every kind of constraint is made of.

Glossary
--------
params
    A configuration as Optuna writes it: a value for every active parameter. A parameter that a
    configuration does not have breaks nothing: sums leave it out, relations hold.
statement
    What must hold, in one of three forms.
Sum
    lower <= sum_i f_i(x_i) + sum_{i<j} g_ij(x_i, x_j) <= upper. Counts, linear and quadratic
    constraints and forbidden tuples are sums.
Relation
    A predicate of a few named parameters, a truth table once they have levels.
Predicate
    A predicate of whole configurations: a black box.
Asked
    A user's function together with the constraint that it belongs to.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import dimod
from optuna.distributions import BaseDistribution

from qhpo.errors import QhpoError
from qhpo.forms.rules import Rules
from qhpo.space import Space, can_take

__all__ = [
    "Asked",
    "Constraint",
    "LinearRow",
    "Predicate",
    "QuadraticRow",
    "Relation",
    "Statement",
    "Sum",
    "is_finite_number",
]

_EQUALITY_TOLERANCE = 1e-9
"""Numbers are equal if they differ by no more than this, relative to their size (at least 1): much
more than floats lose in sums of decimal fractions, and much less than a user means."""


@dataclass(frozen=True)
class Sum:
    """lower <= the sum of terms and products <= upper.

    Attributes:
        terms: Parameter names with what their value contributes.
        products: Pairs of parameter names with what their two values contribute together.
        lower: Least allowed sum; minus infinity for none.
        upper: Largest allowed sum; infinity for none.
    """

    terms: tuple[tuple[str, Callable[[Any], float]], ...]
    products: tuple[tuple[str, str, Callable[[Any, Any], float]], ...]
    lower: float
    upper: float

    @property
    def tolerance(self) -> float:
        """How far an equality may be off; 0 for inequalities, which hold as Python computes."""
        if self.lower < self.upper:
            return 0.0
        return _EQUALITY_TOLERANCE * max(1.0, abs(self.upper))

    def total(self, params: Mapping[str, Any]) -> float:
        """The sum over the parameters that the configuration has."""
        total = 0.0
        for name, term in self.terms:
            if name in params:
                total += term(params[name])
        for first, second, product in self.products:
            if first in params and second in params:
                total += product(params[first], params[second])
        return total

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the sum is within its bounds."""
        total = self.total(params)
        return self.lower - self.tolerance <= total <= self.upper + self.tolerance

    def compile(self, rules: Rules) -> None:
        """Adds the statement to the rules of a search."""
        if not rules.add_sum(self.terms, self.products, self.lower, self.upper, self.tolerance):
            rules.add_black_box(self)


@dataclass(frozen=True)
class Relation:
    """A predicate of some parameters.

    Attributes:
        names: The parameters, in the order of the predicate's arguments.
        accepts: The predicate.
    """

    names: tuple[str, ...]
    accepts: Callable[..., object]

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the predicate accepts the configuration, or one of its parameters is absent."""
        if any(name not in params for name in self.names):
            return True
        return bool(self.accepts(*(params[name] for name in self.names)))

    def compile(self, rules: Rules) -> None:
        """Adds the statement to the rules of a search."""
        if not rules.add_relation(self.names, self.accepts):
            rules.add_black_box(self)


@dataclass(frozen=True)
class Predicate:
    """A predicate of a whole configuration, which nothing but calling it tells anything about.

    Attributes:
        accepts: The predicate; gets a mapping of parameter names to values.
    """

    accepts: Callable[[Mapping[str, Any]], object]

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the predicate accepts the configuration."""
        return bool(self.accepts(params))

    def compile(self, rules: Rules) -> None:
        """Adds the statement to the rules of a search."""
        rules.add_black_box(self)


Statement = Sum | Relation | Predicate


@dataclass(frozen=True)
class Asked:
    """A user's function that says what is allowed; where it fails, the error names its constraint.

    Attributes:
        constraint: The constraint that it belongs to.
        function: The function.
        advice: What its arguments are, for the error.
    """

    constraint: Constraint
    function: Callable[..., object]
    advice: str

    def __call__(self, *arguments: Any) -> bool:
        """Whether the function accepts the arguments.

        Raises:
            QhpoError: If it raises an error, or its answer is neither true nor false.
        """
        try:
            return bool(self.function(*arguments))
        except Exception as error:
            shown = ", ".join(map(repr, arguments))
            raise QhpoError(
                f"the function of a constraint must say of all values whether they are allowed; "
                f"that of {self.constraint} raised {type(error).__name__}: {error} for ({shown}); "
                f"{self.advice}"
            ) from error


@dataclass(frozen=True)
class LinearRow:
    """lower <= sum of coefficients x numbers <= upper.

    Attributes:
        coefficients: By parameter name.
        lower: Least allowed sum; minus infinity for none.
        upper: Largest allowed sum; infinity for none.
    """

    coefficients: tuple[tuple[str, float], ...]
    lower: float
    upper: float


@dataclass(frozen=True)
class QuadraticRow:
    """lower <= sum of coefficients x numbers + sum of coefficients x products of two <= upper.

    Attributes:
        coefficients: By parameter name.
        products: Two parameter names, which may be the same, and the coefficient of their product.
        lower: Least allowed sum; minus infinity for none.
        upper: Largest allowed sum; infinity for none.
        tolerance: How far an equality may be off; 0 for inequalities.
    """

    coefficients: tuple[tuple[str, float], ...]
    products: tuple[tuple[str, str, float], ...]
    lower: float
    upper: float
    tolerance: float


class Constraint(ABC):
    """A rule that every configuration must keep; immutable.

    The truth is `satisfied`; everything else is made from `statements`.
    """

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of the parameters that take part; empty if all may."""

    @property
    @abstractmethod
    def statements(self) -> tuple[Statement, ...]:
        """What must hold, all of it."""

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        """Names and values that the constraint speaks of, which the search space must have."""
        return ()

    @property
    def is_numeric(self) -> bool:
        """Whether the parameters must be numbers."""
        return False

    @property
    def linear_row(self) -> LinearRow | None:
        """The constraint as a row of a linear program over numbers, if it is one."""
        return None

    @property
    def quadratic_row(self) -> QuadraticRow | None:
        """The constraint as a sum that is quadratic in every number, or linear, if it is one."""
        return None

    def satisfied(self, params: Mapping[str, Any]) -> bool:
        """Whether a configuration keeps this rule.

        Args:
            params: Values by parameter name. Parameters that are absent break nothing.
        """
        return all(statement.holds(params) for statement in self.statements)

    def penalty(self, search_space: Mapping[str, BaseDistribution]) -> dimod.DiscreteQuadraticModel:
        """The constraint as a quadratic model over the levels of its parameters.

        Args:
            search_space: Optuna distributions by parameter name.

        Returns:
            A model whose variables are the parameters, sorted by name, with a case per level, and
            auxiliary ones labelled ``"aux:0"`` and so on. Its energy, minimized over the auxiliary
            variables, is 0 where the constraint is satisfied and at least 1 elsewhere.

        Raises:
            QhpoError: If the constraint does not fit the space, or has no exact quadratic form.
        """
        self.check(search_space)
        names = sorted(self.names or search_space)
        space = Space({name: search_space[name] for name in names})
        rules = Rules(space, [self], [axis.coordinates for axis in space.axes])
        return rules.exact_penalty().to_dqm(names)

    def compile(self, rules: Rules) -> None:
        """Adds all that must hold to the rules of a search."""
        for statement in self.statements:
            statement.compile(rules)

    def check(self, search_space: Mapping[str, BaseDistribution]) -> None:
        """Raises an error if the constraint does not fit a search space.

        Args:
            search_space: Optuna distributions by parameter name.

        Raises:
            QhpoError: If a parameter is not in the space, cannot take a value that the constraint
                names, or is no number where numbers are summed.
        """
        for name in self.names:
            if name not in search_space:
                raise QhpoError(
                    f"every parameter of a constraint must be in the search space; got {name!r} in "
                    f"{self}; the space has: {', '.join(sorted(search_space)) or 'none'}"
                )
            if self.is_numeric and not _is_numeric(search_space[name]):
                raise QhpoError(
                    f"the parameters of {self} must be numbers; got {search_space[name]} for "
                    f"{name!r}; use a relation or a predicate for choices"
                )
        for name, value in self.values:
            if not can_take(search_space[name], value):
                raise QhpoError(
                    f"a constraint must name values that the parameter can take; got {name!r} = "
                    f"{value!r} in {self}; the parameter has {search_space[name]}"
                )


def is_finite_number(value: object) -> bool:
    """Whether a value is a number that a float can hold; truth values are 0 and 1."""
    try:
        return isinstance(value, Real) and math.isfinite(value)
    except OverflowError:
        return False


def _is_numeric(distribution: BaseDistribution) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is None:
        return True
    return all(map(is_finite_number, choices))
