"""Constraints on which values may stand together: forbid, requires, relation, predicate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from qhpo.constraints.base import Asked, Constraint, Predicate, Relation, Statement, Sum
from qhpo.errors import QhpoError
from qhpo.space import is_same

__all__ = [
    "Alternatives",
    "BlackBoxPredicate",
    "Forbid",
    "RelationConstraint",
    "Requires",
    "alternatives",
    "are_different_names",
    "forbid",
    "is_one_of",
    "predicate",
    "relation",
    "requires",
    "written",
]

_ABSENT = "it gets one mapping of names to values, from which inactive parameters are absent"

Alternatives = tuple[tuple[str, tuple[Any, ...]], ...]
"""Parameter names with the values that count for each."""


def alternatives(values: object, what: str) -> Alternatives:
    """One value or a collection of values by parameter name, as an immutable tuple.

    Args:
        values: A list, tuple, set or range stands for any one of its elements.
        what: Names the constraint in error messages.

    Raises:
        QhpoError: If there is no parameter, or none of the values is left for one.
    """
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise QhpoError(f"{what} takes values by parameter name; got {values!r}")
    if not values:
        raise QhpoError(f"{what} needs at least one parameter; got none")
    result = []
    for name, value in values.items():
        if isinstance(value, (set, frozenset)):
            several = tuple(sorted(value, key=repr))
        elif isinstance(value, (list, tuple, range)):
            several = tuple(value)
        else:
            several = (value,)
        if not several:
            raise QhpoError(f"{what} needs at least one value of {name!r}; got {value!r}")
        result.append((name, several))
    return tuple(result)


def is_one_of(allowed: tuple[Any, ...], value: Any) -> float:
    """1 if the value is among the allowed ones, else 0."""
    return float(any(is_same(value, one) for one in allowed))


def _is_none_of(allowed: tuple[Any, ...], value: Any) -> float:
    return 1.0 - is_one_of(allowed, value)


def written(pairs: Alternatives) -> str:
    """Names and values as the arguments of a mapping."""
    texts = (f"{n!r}: {v[0]!r}" if len(v) == 1 else f"{n!r}: {list(v)!r}" for n, v in pairs)
    return "{" + ", ".join(texts) + "}"


def are_different_names(names: Sequence[object]) -> bool:
    """Whether all are strings, none of them twice."""
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _pairs(named: Alternatives) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, values in named for value in values)


@dataclass(frozen=True, repr=False)
class Forbid(Constraint):
    """Values that must not stand together. See `forbid`."""

    forbidden: Alternatives

    def __repr__(self) -> str:
        return f"forbid({written(self.forbidden)})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.forbidden)

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        return _pairs(self.forbidden)

    @property
    def statements(self) -> tuple[Statement, ...]:
        terms = tuple((name, partial(is_one_of, values)) for name, values in self.forbidden)
        return (Sum(terms, (), -float("inf"), len(terms) - 1.0),)


def forbid(values: Mapping[str, Any] | None = None, /, **named: Any) -> Forbid:
    """Values that must not stand together in one configuration.

    Args:
        values: Value, or a collection of alternative values, by parameter name.
        **named: The same, for names that are Python identifiers.

    Example:
        >>> forbid(optimizer="sgd", amsgrad=True)
        forbid({'optimizer': 'sgd', 'amsgrad': True})
    """
    if isinstance(values, Mapping) or values is None:
        values = {**(values or {}), **named}
    return Forbid(alternatives(values, "forbid"))


@dataclass(frozen=True, repr=False)
class Requires(Constraint):
    """An implication. See `requires`."""

    premise: Alternatives
    conclusion: Alternatives

    def __repr__(self) -> str:
        return f"requires({written(self.premise)}, {written(self.conclusion)})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in (*self.premise, *self.conclusion))

    @property
    def values(self) -> tuple[tuple[str, Any], ...]:
        return _pairs((*self.premise, *self.conclusion))

    @property
    def statements(self) -> tuple[Statement, ...]:
        premise = tuple((name, partial(is_one_of, values)) for name, values in self.premise)
        # Not all of the premise together with a value that the conclusion does not allow.
        return tuple(
            Sum(
                (*premise, (name, partial(_is_none_of, values))),
                (),
                -float("inf"),
                float(len(premise)),
            )
            for name, values in self.conclusion
        )


def requires(premise: Mapping[str, Any], conclusion: Mapping[str, Any]) -> Requires:
    """Where all of the premise holds, all of the conclusion must hold.

    Args:
        premise: Value, or a collection of alternative values, by parameter name.
        conclusion: The same.

    Example:
        >>> requires({"pool": "attention"}, {"heads": [2, 4, 8]})
        requires({'pool': 'attention'}, {'heads': [2, 4, 8]})
    """
    if_part, then_part = alternatives(premise, "requires"), alternatives(conclusion, "requires")
    both = {name for name, _ in if_part} & {name for name, _ in then_part}
    if both:
        raise QhpoError(
            "requires takes different parameters in its premise and its conclusion; "
            f"got {', '.join(sorted(both))} in both; use forbid for values of one parameter"
        )
    return Requires(if_part, then_part)


@dataclass(frozen=True, repr=False)
class RelationConstraint(Constraint):
    """A predicate of some parameters. See `relation`."""

    between: tuple[str, ...]
    accepts: Callable[..., object]

    def __repr__(self) -> str:
        return f"relation({self.between!r}, {_name(self.accepts)})"

    @property
    def names(self) -> tuple[str, ...]:
        return self.between

    @property
    def statements(self) -> tuple[Statement, ...]:
        return (Relation(self.between, self._asked),)

    @cached_property
    def _asked(self) -> Asked:
        # One object: its answers are remembered by its identity.
        advice = f"it gets the values of {', '.join(self.between)}, in that order"
        return Asked(self, self.accepts, advice)


def relation(names: Iterable[str], accepts: Callable[..., object]) -> RelationConstraint:
    """Any predicate of a few parameters, turned into its truth table where that is small.

    Args:
        names: Two or more parameters, or one.
        accepts: Takes their values in that order; whether they may stand together. Where one of
            them is inactive it is not asked. Must depend on nothing else.

    Example:
        >>> relation(("width_2", "width_1"), max)
        relation(('width_2', 'width_1'), max)
    """
    between = (names,) if isinstance(names, str) or not isinstance(names, Iterable) else (*names,)
    if not between or not are_different_names(between):
        raise QhpoError(f"relation takes one or more different parameter names; got {between!r}")
    _check_callable("relation", accepts)
    return RelationConstraint(between, accepts)


@dataclass(frozen=True, repr=False)
class BlackBoxPredicate(Constraint):
    """A predicate of whole configurations. See `predicate`."""

    accepts: Callable[[Mapping[str, Any]], object]

    def __repr__(self) -> str:
        return f"predicate({_name(self.accepts)})"

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    @property
    def statements(self) -> tuple[Statement, ...]:
        return (Predicate(Asked(self, self.accepts, _ABSENT)),)


def predicate(accepts: Callable[[Mapping[str, Any]], object]) -> BlackBoxPredicate:
    """Any Python function of a configuration. The last resort: `relation` is searched better.

    Args:
        accepts: Takes the values of the active parameters by name; whether the configuration is
            allowed. Must depend on nothing else.

    Example:
        >>> predicate(bool).satisfied({"a": 1})
        True
    """
    _check_callable("predicate", accepts)
    return BlackBoxPredicate(accepts)


def _check_callable(what: str, accepts: object) -> None:
    if not callable(accepts):
        raise QhpoError(f"{what} takes a function that says what is allowed; got {accepts!r}")


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", None) or repr(function)
