"""Random small search spaces, and constraints over them beside what they mean in plain Python."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo import constraints as c
from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet
from qhpo.space import Condition, Space, declared_conditions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Params = Mapping[str, Any]
Distributions = dict[str, BaseDistribution]

EXACT_STEPS = (0.25, 0.5)
"""Sums of their multiples are exact, whatever their order."""

ANY_STEPS = (0.1, 0.25, 0.5)

KINDS = (
    "forbid",
    "requires",
    "cardinality",
    "all_different",
    "linear",
    "quadratic",
    "relation",
    "predicate",
)

PENALIZED = ("forbid", "requires", "cardinality", "all_different", "linear")
"""Those with exact penalties. A relation has none where axes may be inactive: it rules on none."""


@dataclass(frozen=True)
class Rule:
    """A constraint, and its meaning by other means."""

    constraint: c.Constraint
    holds: Callable[[Params], bool]


def is_same(value: Any, other: Any) -> bool:
    """Equal, numbers up to what 3 * 0.1 differs from 0.3."""
    if isinstance(value, float) and isinstance(other, (int, float)):
        return abs(value - other) < 1e-9
    return bool(value == other)


def values_of(distribution: BaseDistribution) -> list[Any]:
    """All values as a user writes them."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    assert distribution.step is not None
    n = round((distribution.high - distribution.low) / distribution.step) + 1
    return [round(distribution.low + k * distribution.step, 6) for k in range(n)]


@st.composite
def distributions(
    draw: Any, steps: Sequence[float] = ANY_STEPS, most: int = 5, numeric: bool = False
) -> BaseDistribution:
    kind = draw(st.sampled_from(["int", "float"] + (["choice"] * 2 if not numeric else [])))
    n = draw(st.integers(2, most))
    if kind == "choice":
        pool = draw(st.permutations([None, True, False, "sgd", "adam"]))
        return CategoricalDistribution(pool[:n])
    if kind == "int":
        low, step = draw(st.integers(-2, 3)), draw(st.integers(1, 2))
        return IntDistribution(low, low + (n - 1) * step, step=step)
    step = draw(st.sampled_from(steps))
    low = step * draw(st.integers(-3, 3))
    return FloatDistribution(round(low, 6), round(low + (n - 1) * step, 6), step=step)


@st.composite
def search_spaces(
    draw: Any,
    steps: Sequence[float] = ANY_STEPS,
    most: int = 5,
    axes: tuple[int, int] = (2, 4),
    numeric: bool = False,
) -> Distributions:
    """2 to 4 parameters of 2 to 5 values."""
    n = draw(st.integers(*axes))
    return {name: draw(distributions(steps, most, numeric)) for name in "abcd"[:n]}


@st.composite
def named_values(draw: Any, space: Distributions, names: Sequence[str]) -> dict[str, Any]:
    """One or several values by name, in the ways that a user may write them."""
    result: dict[str, Any] = {}
    for name in names:
        known = values_of(space[name])
        several = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique_by=repr))
        result[name] = several[0] if len(several) == 1 and draw(st.booleans()) else several
    return result


def _counts(params: Params, name: str, values: Any) -> bool:
    several = values if isinstance(values, list) else [values]
    return name in params and any(is_same(params[name], v) for v in several)


def _compares(total: float, sense: str, bound: float) -> bool:
    if sense == "==":
        return abs(total - bound) <= 1e-9 * max(1.0, abs(bound))
    return total <= bound if sense == "<=" else total >= bound


def _table(names: Sequence[str], seed: int, share: float) -> dict[tuple[Any, ...], bool]:
    """A truth table that is filled in when asked."""

    class Table(dict[tuple[Any, ...], bool]):
        def __missing__(self, key: tuple[Any, ...]) -> bool:
            self[key] = random.Random(f"{seed} {key!r}").random() < share
            return self[key]

    return Table()


