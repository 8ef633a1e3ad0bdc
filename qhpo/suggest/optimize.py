"""From what is known to configurations worth a trial: the annealer proposes, the score disposes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import Acquisition
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import Solver
from qhpo.space import OccurringValues
from qhpo.suggest.anneal import annealed
from qhpo.suggest.belief import Beliefs
from qhpo.suggest.climb import climb, climb_pairs
from qhpo.suggest.plateau import explores
from qhpo.suggest.polish import polish
from qhpo.suggest.search import Guide, Region, Search, best_observed
from qhpo.suggest.settings import Settings
from qhpo.suggest.starts import starts
from qhpo.suggest.trust_region import trust_radius
from qhpo.surrogate.base import SurrogateFitter

__all__ = ["Candidates"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


_DRAWN = 30
"""Random configurations of which a plateau is left by the least known one. With 4 to 30, as with 1,
all of 8 studies of a flat branch found the other one."""

_MOST_READS = 20
"""Best reads of each anneal that a batch starts from: they serve all of it."""

_POOL_STARTS = 10
"""Annealed starts of each configuration of a batch, about as many as one has that is alone."""


class Candidates:
    """Configurations worth a trial: fitted and annealed once, and searched for each of a batch.

    Args:
        feasible: The search space, at least one axis, with its constraints and conditions.
        history: At least one configuration with a value, or a failure.
        fixed: Coordinates that are fixed in advance, shape (d,); NaN where free.
        fitters: Make the surrogates, one of each objective.
        outcome_fitter: Makes the surrogates of measured constraints and of failure.
        solver: Samples the quadratic models.
        settings: What a search is made of.
        n_startup: Trials of the first design, which the trust region leaves out.
        rng: Decides everything that is left to chance.
        n_wanted: How many configurations will be asked for, at least 1.
    """

    def __init__(
        self,
        feasible: FeasibleSet,
        history: History,
        fixed: FloatArray,
        *,
        fitters: Sequence[SurrogateFitter],
        outcome_fitter: SurrogateFitter,
        solver: Solver,
        settings: Settings,
        n_startup: int,
        rng: np.random.Generator,
        n_wanted: int = 1,
    ) -> None:
        self._feasible = feasible
        self._fixed = fixed
        self._solver = solver
        self._settings = settings
        self._n_startup = n_startup
        self._rng = rng
        self._beliefs: Beliefs | None = None
        self._make_beliefs = partial(
            Beliefs,
            feasible,
            history,
            fitters=fitters,
            outcome_fitter=outcome_fitter,
            may_repeat=settings.noisy is True,
            rng=rng,
        )
        self._reads = max(settings.reads, min(n_wanted, _MOST_READS))
        self._annealed: FloatArray | None = None

    @property
    def is_begun(self) -> bool:
        """Whether it was asked for configurations yet; before, nothing is fitted."""
        return self._beliefs is not None

    def ranked(self, history: History) -> FloatArray:
        """Configurations worth a trial, the most promising first.

        Args:
            history: The one that this was made of, or the same with more pending and to be avoided.

        Returns:
            Shape (q, d), NaN where inactive. None is to be avoided unless the search finds no
            other. Of a plain set q >= 1; otherwise q may be 0, and constraints between numbers
            should be checked once more.
        """
        feasible, settings, rng = self._feasible, self._settings, self._rng
        if self._beliefs is None:
            self._beliefs = self._make_beliefs()
        acquisition, guide = self._beliefs.given(history.pending)
        if explores(history):
            # Where the deviation is largest of all is a corner, again and again.
            drawn = np.array(feasible.draws(_DRAWN, self._fixed, rng, history.coordinates))
            drawn = drawn.reshape(-1, len(feasible.space))
            return drawn[np.argsort(-acquisition.score(drawn), kind="stable")]
        between = _between_levels(feasible, history, self._fixed, settings, rng)
        search = self._search(acquisition, guide, history, between)
        places, scores = self._local_maxima(search, between)
        if not len(places):
            return np.empty((0, len(feasible.space)))
        order = np.argsort(-scores, kind="stable")
        found = search.occurring.coordinates(places[order])
        if not all(axis.is_exhaustive for axis in feasible.space.axes):
            fixed = search.region.fixed
            polished = [
                polish(acquisition, x, fixed, rng, feasible) for x in found[: settings.polished]
            ]
            polished.sort(key=lambda pair: -pair[1])
            found = np.concatenate([[x for x, _ in polished], found])
        return found

    def _search(
        self, acquisition: Acquisition, guide: Guide, history: History, between: FloatArray
    ) -> Search:
        """What is searched, and where."""
        fixed, space = self._fixed, self._feasible.space
        is_fixed = ~np.isnan(fixed)
        centre = np.where(is_fixed, fixed, _incumbent(guide, history))
        known = [best_observed(guide), centre[None, :], fixed[None, :], between]
        if self._annealed is not None:
            known.append(self._annealed)
        occurring = OccurringValues(space, np.concatenate(known))
        radius = len(centre)
        if radius >= self._settings.trust_region_axes:
            ended = history.feasible_values[: history.n_finished]
            radius = trust_radius(ended, radius, self._n_startup)
        # The others cannot be met: they have values that this search does not visit.
        avoid, is_met = occurring.find(history.avoid)
        region = Region(avoid[is_met], is_fixed, occurring.places(centre[None, :])[0], radius)
        return Search(acquisition, guide, self._feasible, occurring, region)

    def _local_maxima(self, search: Search, between: FloatArray) -> tuple[IntArray, FloatArray]:
        """Places of local maxima of the score, shape (q, d), and their scores, shape (q,)."""
        rng = self._rng
        if self._annealed is None:
            places = annealed(search, self._solver, self._settings, self._reads, rng)
            self._annealed = search.occurring.coordinates(places)
        else:
            places = search.occurring.places(self._annealed)
        if self._reads > self._settings.reads:
            # Those that the batch has already would only lead beside it.
            order = np.argsort(-search.score_new(places), kind="stable")
            places = places[order[:_POOL_STARTS]]
        imputed = starts(search, places, between, self._settings, rng)
        if not len(imputed):
            return imputed, np.empty(0)
        imputed, scores = climb(search, imputed)
        if search.moves.needs_pairs:
            order = np.argsort(-scores, kind="stable")
            mean = search.surrogate.quadratic("mean", search.surrogate.n_members // 2, rng)
            more, values = climb_pairs(search, imputed[order], scores[order], mean, rng)
            imputed, scores = np.concatenate([imputed, more]), np.concatenate([scores, values])
        return search.active(imputed), scores


def _between_levels(
    feasible: FeasibleSet,
    history: History,
    fixed: FloatArray,
    settings: Settings,
    rng: np.random.Generator,
) -> FloatArray:
    """Configurations that keep constraints on numbers, which no level need keep."""
    if not feasible.binds_numbers:
        return np.empty((0, len(feasible.space)))
    n = settings.random_candidates // 4
    found = feasible.draws(n, fixed, rng, history.coordinates)
    return np.array(found).reshape(-1, len(feasible.space))


def _incumbent(guide: Guide, history: History) -> FloatArray:
    """The finished configuration of lowest mean, shape (d,)."""
    n_finished = len(guide.observed) - len(history.pending)
    mean = guide.observed_mean[:, :n_finished].mean(axis=0)
    incumbent: FloatArray = guide.observed[mean.argmin()]
    return incumbent
