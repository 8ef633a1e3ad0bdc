"""Candidates: where the search for the highest score starts, and what it finds.

Starts are annealed, drawn at random, and taken from the best visited configurations. In a plain
space every combination of values is one; elsewhere all that follows keeps constraints and
conditions.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.annealed import annealed_levels, with_toll
from qhpo.acquisition.feasible_search import climb_feasible, pair_ascent, shadows
from qhpo.acquisition.local_search import LogEI, Region, climb
from qhpo.acquisition.penalized import constrained_samples
from qhpo.acquisition.settings import Settings
from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import FeasibleSet, PenaltyWeights
from qhpo.solvers import Solver
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.quadratic import posterior_draw, posterior_mean

__all__ = ["Candidates", "FeasibleCandidates", "PlainCandidates"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MAX_STEP_OPERATIONS = 100_000_000
_MIN_STARTS = 3
_PAIR_STARTS = 4

_MANY_LEVELS = 256
"""With more levels than this only one mean and one draw are annealed, each takes too long; and so
it is where every call costs something."""

_MANY_PENALIZED_LEVELS = 48
"""The same where constraints cost slack variables, repair and repeated anneals."""


class Candidates(Protocol):
    """Searches one kind of space."""

    def climb(self, solver: Solver, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Row numbers of local maxima of the score, shape (q, d), and their scores, shape (q,)."""
        ...

    def drawn(self, rng: np.random.Generator) -> IntArray:
        """Row numbers of random configurations of levels within the region, shape (q, d)."""
        ...