def _key(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else repr(value)


@st.composite
def rules(draw: Any, space: Distributions, kinds: Sequence[str] = KINDS) -> Rule:
    """One constraint over a search space."""
    names = list(space)
    numeric = [name for name in names if not isinstance(space[name], CategoricalDistribution)]
    kinds = [k for k in kinds if numeric or k not in ("linear", "quadratic")]
    kind = draw(st.sampled_from(kinds))
    several = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)
    if kind == "forbid":
        values = draw(named_values(space, draw(several)))
        return Rule(
            c.forbid(values), lambda p: not all(_counts(p, n, v) for n, v in values.items())
        )
    if kind == "requires":
        order = draw(st.permutations(names))
        cut = draw(st.integers(1, min(2, len(names) - 1)))
        stop = draw(st.integers(cut + 1, len(names)))
        premise = draw(named_values(space, order[:cut]))
        conclusion = draw(named_values(space, order[cut:stop]))
        return Rule(
            c.requires(premise, conclusion),
            lambda p: (
                not all(_counts(p, n, v) for n, v in premise.items())
                or all(n not in p or _counts(p, n, v) for n, v in conclusion.items())
            ),
        )
    if kind == "cardinality":
        values = draw(named_values(space, draw(several)))
        k = draw(st.integers(0, len(values)))

        def number(p: Params) -> int:
            return sum(_counts(p, n, v) for n, v in values.items())

        make, holds = draw(
            st.sampled_from(
                [
                    (c.exactly, lambda p: number(p) == k),
                    (c.at_most, lambda p: number(p) <= k),
                    (c.at_least, lambda p: number(p) >= k),
                ]
            )
        )
        return Rule(make(k, values), holds)
    if kind == "all_different":
        chosen = draw(st.lists(st.sampled_from(names), min_size=2, max_size=4, unique=True))
        return Rule(
            c.all_different(*chosen),
            lambda p: all(
                not is_same(p[x], p[y])
                for x, y in itertools.combinations([n for n in chosen if n in p], 2)
            ),
        )
    if kind == "relation":
        chosen = draw(several)
        table = _table(chosen, draw(st.integers(0, 999)), draw(st.sampled_from([0.3, 0.7])))
        return Rule(
            c.relation(chosen, lambda *values: table[tuple(map(_key, values))]),
            lambda p: any(n not in p for n in chosen) or table[tuple(_key(p[n]) for n in chosen)],
        )
    if kind == "predicate":
        table = _table(names, draw(st.integers(0, 999)), draw(st.sampled_from([0.5, 0.8])))

        def accepts(p: Params) -> bool:
            return table[tuple((n, _key(p[n])) for n in sorted(p))]

        return Rule(c.predicate(accepts), accepts)
    assert kind in ("linear", "quadratic")
    return draw(_sums(space, numeric, kind))


@st.composite
def _sums(draw: Any, space: Distributions, numeric: Sequence[str], kind: str) -> Rule:
    name = st.sampled_from(numeric)
    keys: Any = name if kind == "linear" else st.one_of(name, st.tuples(name, name))
    coefficient = st.sampled_from([-2, -1, 1, 1, 2, 3, 0.5])
    coefficients = draw(st.dictionaries(keys, coefficient, min_size=1, max_size=3))

    def total(p: Params) -> float:
        result = 0.0
        for by_pairs in (False, True):
            for key, a in coefficients.items():
                factors = (key,) if isinstance(key, str) else key
                if (len(set(factors)) == 2) == by_pairs and all(n in p for n in factors):
                    result += a * math.prod(p[n] for n in factors)
        return result

    # The sum of some configuration: equalities have a solution, and inequalities a tie.
    reached = total({n: draw(st.sampled_from(values_of(dist))) for n, dist in space.items()})
    sense = draw(st.sampled_from(["<=", "==", ">="]))
    bound = round(reached + (0.0 if sense == "==" else draw(st.sampled_from([0, 0, 0.5, -1]))), 6)
    make: Any = c.linear if kind == "linear" else c.quadratic
    return Rule(make(coefficients, sense, bound), lambda p: _compares(total(p), sense, bound))


def rule_sets(
    space: Distributions, kinds: Sequence[str] = KINDS, most: int = 3
) -> st.SearchStrategy[list[Rule]]:
    """One to three constraints over a search space."""
    return st.lists(rules(space, kinds), min_size=1, max_size=most)


