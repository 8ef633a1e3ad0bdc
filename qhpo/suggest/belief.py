"""What is made of a history: the score, and what the starts of its search come from.

Where measured constraints were broken, or trials failed, the expected improvement on the best
configuration that kept everything is multiplied by the probability to keep everything. While no
configuration did, that probability alone is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import (
    Acquisition,
    LogDeviation,
    LogEHVI,
    LogEI,
    LogFeasibility,
    LogNovelty,
    LogProduct,
)
from qhpo.feasible import FeasibleSet
from qhpo.history import History, Outcomes
from qhpo.suggest.guides import Penalized, Weighted
from qhpo.suggest.plateau import explores
from qhpo.suggest.search import Guide
from qhpo.surrogate.base import Surrogate, SurrogateFitter

__all__ = ["Belief", "Beliefs"]

FloatArray = NDArray[np.float64]

_INCUMBENTS = 50
"""Feasible configurations of lowest value, one of which has the least posterior mean: luck does not
reach further."""

_MOST = 300
"""Trials that a condition is learnt from, fewer than any fit leaves out. The latest lie where its
boundary matters."""

_LIKELY, _FIRMLY = 0.5, 1.0
"""Probability of a measured constraint below which the score falls more steeply, and by how much;
but no more than the share of trials that kept it. The product alone gambles on unlikely
configurations as soon as the likely ones have little to gain. Where few configurations keep a
constraint, a second region of them looks unlikely at first: three times as steep, one of four
searches ended in the first region."""

_RARE = 1e-3
"""Share of trials that counts as none: its logarithm must be finite."""

_RECENT = 10
"""After a failure, this many trials are careful. A surrogate of failures is surest of itself where
the score is highest, beside their boundary: without this two of three trials fail where the best
value lies there, with it one of five."""

_CAREFUL, _BOLD, _STRICTLY = 0.95, 0.5, 60.0
"""Least probabilities of success that a trial should have, when careful and when not, and how
steeply the score falls below them: no improvement makes up for it. The first is what a visited
success has, with the noise below."""

_LABEL_NOISE = 0.25
"""Variance of labels of 1 and -1. With it a quarter of the way from a success to a failure has a
probability of 0.8, about what an even boundary between them would give it."""


class Belief(NamedTuple):
    """What is made of a history, reckoning with what is pending."""

    acquisition: Acquisition
    guide: Guide


class Beliefs:
    """What a history with a value or a failure tells: fitted once, whatever is pending then.

    Args:
        feasible: The search space, with its constraints and conditions.
        history: What is known.
        fitters: Make the surrogates, one of each objective.
        outcome_fitter: Makes the surrogates of measured constraints and of failure.
        may_repeat: Whether a configuration may be evaluated again.
        rng: Draws a configuration, where none that was tried is whole.
    """

    def __init__(
        self,
        feasible: FeasibleSet,
        history: History,
        *,
        fitters: Sequence[SurrogateFitter],
        outcome_fitter: SurrogateFitter,
        may_repeat: bool,
        rng: np.random.Generator,
    ) -> None:
        self._space = feasible.space
        self._history = history
        self._may_repeat = may_repeat
        self._incumbents = _incumbents(history)
        self._conditions = _conditions(feasible, history, outcome_fitter)
        self._objectives: list[Surrogate] = []
        if self._conditions is None or len(self._incumbents):
            self._objectives = [
                fitter.fit(self._space, history.coordinates, column, history.values)
                for fitter, column in zip(fitters, history.each_objective.T, strict=True)
            ]
            # Weights are drawn where they are needed, so that nothing else changes.
            if len(self._objectives) > 1:
                self._weights = rng.dirichlet(np.ones(len(self._objectives)))
            return
        observed = [surrogate.observed for surrogate in self._conditions.surrogates]
        self._tried = np.concatenate([history.coordinates, *observed])
        whole = [x for x in self._tried if feasible.is_whole(x)]
        if not whole:
            whole = [feasible.any_configuration(np.full(len(self._space), np.nan), rng)]
        self._whole = np.array(whole)

    def given(self, pending: FloatArray) -> Belief:
        """What is made of it while configurations, shape (p, d), are being evaluated.

        Those of an earlier call no longer count.
        """
        if self._conditions is not None:
            self._conditions.set_pending(pending)
        if not self._objectives:
            return self._of_conditions_alone(pending)
        history = replace(self._history, pending=pending)
        is_any = self._conditions is None and history.is_feasible is None
        incumbents = None if is_any else self._incumbents
        worth = _worth(self._objectives, history, incumbents, self._may_repeat)
        worth.set_pending(pending)
        guide: Guide = worth.surrogates[0]
        if len(self._objectives) > 1:
            guide = Weighted(worth.surrogates, self._weights)
        if self._conditions is None:
            return Belief(worth, guide)
        penalized = Penalized(guide, self._conditions, guide.observed)
        return Belief(LogProduct([worth, self._conditions]), penalized)

    def _of_conditions_alone(self, pending: FloatArray) -> Belief:
        """While no configuration kept everything."""
        conditions = self._conditions
        if conditions is None:
            raise AssertionError("without conditions there is an objective")
        novelty = LogNovelty(self._space, self._tried)
        novelty.set_pending(pending)
        observed = np.concatenate([self._whole, pending])
        return Belief(LogProduct([novelty, conditions]), Penalized(None, conditions, observed))


def _worth(
    objectives: Sequence[Surrogate],
    history: History,
    incumbents: FloatArray | None,
    may_repeat: bool,
) -> Acquisition:
    """What a trial is worth to the objectives alone."""
    if len(objectives) > 1:
        return LogEHVI(objectives, incumbents, may_repeat=may_repeat)
    if explores(history):
        return LogDeviation(objectives[0])
    return LogEI(objectives, incumbents, may_repeat=may_repeat)


def _conditions(
    feasible: FeasibleSet, history: History, fitter: SurrogateFitter
) -> Acquisition | None:
    """The probability to keep what trials have broken, or None if they kept everything."""
    broken = [outcomes for outcomes in history.constraints if outcomes.is_broken]
    failures = [] if history.failures is None else [history.failures]

    def fitted(outcomes: Outcomes) -> Surrogate:
        kept = _of_both_kinds(outcomes.values)
        x = _filled(feasible, outcomes.coordinates[kept], history.coordinates)
        return fitter.fit(feasible.space, x, outcomes.values[kept])

    factors = []
    for each in broken:
        least = min(_LIKELY, float((each.values <= 0.0).mean()))
        factors.append(LogFeasibility([fitted(each)], least=max(least, _RARE), steepness=_FIRMLY))
    if failures:
        recent = failures[0].values[-_RECENT:]
        least = _CAREFUL if (recent > 0.0).any() else _BOLD
        surrogate = fitted(failures[0])
        factors.append(
            LogFeasibility([surrogate], noise=_LABEL_NOISE, least=least, steepness=_STRICTLY)
        )
    if not factors:
        return None
    return factors[0] if len(factors) == 1 else LogProduct(factors)


def _of_both_kinds(values: FloatArray) -> NDArray[np.intp]:
    """Numbers of the latest trials, those that broke a condition and the others in equal parts."""
    broken, kept = np.flatnonzero(values > 0.0), np.flatnonzero(values <= 0.0)
    half = _MOST // 2
    n_broken = min(len(broken), max(half, _MOST - len(kept)))
    chosen = np.concatenate([broken[len(broken) - n_broken :], kept[-(_MOST - n_broken) :]])
    return np.sort(chosen)


def _filled(feasible: FeasibleSet, coordinates: FloatArray, whole: FloatArray) -> FloatArray:
    """Configurations with what a trial did not come to asking for as other trials had it."""
    filled = coordinates.copy()
    for i, x in enumerate(coordinates):
        if not feasible.is_whole(x):
            for k in range(len(whole)):
                other = np.where(np.isnan(x), whole[(i + k) % len(whole)], x)
                if feasible.is_whole(other):
                    filled[i] = other
                    break
    return filled


def _incumbents(history: History) -> FloatArray:
    """Feasible configurations among which the best is, or the front, shape (k, d)."""
    if history.objectives is not None:
        kept = np.ones(len(history.values), dtype=bool)
        return history.coordinates[kept if history.is_feasible is None else history.is_feasible]
    order = np.argsort(history.feasible_values, kind="stable")
    n = len(order) if history.is_feasible is None else int(history.is_feasible.sum())
    return history.coordinates[order[: min(n, _INCUMBENTS)]]
