"""Rules of a sweep file as constraints of `qhpo.constraints`.

What a rule says where one of its parameters is inactive follows `qhpo.constraints`:

- a sum or a product of several numbers that is compared with a number leaves it out;
- ``exactly``, ``at_most``, ``at_least`` do not count it, ``all_different`` leaves it out;
- any other rule says nothing: the configuration keeps it.

Rules joined by ``and`` are rules of their own. `keeps` is this meaning, and every constraint that
is made here has it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from qhpo.constraints import (
    Constraint,
    all_different,
    at_least,
    at_most,
    exactly,
    forbid,
    linear,
    predicate,
    quadratic,
    relation,
)
from qhpo.errors import QhpoError
from qhpo.space import Axis
from qhpo.sweep.expression import Vocabulary, parse
from qhpo.sweep.nodes import All, Comparison, Counted, Different, Node, Parameter, Some
from qhpo.sweep.polynomial import Bounded, bounded

__all__ = ["compile_rule", "keeps", "values_of"]

_MOST_VALUES = 256
"""Most values of one parameter that are written out, in a constraint or in a condition."""

_MOST_TUPLES = 60_000
"""Largest truth table of several parameters: what `qhpo.forms` tabulates at most."""

_CARDINALITY = {"exactly": exactly, "at_most": at_most, "at_least": at_least}


def keeps(rule: Node, params: Mapping[str, Any]) -> bool:
    """Whether a configuration keeps a rule.

    Args:
        rule: What `qhpo.sweep.expression.parse` made of its text.
        params: Values of the active parameters by name.
    """
    if isinstance(rule, All):
        return all(keeps(part, params) for part in rule.parts)
    if isinstance(rule, (Counted, Different)) or all(name in params for name in rule.names):
        return bool(rule.value(params))
    found = _summed(rule)
    if found is None:
        return True
    total, bound = found.of_active(params), found.bound
    return {
        "<": total < bound,
        "<=": total <= bound,
        ">": total > bound,
        ">=": total >= bound,
        "==": math.isclose(total, bound, rel_tol=1e-9, abs_tol=1e-9),
    }[found.comparison]


def _summed(rule: Node) -> Bounded | None:
    """A sum of several numbers compared with a number, of which inactive ones are left out."""
    if not isinstance(rule, Comparison) or rule.comparison == "!=" or len(rule.names) < 2:
        return None
    if rule.left.names and rule.right.names:
        return None
    return bounded(rule)


@dataclass(frozen=True)
class _Kept:
    """A rule as a function of a configuration; shown as its text."""

    rule: Node
    text: str

    def __call__(self, params: Mapping[str, Any]) -> bool:
        return keeps(self.rule, params)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Accepted:
    """A rule as a function of the values of its parameters; shown as its text."""

    rule: Node
    names: tuple[str, ...]
    text: str

    def __call__(self, *values: Any) -> bool:
        return bool(self.rule.value(dict(zip(self.names, values, strict=True))))

    def __repr__(self) -> str:
        return self.text


def values_of(distribution: BaseDistribution, most: int = _MOST_VALUES) -> list[Any] | None:
    """All values of a parameter, if they are few."""
    axis = Axis.from_distribution("", distribution)
    if axis.n_values > most:
        return None
    return [axis.value(coordinate) for coordinate in axis.every_coordinate().tolist()]


def compile_rule(
    written: object, where: str, vocabulary: Vocabulary, conditional: Collection[str]
) -> list[Constraint]:
    """The constraints that a rule stands for.

    Args:
        written: The text.
        where: Its key.
        vocabulary: What it may name.
        conditional: Parameters that may be inactive.

    Raises:
        QhpoError: As `parse`, or if the rule speaks of no parameter.
    """
    rule = parse(written, where, vocabulary)
    compiler = _Compiler(vocabulary.search_space, conditional, " ".join(str(written).split()))
    result: list[Constraint] = []
    for part in _joined(rule):
        if not part.names:
            always = "always" if part.value({}) else "never"
            raise QhpoError(
                f"{where} must speak of parameters that are searched; got {written!r}, a part of "
                f"which {always} holds; leave that part out"
            )
        result.append(compiler.constraint(part))
    try:
        for constraint in result:
            constraint.check(vocabulary.search_space)
    except QhpoError as error:
        raise QhpoError(f"{where}: {error}") from error
    return result


def _joined(rule: Node) -> Iterator[Node]:
    """The rules that `and` joins."""
    if isinstance(rule, All):
        for part in rule.parts:
            yield from _joined(part)
    else:
        yield rule


class _Compiler:
    """Finds the form of each rule that is searched best."""

    def __init__(
        self, space: Mapping[str, BaseDistribution], conditional: Collection[str], text: str
    ) -> None:
        self._space = space
        self._conditional = conditional
        self._text = text

    def constraint(self, rule: Node) -> Constraint:
        if isinstance(rule, Counted):
            return self._counted(rule) or self._asked(rule)
        if isinstance(rule, Different):
            names = [part.name for part in rule.parts if isinstance(part, Parameter)]
            is_plain = len(set(names)) == len(rule.parts)
            return all_different(*names) if is_plain else self._asked(rule)
        if isinstance(rule, Some) and (clause := self._clause(rule)):
            return clause
        if isinstance(rule, Comparison):
            return self._table(rule) or self._sum(rule) or self._asked(rule)
        return self._asked(rule)

    def _leaves_out(self, rule: Node) -> bool:
        """Whether it says something where a parameter is inactive, which a table does not."""
        is_partial = isinstance(rule, (Counted, Different)) or _summed(rule) is not None
        return is_partial and any(name in self._conditional for name in rule.names)

    def _table(self, rule: Node) -> Constraint | None:
        """A truth table of one or two parameters of few values."""
        names = rule.names
        if len(names) > 2 or self._leaves_out(rule):
            return None
        axes = [Axis.from_distribution(n, self._space[n]) for n in names]
        # Of numbers with values between their levels a row tells more than a table.
        if not all(axis.is_exhaustive for axis in axes):
            return None
        return relation(names, _Accepted(rule, names, self._text))

    def _sum(self, rule: Comparison) -> Constraint | None:
        found = bounded(rule)
        if found is None or found.comparison == "!=":
            return None
        # A row leaves out what is inactive, and so it may be taken only where the rule does too.
        is_partial = any(name in self._conditional for name in rule.names)
        if is_partial and _summed(rule) is None:
            return None
        sense, bound = found.comparison, found.bound
        if sense in ("<", ">"):
            sign = -1 if sense == "<" else 1
            if found.is_whole and all(map(self._is_whole, rule.names)):
                bound += sign
            else:
                # Sums are compared as Python computes them: below is up to the float before.
                bound = math.nextafter(bound, sign * math.inf)
            sense = f"{sense}="
        if not math.isfinite(bound) or not all(math.isfinite(a) for _, a in found.terms):
            return None
        if found.is_linear:
            return linear({names[0]: a for names, a in found.terms}, sense, bound)  # type: ignore[arg-type]
        terms: dict[str | tuple[str, str], float] = {
            names[0] if len(names) == 1 else (names[0], names[1]): a for names, a in found.terms
        }
        return quadratic(terms, sense, bound)  # type: ignore[arg-type]

    def _is_whole(self, name: str) -> bool:
        distribution = self._space[name]
        if isinstance(distribution, CategoricalDistribution):
            return all(isinstance(choice, int) for choice in distribution.choices)
        return isinstance(distribution, IntDistribution)

    def _counted(self, rule: Counted) -> Constraint | None:
        counted: dict[str, list[Any]] = {}
        for part in rule.parts:
            names = part.names
            values = self._holding(part) if len(names) == 1 else None
            if not values or names[0] in counted:
                return None
            counted[names[0]] = values
        return _CARDINALITY[rule.how](rule.count, counted)

    def _clause(self, rule: Some) -> Constraint | None:
        """Tests of single parameters of which one must hold: not all may fail together."""
        forbidden: dict[str, list[Any]] = {}
        for part in rule.parts:
            names = part.names
            values = values_of(self._space[names[0]]) if len(names) == 1 else None
            if values is None:
                return None
            failing = [v for v in values if not part.value({names[0]: v})]
            before = forbidden.get(names[0])
            both = failing if before is None else [v for v in before if v in failing]
            forbidden[names[0]] = both
        if len(forbidden) < 2 or not all(forbidden.values()):
            return None
        return forbid({name: v[0] if len(v) == 1 else v for name, v in forbidden.items()})

    def _holding(self, part: Node) -> list[Any] | None:
        (name,) = part.names
        values = values_of(self._space[name])
        return None if values is None else [v for v in values if part.value({name: v})]

    def _asked(self, rule: Node) -> Constraint:
        """A truth table where it is small, else asked about every candidate."""
        if not self._leaves_out(rule):
            levels = [Axis.from_distribution(n, self._space[n]).n_levels for n in rule.names]
            if math.prod(levels) <= _MOST_TUPLES:
                return relation(rule.names, _Accepted(rule, rule.names, self._text))
        return predicate(_Kept(rule, self._text))
