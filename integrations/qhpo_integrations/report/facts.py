"""What a page says of a study, read from its trials once.

Names and values come from people: `shown` names are escaped and short, and nothing else of theirs
reaches a figure.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from qhpo import Interactions, QhpoError, Recommendation, interactions
from qhpo.cli.report import number
from qhpo.cli.samplers import qubo_of
from qhpo.cli.studies import ERROR, Status, best_trials, metrics, status
from qhpo.cli.task import task_of
from qhpo.problem import Problem
from qhpo.study import constraint_attributes, measured_constraints

__all__ = ["StudyFacts", "text", "thinned"]

_LONGEST = 24
"""Characters of a name in a figure: two of them fit beside each other on a phone."""


_LEAST = 5
"""Trials below which nothing is said of parameters."""


def text(value: Any, longest: int | None = None) -> str:
    """A user's value as text of a page: escaped, and cut where a length is given."""
    plain = " ".join((number(value, 5) if isinstance(value, float) else str(value)).split())
    if longest is not None and len(plain) > longest:
        plain = f"{plain[: longest - 1]}…"
    return html.escape(plain)


def thinned(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of some items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _distinct(names: Sequence[str]) -> dict[str, str]:
    """A short escaped text of every name, different for each."""
    found: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for name in dict.fromkeys(names):
        short = text(name, _LONGEST) or "(no name)"
        taken[short] += 1
        found[name] = short if taken[short] == 1 else f"{short} ({taken[short]})"
    return found


class StudyFacts:
    """A study, as a page sees it.

    Args:
        study: The study.

    Attributes:
        study: The study.
        trials: All of them; they must not be changed.
        metrics: Names of the objectives.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self.trials = study.get_trials(deepcopy=False)
        self.metrics = metrics(study)

    @property
    def name(self) -> str:
        """The study's name, as its user has it."""
        return self.study.study_name

    @property
    def is_single(self) -> bool:
        """Whether there is one objective."""
        return len(self.study.directions) == 1

    @property
    def is_maximized(self) -> bool:
        """Whether more of the first objective is better."""
        return self.study.directions[0].name == "MAXIMIZE"

    @cached_property
    def complete(self) -> list[FrozenTrial]:
        """Complete trials with finite values."""
        return [
            trial
            for trial in self.trials
            if trial.state == TrialState.COMPLETE and all(map(math.isfinite, trial.values))
        ]

    @cached_property
    def kept(self) -> list[FrozenTrial]:
        """Those of them that kept the constraints that they measured, in their order."""
        return [t for t in self.complete if all(v <= 0.0 for v in t.constraints.values())]

    @cached_property
    def best(self) -> list[FrozenTrial]:
        """The best trial, none, or those of several objectives that none beats."""
        return [t for t in best_trials(self.study) if all(map(math.isfinite, t.values))]

    @cached_property
    def problem(self) -> Problem | None:
        """What the study was last searched with, as far as that is known."""
        return task_of(self.study)

    @cached_property
    def params(self) -> dict[str, BaseDistribution]:
        """Parameters of complete trials, as the last of them asked for each."""
        return {n: dist for t in self.complete for n, dist in t.distributions.items()}

    @cached_property
    def shown(self) -> dict[str, str]:
        """What stands for a parameter's name in figures."""
        return _distinct(list(self.params))

    @cached_property
    def effects(self) -> list[Interactions]:
        """What parameters do to each objective."""

        def of(objective: int) -> Callable[[FrozenTrial], float]:
            return lambda trial: float(trial.values[objective])

        return [interactions(self.study, target=of(i)) for i in range(len(self.metrics))]

    @property
    def is_learnt(self) -> bool:
        """Whether there is anything to say of parameters."""
        return any(e.curves and e.n_trials >= _LEAST for e in self.effects)

    def strongest(self, most: int) -> list[str]:
        """Names of parameters with an effect, the strongest of all objectives first."""
        ranks = [{name: i for i, name in enumerate(e.total)} for e in self.effects]
        names = [name for name in self.shown if any(name in e.curves for e in self.effects)]
        return sorted(names, key=lambda n: (min(r.get(n, len(r)) for r in ranks), n))[:most]

    @cached_property
    def recommended(self) -> list[Recommendation]:
        """The evaluated configurations that the model expects most of, where it can say.

        At most one of one objective, of several its front.
        """
        try:
            return qubo_of(self.study).recommend_front(self.study)
        except QhpoError:
            return []

    @cached_property
    def reasons(self) -> list[tuple[str, int]]:
        """Why trials failed, the most frequent reason first."""
        found = Counter(
            str(
                trial.user_attrs.get(ERROR)
                or trial.system_attrs.get("fail_reason")
                or "not recorded"
            )
            for trial in self.trials
            if status(trial) in (Status.FAILED, Status.INTERRUPTED)
        )
        return found.most_common()

    def excerpt(self, trials: Sequence[FrozenTrial], most: int) -> optuna.Study:
        """A study of some trials for Optuna's figures: the best and an even rest, names shown.

        Of several objectives it has the first: only then Optuna's colours know its direction.

        Args:
            trials: Complete ones.
            most: How many to take.
        """
        sign = -1.0 if self.is_maximized else 1.0
        best = sorted(trials, key=lambda t: sign * t.values[0])[: most // 2]
        chosen_already = {t.number for t in best}
        others = [t for t in trials if t.number not in chosen_already]
        chosen = sorted([*best, *thinned(others, most - len(best))], key=lambda t: t.number)
        study = optuna.create_study(
            direction=self.study.directions[0], storage=optuna.storages.InMemoryStorage()
        )
        choices: dict[str, dict[str, str]] = {}
        study.add_trials([self._renamed(trial, choices) for trial in chosen])
        return study

    def _renamed(self, trial: FrozenTrial, choices: dict[str, dict[str, str]]) -> FrozenTrial:
        params, distributions = {}, {}
        for name, distribution in trial.distributions.items():
            value: Any = trial.params[name]
            if isinstance(distribution, CategoricalDistribution):
                if name not in choices:
                    choices[name] = _distinct(list(map(str, distribution.choices)))
                value = choices[name][str(value)]
                distribution = CategoricalDistribution(list(choices[name].values()))
            params[self.shown[name]], distributions[self.shown[name]] = value, distribution
        return optuna.trial.create_trial(
            value=trial.values[0],
            params=params,
            distributions=distributions,
            system_attrs=constraint_attributes(list(measured_constraints(trial).values())),
        )
