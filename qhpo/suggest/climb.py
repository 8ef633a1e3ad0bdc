"""Steepest ascent of the score through changes that keep constraints and conditions.

A change of a switch also switches its children, so it is scored as a whole. Where constraints join
several axes, pairs of changes are tried too, those of lowest mean first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.suggest.search import Search

__all__ = ["climb", "climb_pairs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_STEPS = 50
"""Most climbs end after a few steps; a ridge may be long."""

_LEAST_GAIN = 1e-9
"""Less is a rounding error of the score, and two configurations could take turns."""

_CLIMBED_IN_PAIRS = 3
"""Configurations that climb in pairs, each of which costs the scores of its pairs."""

_PAIR_ROUNDS = 3
"""Pairs that a configuration may follow one after another."""

_PAIRS_BY_MEAN, _PAIRS_AT_RANDOM = 12, 4
"""Pairs that are scored: the mean ranks them well, and misses what only the score sees."""

_REFUSALS = 10
"""Changes that black-box constraints may refuse before a configuration stays as it is."""


def climb(search: Search, starts: IntArray) -> tuple[IntArray, FloatArray]:
    """Local maxima of the score above the given configurations.

    Args:
        search: What is maximized, and where.
        starts: Imputed configurations, shape (S, d), that keep all constraints; may be avoided.

    Returns:
        Imputed configurations, shape (S, d), and their scores, shape (S,); minus infinity where no
        move led from an avoided start to another configuration.
    """
    moves = search.moves
    imputed = starts.copy()
    best = search.score_new(search.active(imputed))
    climbing = np.arange(len(imputed))
    for _ in range(_MAX_STEPS):
        here = imputed[climbing]
        scores = _scores_of_changes(search, here)
        column, value = _accepted(search, here, scores)
        better = value > best[climbing] + _LEAST_GAIN
        climbing, column = climbing[better], column[better]
        if not len(climbing):
            break
        imputed[climbing, moves.block[column]] = moves.level[column]
        best[climbing] = value[better]
    return imputed, best


def _scores_of_changes(search: Search, imputed: IntArray) -> FloatArray:
    """Scores of all single changes, (S, d) to (S, D); minus infinity for what must not be."""
    moves, region = search.moves, search.region
    places = search.active(imputed)
    scores = search.acquisition.score_changes(search.occurring.coordinates(places))
    off_centre = places != region.centre
    distance = off_centre.sum(axis=1)[:, None] - off_centre[:, moves.block]
    distance = distance + (moves.level != region.centre[moves.block])
    scores[region.are_changes_avoided(places, moves.block, moves.level)] = -np.inf
    switched = moves.switched(imputed)
    if switched:
        after = np.concatenate([search.active(changed) for _, changed in switched])
        columns = [column for column, _ in switched]
        shape = (len(columns), len(imputed))
        scores[:, columns] = search.score_new(after).reshape(shape).T
        distance[:, columns] = (after != region.centre).sum(axis=1).reshape(shape).T
    beyond = (distance > region.radius) & (distance >= off_centre.sum(axis=1)[:, None])
    scores[beyond | (moves.after_change(imputed, region.fixed) > 0.0)] = -np.inf
    return scores


def _accepted(search: Search, imputed: IntArray, scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """The best change of every configuration that black-box constraints accept too."""
    moves = search.moves
    which = np.arange(len(imputed))
    column = scores.argmax(axis=1)
    if moves.rules.has_black_boxes:
        for s in which.tolist():
            for _ in range(_REFUSALS):
                changed = imputed[s].copy()
                changed[moves.block[column[s]]] = moves.level[column[s]]
                if not np.isfinite(scores[s, column[s]]) or moves.accepts(changed):
                    break
                scores[s, column[s]] = -np.inf
                column[s] = scores[s].argmax()
            else:
                scores[s] = -np.inf
    return column, scores[which, column]


def climb_pairs(
    search: Search,
    imputed: IntArray,
    best: FloatArray,
    mean: DenseDQM,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray]:
    """Higher maxima of the score than some configurations, by pairs of changes.

    Args:
        search: What is maximized, and where.
        imputed: Configurations that keep all constraints, highest score first, shape (S, d).
        best: Their scores, shape (S,).
        mean: Mean energies over the levels, which rank the pairs.
        rng: Draws some of the pairs.

    Returns:
        The first few configurations, imputed, or what they led to, and their scores.
    """
    moves, region = search.moves, search.region
    imputed, best = imputed[:_CLIMBED_IN_PAIRS].copy(), best[:_CLIMBED_IN_PAIRS].copy()
    for _ in range(_PAIR_ROUNDS):
        columns, violation = moves.after_pair(imputed, region.fixed, rng)
        if columns.shape[1] < 2:
            break
        # Values between levels count as the nearest level, to rank pairs with.
        x = search.occurring.coordinates(imputed)
        levels = np.stack([search.feasible.space.nearest_levels(row) for row in x])
        energies = moves.pair_energy_changes(mean, levels, columns)
        energies[(violation > 0.0) | ~np.triu(np.ones(violation.shape[1:], dtype=bool))] = np.inf
        owner, after = _chosen_pairs(search, imputed, columns, energies, rng)
        if not len(after):
            break
        scores = search.score_new(search.active(after))
        improved = np.zeros(len(imputed), dtype=bool)
        for s in range(len(imputed)):
            mine = np.flatnonzero(owner == s)
            for k in mine[np.argsort(-scores[mine], kind="stable")][:_REFUSALS]:
                if not scores[k] > best[s] + _LEAST_GAIN:
                    break
                if moves.accepts(after[k]):
                    imputed[s], best[s], improved[s] = after[k], scores[k], True
                    break
        if not improved.any():
            break
        # The others are local maxima as they are.
        climbed, values = climb(search, imputed[improved])
        imputed[improved], best[improved] = climbed, np.maximum(values, best[improved])
    return imputed, best


def _chosen_pairs(
    search: Search,
    imputed: IntArray,
    columns: IntArray,
    energies: FloatArray,
    rng: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """Some allowed pairs of changes: whose they are, shape (k,), and what they lead to, (k, d)."""
    moves = search.moves
    owners, after = [], []
    for s, table in enumerate(energies):
        flat = table.ravel()
        allowed = np.flatnonzero(np.isfinite(flat))
        order = allowed[np.argsort(flat[allowed], kind="stable")]
        rest = order[_PAIRS_BY_MEAN:]
        drawn = rng.choice(rest, size=min(_PAIRS_AT_RANDOM, len(rest)), replace=False)
        for k in np.concatenate([order[:_PAIRS_BY_MEAN], drawn]).tolist():
            changed = imputed[s].copy()
            for side in np.unravel_index(k, table.shape):
                changed[moves.block[columns[s, side]]] = moves.level[columns[s, side]]
            owners.append(s)
            after.append(changed)
    d = imputed.shape[1]
    return np.array(owners, dtype=np.intp), np.array(after, dtype=np.intp).reshape(-1, d)
