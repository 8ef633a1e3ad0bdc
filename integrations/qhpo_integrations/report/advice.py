"""What to do next with a study: which ranges to move, which parameters to fix, which rules bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import Interactions
from qhpo.cli.report import number
from qhpo.importance import Curve
from qhpo.space import Axis
from qhpo.study import measured_constraints
from qhpo_integrations.report.facts import StudyFacts

__all__ = ["Measured", "advice", "measured"]

_LEAST_TRIALS = 15
"""Complete trials before ranges are spoken of: fewer are mostly the first design."""

_LEAST_EXPLAINED = 0.3
"""Share that trials must predict of each other before the model is believed."""

_AT_END = 0.05
"""Share of a range that counts as its end."""

_NOTHING = 0.02
"""Share of all differences that a parameter must surely stay below to be called unimportant."""

_BEST_SHARE, _LEAST_BEST = 0.1, 5
"""Trials that count as the best, and how many there are at least."""

_SURE = 2.0
"""Standard deviations that tell a choice from the best one."""

_NEAR = 0.05
"""Share of the width of what was measured that counts as at the limit."""


def advice(facts: StudyFacts) -> list[str]:
    """Sentences for the owner of a study of one objective, plain text; the most useful first."""
    if not facts.is_single or not facts.kept:
        return []
    if len(facts.complete) < _LEAST_TRIALS:
        return [
            f"{len(facts.complete)} complete trials are few: run {_LEAST_TRIALS} or more before "
            "you change a range."
        ]
    effects = facts.effects[0]
    if effects.explained < _LEAST_EXPLAINED:
        return [
            "The trials predict each other badly, so nothing is said about single parameters yet. "
            "Values may be noisy, or more trials are needed."
        ]
    small = [
        name
        for name, share in effects.total.items()
        if name in effects.curves and share.value + share.deviation < _NOTHING
    ]
    said = [
        *_at_ends(facts, [n for n in facts.strongest(len(facts.params)) if n not in small]),
        *_poor_choices(facts, effects),
        *_unimportant(facts, small),
    ]
    return said or ["The best values lie inside their ranges, and every parameter matters."]


def _at_ends(facts: StudyFacts, names: Sequence[str]) -> Iterator[str]:
    """Parameters whose best trials lie at an end of their range."""
    sign = -1.0 if facts.is_maximized else 1.0
    ranked = sorted(facts.kept, key=lambda trial: sign * trial.values[0])
    best = ranked[: max(_LEAST_BEST, round(_BEST_SHARE * len(ranked)))]
    for name in names:
        distribution = facts.params[name]
        if isinstance(distribution, CategoricalDistribution) or distribution.single():
            continue
        assert isinstance(distribution, (FloatDistribution, IntDistribution))
        axis = Axis.from_distribution(name, distribution)
        places = [
            axis.coordinate(t.params[name])
            for t in best
            if name in t.params and axis.contains(t.params[name])
        ]
        if len(places) < _LEAST_BEST or axis.n_levels < 3:
            continue
        middle = float(np.median(places))
        best_place = places[0]
        for is_at_end, end, way in (
            (max(middle, best_place) <= _AT_END, distribution.low, "lower"),
            (min(middle, best_place) >= 1.0 - _AT_END, distribution.high, "higher"),
        ):
            if is_at_end:
                yield (
                    f"The best trials have {name} at the end of its range, {number(end)}. "
                    f"If {way} values are possible, let the range go further."
                )


def _poor_choices(facts: StudyFacts, effects: Interactions) -> Iterator[str]:
    """Choices that are surely worse than the best one, whatever the rest is."""
    for name, curve in effects.curves.items():
        if not isinstance(facts.params.get(name), CategoricalDistribution):
            continue
        poor = _surely_worse(curve, is_maximized=facts.is_maximized)
        # Of two choices the sentence about the parameter's best value says enough.
        if len(poor) >= 1 and len(curve.values) > 2 and effects.total[name].value > _NOTHING:
            listed = ", ".join(str(curve.values[i]) for i in poor)
            best = facts.best[0].params.get(name) if facts.best else None
            if all(curve.values[i] != best for i in poor):
                yield (
                    f"On average {name} does worse with {listed}: leave that out if trials are "
                    "expensive."
                )


def _surely_worse(curve: Curve, *, is_maximized: bool) -> list[int]:
    sign = -1.0 if is_maximized else 1.0
    expected = sign * curve.expected
    deviation = 0.5 * np.abs(curve.high - curve.low)
    best = int(expected.argmin())
    apart = expected - expected[best]
    unsure = np.sqrt(deviation**2 + deviation[best] ** 2)
    # A third of the way to the worst one, or more.
    is_far = apart > max(float(apart.max()) / 3.0, 0.0)
    return [int(i) for i in np.flatnonzero(is_far & (apart > _SURE * unsure))]


def _unimportant(facts: StudyFacts, names: Sequence[str]) -> Iterator[str]:
    """Parameters that change next to nothing."""
    best = facts.best[0].params if facts.best else {}
    fixed = [f"{name} = {number(best[name])}" for name in names if name in best]
    if fixed:
        yield (
            "Each of these changes the result by less than "
            f"{100 * _NOTHING:.0f} % of all differences and can be fixed: {', '.join(fixed)}."
        )


class Measured(NamedTuple):
    """A constraint that trials have measured.

    Attributes:
        name: Its name.
        n_kept: Trials that kept it.
        n_measured: Trials that measured it.
        at_best: What the best trial measured, at most 0 if kept; None if it did not.
        is_active: Whether the best trial is at its limit, or a trial that broke it was better.
    """

    name: str
    n_kept: int
    n_measured: int
    at_best: float | None
    is_active: bool


def measured(facts: StudyFacts) -> list[Measured]:
    """Every constraint that trials have measured, the active ones first."""
    known = {trial.number: measured_constraints(trial) for trial in facts.trials}
    names = {name: None for constraints in known.values() for name in constraints}
    best = facts.best[0] if facts.best else None
    sign = -1.0 if facts.is_maximized else 1.0
    found = []
    for name in names:
        values = np.array([told[name] for told in known.values() if name in told])
        finite = values[np.isfinite(values)]
        width = float(np.ptp(finite)) if len(finite) else 0.0
        at_best = None if best is None else known[best.number].get(name)
        is_near = at_best is not None and 0.0 <= -at_best <= _NEAR * width and width > 0.0
        costs = (
            facts.is_single
            and best is not None
            and any(
                known[t.number].get(name, 0.0) > 0.0
                and all(v <= 0.0 for k, v in known[t.number].items() if k != name)
                and sign * t.values[0] < sign * best.values[0]
                for t in facts.complete
            )
        )
        kept = int((values <= 0.0).sum())
        found.append(Measured(name, kept, len(values), at_best, is_near or costs))
    return sorted(found, key=lambda one: (not one.is_active, one.name))
