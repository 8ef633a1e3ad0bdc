"""Steepest ascent of log EI over single-axis changes.

Glossary
--------
S, D
    Configurations searched side by side; levels of all axes together.
u, v, w
    Sum, second-order sum and product of the other axes' terms when one axis is taken out; see
    `linear_in_axis`: all single-axis changes cost two array operations per axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.expected_improvement import ensemble_log_ei
from qhpo.acquisition.novelty import Novelty
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.kernel import linear_in_axis

__all__ = ["LogEI", "Region", "climb", "forbid_taken"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_STEPS = 50


class LogEI:
    """log EI over the ensemble, improving on the smooth part of the best visited point.

    A new configuration can be better than the smooth part of the model says, by its local
    variation. The value to improve on is the best posterior mean of the smooth part at a visited
    point, not the best observed value, whose luck would make improvements look out of reach. The
    expected improvement is weighted by novelty.

    Args:
        model: The posterior.
    """

    def __init__(self, model: AnovaGP) -> None:
        self.model = model
        self.novelty = Novelty(model)
        self._best = model.observed_mean.min(axis=1)

    def of_moments(self, mean: FloatArray, variance: FloatArray) -> FloatArray:
        """From means and variances, both (M, q), to (q,), without the weight of novelty."""
        return ensemble_log_ei(mean, variance, self._best)

    def __call__(self, rows: IntArray) -> FloatArray:
        """At candidates, (q, d) row numbers to (q,)."""
        weight = self.novelty.log_of(self.model.bank.coordinates_of(rows))
        return self.of_moments(*self.model.predict(rows)) + weight

    def of_changes(self, rows: IntArray) -> FloatArray:
        """At all configurations that differ in at most one axis, (S, d) row numbers to (S, D).

        Column r sets the axis of level r to that level.
        """
        bank = self.model.bank
        cross = self._changes(bank.rows, rows) + self._local_of_changes(rows)
        prior = self._changes(bank.diagonal[:, :, None], rows)[..., 0]
        n_members, n_starts, n_levels, n = cross.shape
        mean, variance = self.model.condition(
            cross.reshape(n_members, n_starts * n_levels, n),
            prior.reshape(n_members, n_starts * n_levels),
        )
        weight = self.novelty.log_of_changes(bank.coordinates_of(rows))
        return self.of_moments(mean, variance).reshape(n_starts, n_levels) + weight

    def _local_of_changes(self, rows: IntArray) -> FloatArray:
        """Local covariance of all single-axis changes, (S, d) to (M, S, D, n)."""
        bank, space = self.model.bank, self.model.space
        own = [
            bank.strain[:, i, bank.strain_places(i, column)] for i, column in enumerate(rows.T)
        ]  # (M, S, n) each
        total = np.sum(own, axis=0)
        out = np.empty((*total.shape[:2], int(space.starts[-1]), total.shape[2]))
        for i, n_levels in enumerate(space.n_levels.tolist()):
            levels = bank.strain[:, i, :n_levels]
            block = out[:, :, space.starts[i] : space.starts[i + 1]]
            np.add((total - own[i])[:, :, None, :], levels[:, None], out=block)
        np.exp(np.negative(out, out=out), out=out)
        out *= self.model.local[..., None]
        return out

    def _changes(self, table: FloatArray, rows: IntArray) -> FloatArray:
        model = self.model
        pair, rest = model.pair, model.rest
        starts = model.space.starts
        d = rows.shape[1]
        terms = table[:, rows.T].swapaxes(0, 1)  # (d, M, S, n)
        squared = terms * terms
        u = terms.sum(axis=0) - terms
        v = 0.5 * (u * u - (squared.sum(axis=0) - squared))
        # Products of the factors before and behind every axis.
        factors = 1.0 + terms
        w = np.ones_like(terms)
        np.cumprod(factors[:-1], axis=0, out=w[1:])
        w[:-1] *= np.cumprod(factors[:0:-1], axis=0)[::-1]
        fixed, slope = linear_in_axis(u, v, w, pair, rest)
        out = np.empty((len(table), len(rows), int(starts[-1]), table.shape[2]))
        for i in range(d):
            levels = table[:, model.bank.level_rows[starts[i] : starts[i + 1]]]
            block = out[:, :, starts[i] : starts[i + 1]]
            np.multiply(slope[i, :, :, None, :], levels[:, None, :, :], out=block)
            block += fixed[i, :, :, None, :]
        return out


@dataclass(frozen=True)
class Region:
    """Where candidates may lie.

    Attributes:
        taken: Row numbers of configurations that must not be proposed, shape (t, d).
        frozen: Axes that must not change, shape (d,), bool.
        centre: Row numbers of the trust region's centre, shape (d,).
        radius: Number of axes in which a candidate may differ from the centre.
    """

    taken: IntArray
    frozen: NDArray[np.bool_]
    centre: IntArray
    radius: int

    def is_taken(self, rows: IntArray) -> NDArray[np.bool_]:
        """Which candidates are taken, (q, d) to (q,)."""
        same = (rows[:, None, :] == self.taken[None, :, :]).all(axis=2)
        taken: NDArray[np.bool_] = same.any(axis=1)
        return taken


def climb(score: LogEI, starts: IntArray, region: Region) -> tuple[IntArray, FloatArray]:
    """Local maxima of the score above the given configurations.

    Args:
        score: What to maximize.
        starts: Row numbers, shape (S, d), within the trust region; may be taken.
        region: Where candidates may lie.

    Returns:
        Row numbers, shape (S, d), and their scores, shape (S,); minus infinity where no move led
        from a taken start to a free configuration.
    """
    space, bank = score.model.space, score.model.bank
    level_rows = bank.level_rows
    axis = np.repeat(np.arange(len(space)), space.n_levels)
    current = starts.copy()
    best = np.where(region.is_taken(current), -np.inf, score(current))
    active = np.arange(len(current))
    for _ in range(_MAX_STEPS):
        here = current[active]
        scores = score.of_changes(here)
        stays = here[:, axis] == level_rows
        off_centre = here != region.centre
        distance = off_centre.sum(axis=1)[:, None] - off_centre[:, axis]
        distance = distance + (level_rows != region.centre[axis])
        scores[stays | (distance > region.radius) | region.frozen[axis]] = -np.inf
        forbid_taken(scores, here, region.taken, score)
        chosen = scores.argmax(axis=1)
        value = scores[np.arange(len(here)), chosen]
        better = value > best[active] + 1e-9
        active, chosen = active[better], chosen[better]
        if not len(active):
            break
        current[active, axis[chosen]] = level_rows[chosen]
        best[active] = value[better]
    return current, best


def forbid_taken(scores: FloatArray, here: IntArray, taken: IntArray, score: LogEI) -> None:
    """Minus infinity where one change leads to a taken configuration.

    Args:
        scores: Scores of all single changes, shape (S, D); changed in place.
        here: Row numbers of the configurations that change, shape (S, d).
        taken: Row numbers of taken configurations, shape (t, d).
        score: Whose levels the columns are.
    """
    level_rows = score.model.bank.level_rows
    differs = here[:, None, :] != taken[None, :, :]
    which, whom = np.nonzero(differs.sum(axis=2) == 1)
    where = differs[which, whom].argmax(axis=1)
    row = taken[whom, where]
    column = np.searchsorted(level_rows, row)
    at_level = level_rows[np.minimum(column, len(level_rows) - 1)] == row
    scores[which[at_level], column[at_level]] = -np.inf
