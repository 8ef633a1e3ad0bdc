"""The next configuration: a design first, then the search, and never one that is to be avoided.

What was begun and cut off comes before both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import Solver
from qhpo.space import Space
from qhpo.suggest.design import design_row
from qhpo.suggest.model import QuadraticModel, quadratic_model
from qhpo.suggest.optimize import Candidates
from qhpo.suggest.recommend import Expected, best_expected, front_expected
from qhpo.suggest.settings import Settings
from qhpo.surrogate.base import SurrogateFitter
from qhpo.surrogate.informed import InformedFitter

__all__ = ["Suggestion", "SuggestionPolicy"]

FloatArray = NDArray[np.float64]

_BEST_AGAIN = 5
"""Configurations that are repeated in turns where nothing new is left."""

_RANDOM_DRAWS = 200
"""Configurations that are repaired before a mathematical program is asked for one."""


@dataclass(frozen=True)
class Suggestion:
    """A configuration to try.

    Attributes:
        coordinates: Shape (d,), NaN where inactive.
        is_new: Whether it is none of those to avoid.
        is_proof: If it is not new: whether it is proven that no new one is left. Otherwise the
            search for a new one has ended at its bound.
    """

    coordinates: FloatArray
    is_new: bool
    is_proof: bool = False


class SuggestionPolicy:
    """Suggests configurations from histories.

    Args:
        solver: Samples the quadratic models.
        n_startup: Trials of the first, balanced design.
        seed: Seed of the design.
        settings: What a search is made of.
    """

    def __init__(self, solver: Solver, n_startup: int, seed: int, settings: Settings) -> None:
        self._solver = solver
        self._n_startup = n_startup
        self._seed = seed
        self._settings = settings
        self._fitter = settings.fitter()
        self._objective_fitters: tuple[SurrogateFitter, ...] = ()
        self._outcome_fitter = settings.outcome_fitter()

    def suggest(
        self,
        feasible: FeasibleSet,
        history: History,
        fixed: FloatArray,
        number: int,
        rng: np.random.Generator,
    ) -> Suggestion:
        """The next configuration.

        Args:
            feasible: The search space with its constraints and conditions.
            history: What is known.
            fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
            number: Number of the trial.
            rng: Decides what is left to chance.

        Raises:
            QhpoError: If no configuration keeps the constraints; names those in conflict.
        """
        return self.suggest_batch(feasible, history, fixed, number, 1, rng)[0]

    def suggest_batch(
        self,
        feasible: FeasibleSet,
        history: History,
        fixed: FloatArray,
        number: int,
        n: int,
        rng: np.random.Generator,
    ) -> list[Suggestion]:
        """The next configuration, and those to follow it, from one fit and one anneal.

        Each is chosen as if those before it were being evaluated. The first is what `suggest` gives
        where n is 1. There is one alone in the first design, where one was begun and cut off, and
        where nothing new is left.

        Args:
            feasible: See `suggest`.
            history: See `suggest`.
            fixed: See `suggest`.
            number: Number of the trial of the first.
            n: Most configurations, at least 1.
            rng: Decides what is left to chance.

        Raises:
            QhpoError: If no configuration keeps the constraints; names those in conflict.
        """
        search = Candidates(
            feasible,
            self._expected(feasible, history, fixed, number),
            fixed,
            fitters=self._fitters(history),
            outcome_fitter=self._outcome_fitter,
            solver=self._solver,
            settings=self._settings,
            n_startup=self._n_startup,
            rng=rng,
            n_wanted=n,
        )
        found: list[Suggestion] = []
        while len(found) < n and (not found or (search.is_begun and found[-1].is_new)):
            found.append(self._next(feasible, history, fixed, number, search, rng))
            x = found[-1].coordinates[None, :]
            history = replace(
                history,
                pending=np.concatenate([history.pending, x]),
                avoid=np.concatenate([history.avoid, x]),
            )
        # The last may be no new one: those before it are a batch all the same.
        return found if len(found) == 1 or found[-1].is_new else found[:-1]

    def _next(
        self,
        feasible: FeasibleSet,
        history: History,
        fixed: FloatArray,
        number: int,
        search: Candidates,
        rng: np.random.Generator,
    ) -> Suggestion:
        space = feasible.space
        avoid = {space.key(configuration) for configuration in history.avoid}
        for configuration in self._wanted(feasible, history, fixed, number, search, rng):
            is_new = space.key(configuration) not in avoid
            is_true = not history.answers.contradict(configuration)
            if is_new and is_true and feasible.satisfied(configuration):
                return Suggestion(configuration, True)
        left = feasible.unseen(fixed, history.avoid, rng, history.answers.contradict)
        if left.coordinates is not None:
            return Suggestion(left.coordinates, True)
        again = _best_again(feasible, history, fixed, number)
        if again is None:
            again = feasible.any_configuration(fixed, rng, history.coordinates)
        return Suggestion(again, False, left.is_proof)

    def front(
        self, feasible: FeasibleSet, history: History, candidates: FloatArray
    ) -> list[Expected]:
        """Of configurations, shape (q, d), those that no other one dominates by posterior means.

        Of one objective that is the one of least posterior mean.

        Args:
            feasible: The search space with its constraints.
            history: At least one configuration with a value.
            candidates: At least one.

        Returns:
            The best of the first objective first; nothing if none of them keeps the constraints.
        """
        # What conditions say now does not matter to a trial that was evaluated as it is.
        kept = np.flatnonzero([feasible.keeps_rules(configuration) for configuration in candidates])
        if not len(kept):
            return []
        fitter = self._settings.recommending_fitter()
        if history.objectives is None:
            found = [best_expected(feasible.space, history, candidates[kept], fitter)]
        else:
            found = front_expected(feasible.space, history, candidates[kept], fitter)
        return [one._replace(chosen=int(kept[one.chosen])) for one in found]

    def silent_sources(self, space: Space) -> tuple[str, ...]:
        """Names of what was known before that says nothing about any parameter of a space."""
        return () if self._settings.sources is None else self._settings.sources.silent(space)

    def model(self, feasible: FeasibleSet, history: History) -> QuadraticModel:
        """What is annealed for candidates, without a trust region.

        Args:
            feasible: The search space, with its constraints and conditions.
            history: At least one configuration with a value.
        """
        fitter = self._fitter
        if history.objectives is not None and self._settings.sources is not None:
            # What was known before is told of each objective, not of all as one.
            fitter = replace(self._settings, sources=None).fitter()
        return quadratic_model(feasible, history, fitter)

    def _wanted(
        self,
        feasible: FeasibleSet,
        history: History,
        fixed: FloatArray,
        number: int,
        search: Candidates,
        rng: np.random.Generator,
    ) -> Iterator[FloatArray]:
        """Configurations in the order in which they are wanted."""
        for begun in history.begun:
            if ((begun == fixed) | np.isnan(fixed)).all() and feasible.is_whole(begun):
                yield begun
        n_rows = max(self._n_startup, 1)
        if history.n_tried < n_rows and not self._is_led(feasible.space, history, number):
            row = self._first_configuration(feasible.space, number, n_rows)
            nearest = feasible.nearest(row, fixed, rng)
            if nearest is not None:
                yield nearest
        else:
            yield from search.ranked(self._expected(feasible, history, fixed, number))
        if not feasible.is_plain:
            yield from feasible.draws(_RANDOM_DRAWS, fixed, rng, history.coordinates)

    def _is_led(self, space: Space, history: History, number: int) -> bool:
        """Whether what was known before the study says what a trial is to be, not the design."""
        columns = history.each_objective.T
        return all(
            isinstance(fitter, InformedFitter)
            and fitter.leads(space, history.coordinates, column, number)
            for fitter, column in zip(self._fitters(history), columns, strict=True)
        )

    def _fitters(self, history: History) -> tuple[SurrogateFitter, ...]:
        """What makes the surrogate of each objective."""
        if history.objectives is None:
            return (self._fitter,)
        n_objectives = history.objectives.shape[1]
        if len(self._objective_fitters) != n_objectives:
            self._objective_fitters = self._settings.objective_fitters(n_objectives)
        return self._objective_fitters

    def _expected(
        self, feasible: FeasibleSet, history: History, fixed: FloatArray, number: int
    ) -> History:
        """Before the first value, the history with one that is as expected.

        Then all that the model says of others is what was known before, in its own unit.
        """
        if self._settings.sources is None or len(history.values):
            return history
        rng = np.random.default_rng([self._seed, number])
        anywhere = feasible.any_configuration(fixed, rng)[None, :]
        several = None if history.objectives is None else np.zeros((1, history.objectives.shape[1]))
        return replace(
            history,
            coordinates=anywhere,
            values=np.zeros(1),
            objectives=several,
            is_feasible=None,
        )

    def _first_configuration(self, space: Space, number: int, n_rows: int) -> FloatArray:
        if self._settings.balanced_design:
            return design_row(space, number, n_rows, self._seed)
        rng = np.random.default_rng([self._seed, number])
        return np.array([axis.draw(rng) for axis in space.axes])


def _best_again(
    feasible: FeasibleSet, history: History, fixed: FloatArray, number: int
) -> FloatArray | None:
    """One of the best configurations so far that agree with what is fixed, in turns."""
    agrees = ((history.coordinates == fixed) | np.isnan(fixed)).all(axis=1)
    order = np.argsort(history.feasible_values[agrees], kind="stable")
    best: dict[object, FloatArray] = {}
    for configuration in history.coordinates[agrees][order]:
        if len(best) == _BEST_AGAIN:
            break
        if feasible.is_whole(configuration) and feasible.satisfied(configuration):
            best[feasible.space.key(configuration)] = configuration
    kept = list(best.values())
    return kept[number % len(kept)] if kept else None
