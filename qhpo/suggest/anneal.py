"""Starts from annealing the surrogate's main effects and pairs, inside a trust region.

Penalties alone promise nothing: what is annealed is repaired, and descends through changes that
keep the constraints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet, Moves, PenaltyWeights, penalized
from qhpo.solvers import Solver, reads_of_many
from qhpo.space import Space
from qhpo.suggest.search import Search
from qhpo.suggest.settings import Settings
from qhpo.surrogate.base import Part, QuadraticKind

__all__ = ["Annealed", "annealed", "low_energies", "pulled_back", "with_toll"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_MOST_LEVELS = 400
"""Most levels that are annealed together: the model has a square of them. Of more, a random part of
the axes is free and the others stay at the centre, as in "Scalable Global Optimization via Local
Bayesian Optimization", where a random part of many axes is perturbed. Axes of more levels than this
are left to the climbs, which look at every level. What a call costs is worth the whole model."""

_MANY_LEVELS = 256
"""With more levels than this only one mean and one draw are annealed, each takes too long; and so
it is where every call costs something."""

_MANY_PENALIZED_LEVELS = 48
"""The same where constraints cost slack variables, repair and repeated anneals."""

_ROUNDS = 3
"""Most anneals of one model, with penalties that grow in between: what still breaks the constraints
then is repaired."""


def annealed(
    search: Search, solver: Solver, settings: Settings, n_reads: int, rng: np.random.Generator
) -> IntArray:
    """Places of annealed configurations, shape (q, d).

    Args:
        search: Its surrogate is annealed in its region.
        solver: Samples the quadratic models.
        settings: Which models are annealed.
        n_reads: Best reads of each that are used.
        rng: Decides what is left to chance.
    """
    feasible, region = search.feasible, search.region
    space = feasible.space
    imputed = search.impute(region.centre[None, :], rng)
    x = search.occurring.coordinates(imputed)[0]
    centre = space.nearest_levels(x)
    weights = PenaltyWeights()
    parts = []
    for axes, model in _models(search, solver, settings, x, rng):
        moves, fixed = feasible.levels, region.fixed.copy()
        fixed[np.setdiff1d(np.arange(len(space)), axes)] = True
        chosen = np.arange(len(space))
        if model.n_variables < len(space):
            moves, chosen = _plain_moves(space, axes), axes
        around, stay = centre[chosen], fixed[chosen]
        tolled = with_toll(model, around, stay, region.radius)
        parts.append((chosen, model, Annealed(tolled, moves, around, stay)))
    found = [np.empty((0, len(space)), dtype=np.intp)]
    # Where every call costs something, all models share one if the solver can; elsewhere what one
    # teaches of the penalties serves the next.
    together = len(parts) if solver.is_costly else 1
    for start in range(0, len(parts), together or 1):
        some = parts[start : start + together]
        each = low_energies([of for _, _, of in some], solver, weights, n_reads, rng)
        for (chosen, model, of), levels in zip(some, each, strict=True):
            # Under constraints a change that is taken back may break one.
            kept = levels
            if feasible.is_plain:
                kept = pulled_back(model, levels, of.centre, region.radius)
            whole = np.tile(centre, (len(kept), 1))
            whole[:, chosen] = kept
            found.append(whole)
    sampled = np.concatenate(found)
    # What stays at the centre keeps its value, which may lie between levels.
    places = np.where(sampled == centre, imputed, sampled)
    active: IntArray = np.where(feasible.levels.activity.apply(sampled) < 0, -1, places)
    return active


def _models(
    search: Search, solver: Solver, settings: Settings, x: FloatArray, rng: np.random.Generator
) -> list[tuple[IntArray, DenseDQM]]:
    """Of the mean of every member, and of draws; one each of many levels.

    Args:
        search: What is annealed, and where.
        solver: What the models are for.
        settings: Which models there are.
        x: Coordinates of the centre, shape (d,).
        rng: Decides what is left to chance.

    Returns:
        The axes that may leave the centre, and a model of these or of all axes.
    """
    surrogate, feasible = search.surrogate, search.feasible
    many = 0 if solver.is_costly else _MANY_LEVELS if feasible.is_plain else _MANY_PENALIZED_LEVELS
    members = range(surrogate.n_members)
    most = 1 if surrogate.space.starts[-1] > many else None
    averaged = rng.permutation(members)[: most if settings.anneal_means else 0]
    drawn = rng.integers(len(members), size=settings.draws)[:most]
    asked: list[tuple[QuadraticKind, int]] = [("mean", int(m)) for m in averaged]
    asked += [("draw", int(m)) for m in drawn]
    models = []
    for kind, member in asked:
        axes = np.arange(len(surrogate.space))
        if not solver.is_costly:
            axes = _free_axes(surrogate.space, search.region.fixed, rng)
        # Constraints and conditions speak of the others too.
        is_part = feasible.is_plain and len(axes) < len(surrogate.space)
        if len(axes):
            part = Part(axes, x) if is_part else None
            models.append((axes, surrogate.quadratic(kind, member, rng, part)))
    return models


def _free_axes(space: Space, fixed: BoolArray, rng: np.random.Generator) -> IntArray:
    """All axes, or some of those that are not fixed, of few enough levels together."""
    if space.starts[-1] <= _MOST_LEVELS:
        return np.arange(len(space))
    order = rng.permutation(np.flatnonzero(~fixed & (space.n_levels <= _MOST_LEVELS)))
    chosen: IntArray = np.sort(order[np.cumsum(space.n_levels[order]) <= _MOST_LEVELS])
    return chosen


def _plain_moves(space: Space, axes: IntArray) -> Moves:
    """The moves of some axes of a space without constraints and conditions."""
    names = [space.axes[i].name for i in axes.tolist()]
    return FeasibleSet(Space({name: space.search_space[name] for name in names})).levels


class Annealed(NamedTuple):
    """A model that is annealed.

    Attributes:
        model: Energies over the levels, a trust region's toll included.
        moves: Constraints and conditions over nothing but the levels.
        centre: Level of every axis where fixed or inactive, shape (d,).
        fixed: Axes that keep the centre's level, shape (d,), bool.
    """

    model: DenseDQM
    moves: Moves
    centre: IntArray
    fixed: BoolArray


def low_energies(
    parts: Sequence[Annealed],
    solver: Solver,
    weights: PenaltyWeights,
    n_best: int,
    rng: np.random.Generator,
) -> list[IntArray]:
    """Configurations of low energy that keep the constraints, of each model.

    Args:
        parts: The models. All that are still to be sampled share a call, if the solver can.
        solver: Samples the models, with penalties where there are constraints.
        weights: Weights to start with; in place, what they have grown to.
        n_best: How many of the solver's reads to use, lowest energy first.
        rng: Seeds the solver and breaks ties.

    Returns:
        Of each model imputed configurations of levels, distinct, shape (q, d), q <= n_best; q is 0
        if no read could be repaired.
    """
    imputed = [part.centre[None, :] for part in parts]
    is_free = [not part.fixed.all() for part in parts]
    broken = np.flatnonzero(is_free).tolist()
    for attempt in range(_ROUNDS):
        if not broken:
            break
        penalties = [
            penalized(of.model, of.moves, of.centre, of.fixed, weights)
            for of in (parts[k] for k in broken)
        ]
        answers = reads_of_many(solver, penalties, int(rng.integers(2**31)))
        for k, answer in zip(broken, answers, strict=True):
            imputed[k] = _imputed(parts[k], answer.cases[:n_best])
        broken = [k for k in broken if not (parts[k].moves.violation(imputed[k]) == 0.0).any()]
        if attempt < _ROUNDS - 1:
            for k in broken:
                weights.grow(parts[k].moves, imputed[k])
    found = []
    for of, start, is_sampled in zip(parts, imputed, is_free, strict=True):
        repaired = of.moves.repaired_distinct(start, of.fixed, rng)
        found.append(
            of.moves.descend(of.model, repaired, of.fixed, rng) if is_sampled else repaired
        )
    return found


def _imputed(part: Annealed, cases: IntArray) -> IntArray:
    """Reads as imputed configurations: a case behind the levels means the centre's level."""
    free = np.flatnonzero(~part.fixed)
    reads = cases[:, : len(free)]
    imputed = np.tile(part.centre, (len(reads), 1))
    is_level = reads < part.moves.space.n_levels[free]
    imputed[:, free] = np.where(is_level, reads, imputed[:, free])
    return imputed