@st.composite
def conditions_over(draw: Any, space: Distributions, most: int = 2) -> tuple[Condition, ...]:
    """None to two conditions, of so many parents at most, which stand before their children."""
    names = list(space)
    declared: dict[str, dict[str, Any]] = {}
    for i in range(1, len(names)):
        if len(declared) < 2 and draw(st.booleans()):
            parents = draw(st.lists(st.sampled_from(names[:i]), min_size=1, max_size=most))
            declared[names[i]] = {
                p: draw(st.lists(st.sampled_from(values_of(space[p])), min_size=1, unique_by=repr))
                for p in parents
            }
    return declared_conditions(declared, space)


def every_place(sizes: Sequence[int], first: int = 0) -> IntArray:
    """All configurations of axes of some sizes, shape (q, d), from -1 on if inactive ones too."""
    return np.array(list(itertools.product(*(range(first, n) for n in sizes))), dtype=np.intp)


def active_params(conditions: Sequence[Condition], params: Params) -> dict[str, Any]:
    """What is left of a configuration, by the conditions, in plain Python."""
    left = dict(params)
    for _ in conditions:
        for condition in conditions:
            enabled = all(
                e.parent in left and any(is_same(left[e.parent], v) for v in e.values or ())
                for e in condition.parents
            )
            if not enabled:
                left.pop(condition.child, None)
    return left


def every_params(space: Space, is_partial: bool = False) -> Iterator[dict[str, Any]]:
    """All configurations of the levels, if partial also those that leave parameters out."""
    nothing = [math.nan] if is_partial else []
    for coordinates in itertools.product(*(a.coordinates.tolist() + nothing for a in space.axes)):
        yield space.decode(np.array(coordinates))


def feasible_configurations(
    space: Space, rules: Sequence[Rule], conditions: Sequence[Condition] = ()
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """All configurations of the levels that keep all rules, by their key in the space."""
    found = {}
    for everywhere in every_params(space):
        params = active_params(conditions, everywhere)
        if all(rule.holds(params) for rule in rules):
            found[space.key(space.encode(params))] = params
    return found


class Problem(NamedTuple):
    """A search space with constraints and conditions, and what they mean in plain Python."""

    space: Space
    rules: list[Rule]
    conditions: tuple[Condition, ...]

    def feasible(self) -> FeasibleSet:
        return FeasibleSet(self.space, [rule.constraint for rule in self.rules], self.conditions)

    def active(self, x: FloatArray) -> FloatArray:
        """Configurations with a coordinate on every axis, without what is inactive, (q, d)."""
        params = [active_params(self.conditions, self.space.decode(one)) for one in x]
        names = [axis.name for axis in self.space.axes]
        missing = np.array([[name not in p for name in names] for p in params], dtype=bool)
        return np.where(missing.reshape(x.shape), np.nan, x)

    def holds(self, x: FloatArray) -> NDArray[np.bool_]:
        """Which configurations keep all rules, of shape (q, d), inactive axes left out or not."""
        params = [active_params(self.conditions, self.space.decode(one)) for one in x]
        return np.array([all(rule.holds(p) for rule in self.rules) for p in params], dtype=bool)

    def energies(self, tables: DenseDQM, levels: IntArray) -> FloatArray:
        """Of levels of every axis; what is inactive adds nothing, (q, d) to (q,)."""
        found = []
        for one, active in zip(levels, self.active(self.space.at_levels(levels)), strict=True):
            chosen = (self.space.starts[:-1] + one)[~np.isnan(active)]
            pairs = tables.quadratic[np.ix_(chosen, chosen)].sum() / 2.0
            found.append(float(tables.linear[chosen].sum() + pairs + tables.offset))
        return np.array(found)


@st.composite
def small_problems(draw: Any, kinds: tuple[str, ...] = KINDS) -> Problem:
    """Few enough configurations to solve exactly, also with auxiliary variables."""
    distributions = draw(search_spaces(EXACT_STEPS, most=3, axes=(2, 3)))
    conditions = draw(st.just(()) | conditions_over(distributions, most=1))
    if not conditions and kinds == PENALIZED:
        kinds = (*kinds, "relation")
    rules = draw(st.just([]) | rule_sets(distributions, kinds, most=2))
    return Problem(Space(distributions), rules, conditions)
