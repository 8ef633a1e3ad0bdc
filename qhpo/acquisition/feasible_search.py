"""Steepest ascent of log EI through changes that keep constraints and conditions.

The same search as `qhpo.acquisition.local_search.climb`, over shadows: a change of a switch also
switches its children, so it is scored as a whole, and where constraints join several axes, pairs of
changes are tried too, those of lowest mean first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.local_search import LogEI, Region, forbid_taken
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import Moves

__all__ = ["climb_feasible", "pair_ascent", "shadows"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_STEPS = 50
_PAIR_ROUNDS = 3
_PAIR_STARTS = 3
_PAIRS_BY_MEAN = 12
_PAIRS_AT_RANDOM = 4
_REFUSALS = 10


def shadows(score: LogEI, feasible: Moves, rows: IntArray, rng: np.random.Generator) -> IntArray:
    """Shadows of candidates: inactive axes as in the best visited configuration that has them.

    Args:
        score: Knows the visited configurations.
        feasible: Constraints and conditions over the model's support.
        rows: Row numbers, shape (q, d).
        rng: Draws levels of axes that no visited configuration has.

    Returns:
        Places, shape (q, d).
    """
    model = score.model
    order = np.argsort(model.observed_mean.mean(axis=0), kind="stable")
    places = model.places[order]
    default = rng.integers(model.space.n_levels)
    for i, column in enumerate(places.T):
        seen = np.flatnonzero(column >= 0)
        if len(seen):
            default[i] = column[seen[0]]
    inactive = rows == model.bank.rows.shape[1] - 1
    shadow: IntArray = np.where(inactive, default, rows - model.bank.axis_start)
    return shadow


def climb_feasible(
    score: LogEI, feasible: Moves, starts: IntArray, region: Region
) -> tuple[IntArray, FloatArray]:
    """Local maxima of the score above the given configurations.

    Args:
        score: What to maximize.
        feasible: Constraints and conditions over the model's support.
        starts: Shadows, shape (S, d), that keep all constraints; may be taken.
        region: Where candidates may lie.

    Returns:
        Shadows, shape (S, d), and their scores, shape (S,); minus infinity where no move led from
        a taken start to a free configuration.
    """
    bank = score.model.bank
    shadow = starts.copy()
    rows = bank.rows_at(feasible.activity.apply(shadow))
    best = np.where(region.is_taken(rows), -np.inf, score(rows))
    active = np.arange(len(shadow))
    for _ in range(_MAX_STEPS):
        here = shadow[active]
        scores = _scores_of_changes(score, feasible, here, region)
        column, value = _accepted(feasible, here, scores)
        better = value > best[active] + 1e-9
        active, column = active[better], column[better]
        if not len(active):
            break
        shadow[active, feasible.block[column]] = feasible.level[column]
        best[active] = value[better]
    return shadow, best


def _scores_of_changes(
    score: LogEI, feasible: Moves, shadow: IntArray, region: Region
) -> FloatArray:
    """Scores of all single changes, (S, d) to (S, D); minus infinity for what must not be."""
    bank = score.model.bank
    rows = bank.rows_at(feasible.activity.apply(shadow))
    scores = score.of_changes(rows)
    off_centre = rows != region.centre
    distance = off_centre.sum(axis=1)[:, None] - off_centre[:, feasible.block]
    distance = distance + (bank.level_rows != region.centre[feasible.block])
    forbid_taken(scores, rows, region.taken, score)
    switched = feasible.switched(shadow)
    if switched:
        after = np.concatenate([bank.rows_at(feasible.activity.apply(s)) for _, s in switched])
        columns = [column for column, _ in switched]
        shape = (len(columns), len(shadow))
        scores[:, columns] = score(after).reshape(shape).T
        scores[:, columns] = np.where(
            region.is_taken(after).reshape(shape).T, -np.inf, scores[:, columns]
        )
        distance[:, columns] = (after != region.centre).sum(axis=1).reshape(shape).T
    beyond = (distance > region.radius) & (distance >= off_centre.sum(axis=1)[:, None])
    scores[beyond | (feasible.after_change(shadow, region.frozen) > 0.0)] = -np.inf
    return scores


def _accepted(feasible: Moves, shadow: IntArray, scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """The best change of every configuration that what is asked one by one accepts too."""
    which = np.arange(len(shadow))
    column = scores.argmax(axis=1)
    if feasible.rules.has_black_boxes:
        for s in which.tolist():
            for _ in range(_REFUSALS):
                changed = shadow[s].copy()
                changed[feasible.block[column[s]]] = feasible.level[column[s]]
                if not np.isfinite(scores[s, column[s]]) or feasible.accepts(changed):
                    break
                scores[s, column[s]] = -np.inf
                column[s] = scores[s].argmax()
            else:
                scores[s] = -np.inf
    return column, scores[which, column]


def pair_ascent(
    score: LogEI,
    feasible: Moves,
    shadow: IntArray,
    best: FloatArray,
    region: Region,
    tables: DenseDQM,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray]:
    """Higher maxima of the score than some configurations, by pairs of changes.

    Args:
        score: What to maximize.
        feasible: Constraints and conditions over the model's support.
        shadow: Configurations that keep all constraints, highest score first, shape (S, d).
        best: Their scores, shape (S,).
        region: Where candidates may lie.
        tables: Mean energies over the levels, which rank the pairs.
        rng: Draws some of the pairs.

    Returns:
        Shadows of the first few configurations, or what they led to, and their scores.
    """
    bank = score.model.bank
    shadow, best = shadow[:_PAIR_STARTS].copy(), best[:_PAIR_STARTS].copy()
    for _ in range(_PAIR_ROUNDS):
        columns, violation = feasible.after_pair(shadow, region.frozen, rng)
        if columns.shape[1] < 2:
            break
        # Values between levels count as the nearest level, to rank pairs with.
        known = feasible.coordinates_of(shadow)
        levels = np.stack([feasible.space.nearest_levels(row) for row in known])
        energies = feasible.pair_energy_changes(tables, levels, columns)
        energies[(violation > 0.0) | ~np.triu(np.ones(violation.shape[1:], dtype=bool))] = np.inf
        owner, after = _chosen_pairs(feasible, shadow, columns, energies, rng)
        if not len(after):
            break
        rows = bank.rows_at(feasible.activity.apply(after))
        scores = np.where(region.is_taken(rows), -np.inf, score(rows))
        improved = np.zeros(len(shadow), dtype=bool)
        for s in range(len(shadow)):
            mine = np.flatnonzero(owner == s)
            for k in mine[np.argsort(-scores[mine], kind="stable")][:_REFUSALS]:
                if not scores[k] > best[s] + 1e-9:
                    break
                if feasible.accepts(after[k]):
                    shadow[s], best[s], improved[s] = after[k], scores[k], True
                    break
        if not improved.any():
            break
        # The others are local maxima as they are.
        climbed, values = climb_feasible(score, feasible, shadow[improved], region)
        shadow[improved], best[improved] = climbed, np.maximum(values, best[improved])
    return shadow, best


def _chosen_pairs(
    feasible: Moves,
    shadow: IntArray,
    columns: IntArray,
    energies: FloatArray,
    rng: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """Some allowed pairs of changes: whose they are, shape (k,), and the shadows, shape (k, d)."""
    owners, after = [], []
    for s, table in enumerate(energies):
        flat = table.ravel()
        allowed = np.flatnonzero(np.isfinite(flat))
        order = allowed[np.argsort(flat[allowed], kind="stable")]
        rest = order[_PAIRS_BY_MEAN:]
        drawn = rng.choice(rest, size=min(_PAIRS_AT_RANDOM, len(rest)), replace=False)
        for k in np.concatenate([order[:_PAIRS_BY_MEAN], drawn]).tolist():
            changed = shadow[s].copy()
            for side in np.unravel_index(k, table.shape):
                changed[feasible.block[columns[s, side]]] = feasible.level[columns[s, side]]
            owners.append(s)
            after.append(changed)
    d = shadow.shape[1]
    return np.array(owners, dtype=np.intp), np.array(after, dtype=np.intp).reshape(-1, d)
