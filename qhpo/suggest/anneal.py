"""Starts from annealing the surrogate's main effects and pairs, inside a trust region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.annealed import annealed_levels, with_toll
from qhpo.acquisition.penalized import PenaltyWeights, constrained_samples
from qhpo.encoding import DenseDQM
from qhpo.solvers import Solver
from qhpo.suggest.search import Search
from qhpo.suggest.settings import Settings
from qhpo.surrogate.base import Surrogate

__all__ = ["annealed"]

IntArray = NDArray[np.intp]

_MANY_LEVELS = 256
"""With more levels than this only one mean and one draw are annealed, each takes too long; and so
it is where every call costs something."""

_MANY_PENALIZED_LEVELS = 48
"""The same where constraints cost slack variables, repair and repeated anneals."""


def annealed(
    search: Search, solver: Solver, settings: Settings, rng: np.random.Generator
) -> IntArray:
    """Places of annealed configurations, shape (q, d).

    Args:
        search: Its surrogate is annealed in its region.
        solver: Samples the quadratic models.
        settings: Which models are annealed, and how many reads of each are used.
        rng: Decides what is left to chance.
    """
    feasible, region = search.feasible, search.region
    space, moves = feasible.space, feasible.levels
    centre = search.impute(region.centre[None, :], rng)
    levels = space.nearest_levels(search.occurring.coordinates(centre)[0])
    weights = PenaltyWeights()
    found = [np.empty((0, len(space)), dtype=np.intp)]
    most = _MANY_LEVELS if feasible.is_plain else _MANY_PENALIZED_LEVELS
    for model in _models(search.surrogate, settings, 0 if solver.is_costly else most, rng):
        if feasible.is_plain:
            seed = int(rng.integers(2**31))
            found.append(
                annealed_levels(
                    model,
                    solver,
                    levels,
                    region.fixed,
                    region.radius,
                    settings.reads,
                    seed,
                )
            )
            continue
        tolled = with_toll(model, levels, region.fixed, region.radius)
        found.append(
            constrained_samples(
                tolled, solver, moves, levels, region.fixed, weights, settings.reads, rng
            )
        )
    sampled = np.concatenate(found)
    # What stays at the centre keeps its value, which may lie between levels.
    places = np.where(sampled == levels, region.centre, sampled)
    inactive: IntArray = np.where(moves.activity.apply(sampled) < 0, -1, places)
    return inactive


def _models(
    surrogate: Surrogate, settings: Settings, many_levels: int, rng: np.random.Generator
) -> list[DenseDQM]:
    """Of the mean of every member, and of draws; one each of many levels."""
    members = range(surrogate.n_members)
    most = 1 if surrogate.space.starts[-1] > many_levels else None
    averaged = rng.permutation(members)[:most]
    drawn = rng.integers(len(members), size=settings.draws)[:most]
    models = [surrogate.quadratic("mean", int(m), rng) for m in averaged if settings.anneal_means]
    return models + [surrogate.quadratic("draw", int(m), rng) for m in drawn]
