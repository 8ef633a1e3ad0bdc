"""Where the climbs start: annealed, drawn at random, and the best visited configurations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.suggest.search import Search
from qhpo.suggest.settings import Settings

__all__ = ["drawn", "starts"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_STEP_OPERATIONS = 100_000_000
"""Bound on the operations of one step of all climbs: a tenth of a second."""

_MIN_STARTS = 3
"""Climbs that are worth their time in the largest spaces too: one of each origin."""

_PAIR_STARTS = 4
"""Climbs where pairs of changes follow: annealed starts descended in pairs already. Random
configurations, each of which is repaired, are fewer by this factor too."""


def starts(
    search: Search,
    annealed: IntArray,
    extra: FloatArray,
    settings: Settings,
    rng: np.random.Generator,
) -> IntArray:
    """Imputed configurations to climb from, distinct, shape (S, d); there may be none.

    Args:
        search: What is maximized, and where.
        annealed: Places of annealed configurations, shape (a, d).
        extra: Further configurations to start from, if they are among the best, shape (e, d).
        settings: How many there are of each origin.
        rng: Decides what is left to chance.
    """
    found = np.concatenate(
        [
            annealed,
            search.best(drawn(search, settings.random_candidates, rng), settings.random_starts),
            search.best(search.occurring.places(extra), settings.random_starts),
            _incumbents(search, settings.incumbents),
        ]
    )
    found = _kept(search, found, rng)
    most = _PAIR_STARTS if search.moves.needs_pairs else len(found)
    return search.impute(_affordable(search, found, most), rng)


def drawn(search: Search, n: int, rng: np.random.Generator) -> IntArray:
    """Places of random configurations of levels within the region, at most n, shape (q, d)."""
    space, region = search.feasible.space, search.region
    if search.moves.needs_pairs:
        n //= _PAIR_STARTS
    levels = rng.integers(space.n_levels, size=(n, len(space)))
    stay = rng.random(levels.shape).argsort(axis=1) >= region.radius
    places = np.where(stay | region.fixed, region.centre, levels)
    if search.feasible.is_plain:
        return search.impute(places, rng)
    repaired = search.moves.repaired_distinct(search.impute(places, rng), region.fixed, rng)
    return search.active(repaired)


def _incumbents(search: Search, n: int) -> IntArray:
    """Places of the observed configurations of lowest mean within the region."""
    region = search.region
    places = np.where(region.fixed, region.centre, search.best_observed)
    inside = (places != region.centre).sum(axis=1) <= region.radius
    chosen: IntArray = places[inside][:n]
    return chosen


def _kept(search: Search, places: IntArray, rng: np.random.Generator) -> IntArray:
    """Those that keep all constraints: visited configurations and fixed values may not."""
    if search.feasible.is_plain:
        return places
    moves = search.moves
    imputed = search.impute(places, rng)
    kept = moves.violation(imputed) == 0.0
    kept[kept] = [moves.accepts(one) for one in imputed[kept]]
    return search.active(imputed[kept])


def _affordable(search: Search, places: IntArray, most: int) -> IntArray:
    """The distinct ones, or as many of the best as can be climbed from in bounded time."""
    if not len(places):
        return places
    distinct = np.unique(places, axis=0)
    n = len(search.surrogate.observed)
    n_levels = int(search.feasible.space.starts[-1])
    # One step of one start predicts all its single-axis changes.
    step = search.surrogate.n_members * n_levels * n * (n + 100)
    return search.best(distinct, min(max(_MIN_STARTS, _MAX_STEP_OPERATIONS // step), most))