class PlainCandidates:
    """Where everything is allowed.

    Args:
        score: What to maximize.
        region: Where candidates may lie.
        settings: What a proposal is made of.
    """

    def __init__(self, score: LogEI, region: Region, settings: Settings) -> None:
        self._score, self._region, self._settings = score, region, settings

    def climb(self, solver: Solver, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """See `Candidates.climb`."""
        score, settings = self._score, self._settings
        starts = np.concatenate(
            [
                self._annealed(solver, rng),
                _best(score, self.drawn(rng), settings.random_starts),
                _incumbents(score.model, self._region, settings.incumbents),
            ]
        )
        return climb(score, _affordable(score, starts), self._region)

    def drawn(self, rng: np.random.Generator) -> IntArray:
        """See `Candidates.drawn`."""
        return _drawn(self._score.model, self._region, self._settings.random_candidates, rng)

    def _annealed(self, solver: Solver, rng: np.random.Generator) -> IntArray:
        model, region = self._score.model, self._region
        centre = model.space.nearest_levels(model.bank.coordinates_of(region.centre))
        levels = [np.empty((0, len(model.space)), dtype=np.intp)]
        many = 0 if solver.is_costly else _MANY_LEVELS
        for tables in _quadratic_models(model, self._settings, many, rng):
            seed = int(rng.integers(2**31))
            levels.append(
                annealed_levels(
                    tables,
                    solver,
                    centre,
                    region.frozen,
                    region.radius,
                    self._settings.reads,
                    seed,
                )
            )
        return _rows_of_levels(model, np.concatenate(levels), centre, region.centre)


class FeasibleCandidates:
    """Where constraints or conditions hold.

    Args:
        score: What to maximize.
        region: Where candidates may lie.
        settings: What a proposal is made of.
        domain: Constraints and conditions.
        extra: Row numbers of further starts, shape (e, d).
    """

    def __init__(
        self, score: LogEI, region: Region, settings: Settings, domain: FeasibleSet, extra: IntArray
    ) -> None:
        self._score, self._region, self._settings = score, region, settings
        self._domain, self._extra = domain, extra
        support = score.model.support
        # On nothing but levels the rules are always the same.
        self._feasible = (
            domain.over(support.coordinates) if support.is_off_grid.any() else domain.levels
        )

    def climb(self, solver: Solver, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """See `Candidates.climb`; none may be found."""
        score, region, settings, feasible = (
            self._score,
            self._region,
            self._settings,
            self._feasible,
        )
        annealed, tables = self._annealed(solver, rng)
        starts = np.concatenate(
            [
                annealed,
                _best(score, self.drawn(rng), settings.random_starts),
                _best(score, self._extra, settings.random_starts),
                _incumbents(score.model, region, settings.incumbents),
            ]
        )
        starts = self._kept(starts, rng)
        if not len(starts):
            return starts, np.empty(0)
        # Where pairs of changes follow, a few starts that descended in pairs already are enough.
        most = _PAIR_STARTS if feasible.needs_pairs else len(starts)
        shadow = shadows(score, feasible, _affordable(score, starts, most), rng)
        shadow, scores = climb_feasible(score, feasible, shadow, region)
        if feasible.needs_pairs:
            order = np.argsort(-scores, kind="stable")
            more, values = pair_ascent(
                score, feasible, shadow[order], scores[order], region, tables, rng
            )
            shadow, scores = np.concatenate([shadow, more]), np.concatenate([scores, values])
        return self._rows(shadow), scores

    def drawn(self, rng: np.random.Generator) -> IntArray:
        """See `Candidates.drawn`."""
        model, region = self._score.model, self._region
        n = self._settings.random_candidates
        if self._feasible.needs_pairs:
            n //= _PAIR_STARTS
        rows = _drawn(model, region, n, rng)
        shadow = shadows(self._score, self._feasible, rows, rng)
        return self._rows(self._feasible.repaired_distinct(shadow, region.frozen, rng))

    def _rows(self, shadow: IntArray) -> IntArray:
        return self._score.model.bank.rows_at(self._feasible.activity.apply(shadow))

    def _kept(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        """Starts that keep all constraints: visited configurations and frozen values may not."""
        feasible = self._feasible
        shadow = shadows(self._score, feasible, rows, rng)
        kept = feasible.violation(shadow) == 0.0
        kept[kept] = [feasible.accepts(one) for one in shadow[kept]]
        return self._rows(shadow[kept])

    def _annealed(self, solver: Solver, rng: np.random.Generator) -> tuple[IntArray, DenseDQM]:
        """Row numbers of annealed configurations, and the energies of a mean to rank pairs with."""
        model, region, levels = self._score.model, self._region, self._domain.levels
        shadow = shadows(self._score, self._feasible, region.centre[None, :], rng)
        centre = model.space.nearest_levels(self._feasible.coordinates_of(shadow)[0])
        weights = PenaltyWeights()
        found = [np.empty((0, len(model.space)), dtype=np.intp)]
        many = 0 if solver.is_costly else _MANY_PENALIZED_LEVELS
        for energies in _quadratic_models(model, self._settings, many, rng):
            tables = with_toll(energies, centre, region.frozen, region.radius)
            found.append(
                constrained_samples(
                    tables,
                    solver,
                    levels,
                    centre,
                    region.frozen,
                    weights,
                    self._settings.reads,
                    rng,
                )
            )
        annealed = np.concatenate(found)
        rows = _rows_of_levels(model, annealed, centre, region.centre)
        inactive = levels.activity.apply(annealed) < 0
        rows = np.where(inactive, model.bank.rows.shape[1] - 1, rows)
        return rows, posterior_mean(model, len(model.members) // 2)


def _quadratic_models(
    model: AnovaGP, settings: Settings, many_levels: int, rng: np.random.Generator
) -> list[DenseDQM]:
    """First two orders of the mean of every member, and of draws; one each of many levels."""
    members = range(len(model.members))
    most = 1 if model.space.starts[-1] > many_levels else None
    averaged = rng.permutation(members)[:most]
    drawn = rng.integers(len(members), size=settings.draws)[:most]
    models = [posterior_mean(model, int(m)) for m in averaged if settings.anneal_means]
    return models + [posterior_draw(model, int(m), rng) for m in drawn]


def _rows_of_levels(
    model: AnovaGP, levels: IntArray, centre: IntArray, centre_rows: IntArray
) -> IntArray:
    """Row numbers of levels; what stays at the centre keeps its value, which may lie between."""
    rows = model.bank.level_rows[levels + model.space.starts[:-1]]
    return np.where(levels == centre, centre_rows, rows)


def _drawn(model: AnovaGP, region: Region, n: int, rng: np.random.Generator) -> IntArray:
    """Row numbers of uniformly drawn configurations of levels within the region."""
    space = model.space
    levels = rng.integers(space.n_levels, size=(n, len(space)))
    rows = model.bank.level_rows[levels + space.starts[:-1]]
    stay = rng.random(rows.shape).argsort(axis=1) >= region.radius
    drawn: IntArray = np.where(stay | region.frozen, region.centre, rows)
    return drawn


def _best(score: LogEI, rows: IntArray, n: int) -> IntArray:
    """The n candidates of highest score."""
    if not len(rows):
        return rows
    return rows[np.argsort(-score(rows), kind="stable")[:n]]


def _incumbents(model: AnovaGP, region: Region, n: int) -> IntArray:
    """Row numbers of the observed configurations of lowest mean within the region."""
    order = np.argsort(model.observed_mean.mean(axis=0), kind="stable")
    rows = model.bank.rows_at(model.places[order])
    rows = np.where(region.frozen, region.centre, rows)
    inside = (rows != region.centre).sum(axis=1) <= region.radius
    chosen: IntArray = rows[inside][:n]
    return chosen


def _affordable(score: LogEI, starts: IntArray, most: int | None = None) -> IntArray:
    """The distinct starts, or as many of the best as can be climbed from in bounded time."""
    distinct = np.unique(starts, axis=0)
    n = len(score.model.places)
    n_levels = int(score.model.space.starts[-1])
    # One step of one start predicts all its single-axis changes.
    step = len(score.model.members) * n_levels * n * (n + 100)
    budget = min(max(_MIN_STARTS, _MAX_STEP_OPERATIONS // step), most or len(starts))
    if len(distinct) <= budget:
        return distinct
    return distinct[np.argsort(-score(distinct), kind="stable")[:budget]]
