"""What the declared rules of a study do to its trials: which of them are tight, and where.

Glossary
--------
step
    From a configuration to one that differs in one parameter: another choice, or the next smaller
    or larger value of a number. Of a number of many values some, evenly spaced, count as the next.
tight
    A rule is tight at a trial that keeps it, and from which it forbids a step. What a step brings
    to life is left out: nobody has said what its value would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from qhpo.cli.report import active, number
from qhpo.constraints import Constraint
from qhpo.constraints.arithmetic import Linear, Quadratic
from qhpo.problem import Problem
from qhpo.space import Axis, is_same
from qhpo_integrations.report.facts import StudyFacts, thinned

__all__ = ["Declared", "declared"]

_MOST_STEPS = 1_000
"""Steps from one trial that are looked at, for one rule: of long permutations there are more."""

_MOST_LOOKS = 100_000
"""Steps that are looked at for one rule, about a second. Of many trials an even part is taken."""

_SAME = 1e-9
"""Difference of coordinates that is rounding."""


class Declared(NamedTuple):
    """A declared rule.

    Attributes:
        text: What it says.
        n_kept: Finished trials that keep it.
        n_trials: Finished trials.
        n_tight: Trials at which it is tight.
        n_looked: Trials that were looked at for that, which keep it; 0 if it has too many steps.
        at_best: Steps from the best trial that it forbids, as they are shown; None if there is no
            single best trial that keeps it, or the rule has too many steps.
    """

    text: str
    n_kept: int
    n_trials: int
    n_tight: int
    n_looked: int
    at_best: list[str] | None


def declared(facts: StudyFacts) -> list[Declared]:
    """Every declared rule, those that are tight at the best trial first, then by how often."""
    problem = facts.problem
    if problem is None or not problem.constraints or problem.search_space is None:
        return []
    found = [_declared(facts, problem, rule) for rule in problem.constraints]
    return sorted(found, key=lambda one: (not one.at_best, -one.n_tight / max(one.n_looked, 1)))


def _declared(facts: StudyFacts, problem: Problem, rule: Constraint) -> Declared:
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    finished = [trial.params for trial in facts.trials if trial.state in ended and trial.params]
    kept = [params for params in finished if rule.satisfied(params)]
    steps = _Steps(problem, rule)
    if not 0 < steps.most <= _MOST_STEPS:
        return Declared(_text(rule), len(kept), len(finished), 0, 0, None)
    looked = thinned(kept, max(_MOST_LOOKS // steps.most, 2))
    n_tight = sum(next(steps.forbidden(params), None) is not None for params in looked)
    at_best = None
    if facts.is_single and facts.best and rule.satisfied(facts.best[0].params):
        at_best = [f"{name} = {value}" for name, value in steps.forbidden(facts.best[0].params)]
    return Declared(_text(rule), len(kept), len(finished), n_tight, len(looked), at_best)


class _Steps:
    """The steps that may break a rule.

    Args:
        problem: Says what the parameters can be, and which of them exist when.
        rule: The rule.

    Attributes:
        most: How many there are at most from one configuration.
    """

    def __init__(self, problem: Problem, rule: Constraint) -> None:
        space = problem.search_space or {}
        self._rule = rule
        self._conditions = problem.conditions
        named = set(rule.names or space)
        # What a parameter of the rule depends on decides whether the rule speaks of it.
        while more := {p for c in named for p in problem.conditions.get(c, {})} - named:
            named |= more
        self._axes = [
            Axis.from_distribution(name, distribution)
            for name, distribution in space.items()
            if name in named
        ]
        self.most = sum(
            axis.n_levels - 1 if axis.is_category else min(axis.n_levels - 1, 2)
            for axis in self._axes
        )

    def forbidden(self, params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Steps from a configuration, which keeps the rule, that break it: names and new values."""
        for axis in self._axes:
            if axis.name not in params or not axis.contains(params[axis.name]):
                continue
            for value in _beside(axis, params[axis.name]):
                changed = active({**params, axis.name: value}, self._conditions)
                if not self._rule.satisfied(changed):
                    yield axis.name, value


def _beside(axis: Axis, value: Any) -> list[Any]:
    """Other choices than a value, or the next smaller and larger number."""
    if isinstance(axis.distribution, CategoricalDistribution):
        return [choice for choice in axis.distribution.choices if not is_same(choice, value)]
    at, levels = axis.coordinate(value), axis.coordinates
    smaller, larger = levels[levels < at - _SAME], levels[levels > at + _SAME]
    return [axis.value(float(c)) for c in (*smaller[-1:], *larger[:1])]


def _text(rule: Constraint) -> str:
    """What a rule says, as its author has written it where that is kept."""
    if isinstance(rule, (Linear, Quadratic)):
        terms = " + ".join(_term(key, a) for key, a in rule.coefficients)
        return f"{terms.replace('+ -', '- ')} {rule.sense} {number(rule.bound)}"
    accepts = getattr(rule, "accepts", None)
    if accepts is None:
        return repr(rule)
    name = getattr(accepts, "__name__", None)
    return repr(accepts) if name is None else f"{name}({', '.join(rule.names) or '...'})"


def _term(key: str | tuple[str, str], coefficient: float) -> str:
    factors = key if isinstance(key, str) else " * ".join(key)
    return factors if coefficient == 1 else f"{number(coefficient)} * {factors}"