def with_toll(model: DenseDQM, centre: IntArray, fixed: BoolArray, radius: int) -> DenseDQM:
    """The model with the trust region as a linear term.

    Leaving the centre costs the same on every axis: the gain of the axis that ranks just behind
    the ``radius`` most gainful single changes, so that about ``radius`` axes are worth it.

    Args:
        model: Energies over all levels.
        centre: Level of every axis at the centre, shape (d,).
        fixed: Axes that stay at the centre's level, shape (d,), bool.
        radius: Largest number of axes that may differ from the centre.
    """
    free = np.flatnonzero(~fixed)
    if radius >= len(free):
        return model
    selected = centre + model.starts[:-1]
    fields = model.local_fields(centre[None, :])[0]
    gains = fields[selected] - np.minimum.reduceat(fields, model.starts[:-1])
    linear = model.linear.copy()
    linear[selected] -= np.sort(gains[free])[::-1][radius]
    return replace(model, linear=linear)


def pulled_back(model: DenseDQM, levels: IntArray, centre: IntArray, radius: int) -> IntArray:
    """Configurations beyond the radius give up the changes that gain least, (q, d) to (q, d)."""
    kept = levels.copy()
    for configuration in kept:
        changed = np.flatnonzero(configuration != centre)
        excess = len(changed) - radius
        if excess > 0:
            fields = model.local_fields(configuration[None, :])[0]
            starts = model.starts[:-1][changed]
            gains = fields[starts + centre[changed]] - fields[starts + configuration[changed]]
            back = changed[np.argsort(gains, kind="stable")[:excess]]
            configuration[back] = centre[back]
    return kept
