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

_MAX_STEP_OPERATIONS = 10_000_000
"""Bound on the operations of one step of all climbs, some ten milliseconds: of more changes
than that allows, a part is scored at each step."""

_LEAST_COLUMNS = 128
"""Changes of a part at least: the best of fewer is hardly better than any."""

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
    parts = _parts(search, len(starts))
    # Parts in a row that did not lead higher: after all of them a configuration is at its maximum.
    idle = np.zeros(len(imputed), dtype=np.intp)
    for step in range(_MAX_STEPS):
        climbing = np.flatnonzero(idle < len(parts))
        if not len(climbing):
            break
        here = imputed[climbing]
        axes = parts[step % len(parts)]
        columns = search.feasible.space.levels_of(axes)
        number, value = _accepted(search, here, _scores_of_changes(search, here, axes), columns)
        better = value > best[climbing] + _LEAST_GAIN
        moved, column = climbing[better], columns[number[better]]
        imputed[moved, moves.block[column]] = moves.level[column]
        best[moved] = value[better]
        idle[climbing] += 1
        idle[moved] = 0
    return imputed, best


def _parts(search: Search, n_starts: int) -> list[IntArray]:
    """Axes whose changes are scored together, in turns: all of them, where that is affordable."""
    space, n = search.feasible.space, len(search.surrogate.observed)
    column = max(n_starts, 1) * search.surrogate.n_members * n * (n + 100)
    most = max(_LEAST_COLUMNS, _MAX_STEP_OPERATIONS // column)
    n_parts = min(len(space), -(-int(space.starts[-1]) // most))
    return [np.arange(k, len(space), n_parts) for k in range(n_parts)]


def _scores_of_changes(search: Search, imputed: IntArray, axes: IntArray) -> FloatArray:
    """Scores of all single changes of some axes; minus infinity for what must not be.

    Args:
        search: What is scored.
        imputed: Shape (S, d).
        axes: The axes, increasing, shape (k,).

    Returns:
        Shape (S, D), a column for every level of these axes.
    """
    moves, region = search.moves, search.region
    columns = search.feasible.space.levels_of(axes)
    block, level = moves.block[columns], moves.level[columns]
    places = search.active(imputed)
    scores = search.acquisition.score_changes(search.occurring.coordinates(places), axes)
    off_centre = places != region.centre
    distance = off_centre.sum(axis=1)[:, None] - off_centre[:, block]
    distance = distance + (level != region.centre[block])
    scores[region.are_changes_avoided(places, block, level)] = -np.inf
    switched = moves.switched(imputed, axes)
    if switched:
        after = np.concatenate([search.active(changed) for _, changed in switched])
        found = np.searchsorted(columns, [column for column, _ in switched])
        shape = (len(found), len(imputed))
        scores[:, found] = search.score_new(after).reshape(shape).T
        distance[:, found] = (after != region.centre).sum(axis=1).reshape(shape).T
    beyond = (distance > region.radius) & (distance >= off_centre.sum(axis=1)[:, None])
    scores[beyond | (moves.after_change(imputed, region.fixed)[:, columns] > 0.0)] = -np.inf
    return scores


def _accepted(
    search: Search, imputed: IntArray, scores: FloatArray, columns: IntArray
) -> tuple[IntArray, FloatArray]:
    """The best change of every configuration that black-box constraints accept too.

    Args:
        search: Its constraints count.
        imputed: Shape (S, d).
        scores: Of the changes, shape (S, D); in place, minus infinity for those refused.
        columns: Which changes these are, shape (D,).

    Returns:
        Number of the change, of D, and its score, shape (S,) each.
    """
    moves = search.moves
    which = np.arange(len(imputed))
    column = scores.argmax(axis=1)
    if moves.rules.has_black_boxes:
        for s in which.tolist():
            for _ in range(_REFUSALS):
                changed = imputed[s].copy()
                change = columns[column[s]]
                changed[moves.block[change]] = moves.level[change]
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
