"""Polish of the numbers between levels: coordinate-wise search of the score off the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.local_search import LogEI
from qhpo.acquisition.novelty import log_novelty
from qhpo.feasible import FeasibleSet
from qhpo.surrogate.anova_gp import AnovaGP
from qhpo.surrogate.kernel import combine, linear_in_axis

__all__ = ["polish"]

FloatArray = NDArray[np.float64]

_ROUNDS = 3
_POINTS = 12
_SLIDES = 6


def polish(
    score: LogEI,
    coordinates: FloatArray,
    frozen: NDArray[np.bool_],
    rng: np.random.Generator,
    domain: FeasibleSet,
) -> tuple[FloatArray, float]:
    """A configuration of higher score that differs only in numbers between levels.

    Each axis that has values between its levels is searched in turn, in a window that starts two
    levels wide and shrinks from round to round.

    Args:
        score: What to maximize.
        coordinates: The configuration to start from, shape (d,).
        frozen: Axes that must not change, shape (d,), bool.
        rng: Draws the points of each window, so that no value is favoured by a grid.
        domain: Constraints that the result keeps if the given configuration does.

    Returns:
        The configuration, shape (d,), and its score.
    """
    model = score.model
    space = model.space
    current = coordinates.copy()
    terms, own_terms, strain = model.terms(current)  # (d, M, n), (d, M), (d, M, n)
    same = np.concatenate([score.novelty.sameness(i, current[[i]]) for i in range(len(space))])
    movable = model.support.is_off_grid & ~frozen & ~np.isnan(current)
    axes = np.flatnonzero(movable).tolist()
    best = _score_of_terms(score, terms, own_terms, strain, same)
    for step in range(_ROUNDS):
        for i in axes:
            window = 2.0 / space.n_levels[i] / 4.0**step
            offsets = window * (np.arange(_POINTS) + rng.random(_POINTS) - _POINTS / 2) / _POINTS
            # What a linear constraint cuts off leaves its end, where the best often lies.
            low, high = domain.projection.range_of(i, current)
            points = np.clip(current[i] + 2.0 * offsets, low, high)
            points = np.unique(space.axes[i].snap(np.append(points, current[i])))
            points = _allowed(domain, current, i, points)
            rows, own, strains = model.axis_terms(i, points)  # (M, P, n), (M, P), (M, P, n)
            smooth = _vary(terms, i, rows, model.pair, model.rest)
            others = np.delete(strain, i, axis=0).sum(axis=0)[:, None, :]
            cross = smooth + model.local * np.exp(-(others + strains))
            prior = _vary(own_terms[:, :, None], i, own[:, :, None], model.pair, model.rest)
            points_same = score.novelty.sameness(i, points)
            weight = log_novelty(np.delete(same, i, axis=0).prod(axis=0) * points_same)
            scores = score.of_moments(*model.condition(cross, prior[:, :, 0])) + weight
            chosen = int(scores.argmax())
            best = float(scores[chosen])
            current[i] = points[chosen]
            terms[i], own_terms[i] = rows[:, chosen], own[:, chosen]
            strain[i] = strains[:, chosen]
            same[i] = points_same[chosen]
    if domain.projection.coupled:
        return _slide(score, current, best, frozen, rng, domain)
    return current, best


def _allowed(domain: FeasibleSet, current: FloatArray, axis: int, points: FloatArray) -> FloatArray:
    """Of coordinates of one axis, those that constraints allow; the current one always."""
    if not domain.constraints:
        return points
    kept = []
    for point in points.tolist():
        changed = current.copy()
        changed[axis] = point
        if point == current[axis] or domain.satisfied(changed):
            kept.append(point)
    return np.array(kept)


def _slide(
    score: LogEI,
    current: FloatArray,
    best: float,
    frozen: NDArray[np.bool_],
    rng: np.random.Generator,
    domain: FeasibleSet,
) -> tuple[FloatArray, float]:
    """Moves two floats at a time along the equalities that join them."""
    numbers, space = domain.projection, domain.space
    pairs = [(i, j, r) for i, j, r in numbers.coupled if not (frozen[i] or frozen[j])]
    for step in range(_ROUNDS if pairs else 0):
        for k in rng.permutation(len(pairs))[: len(space)].tolist():
            i, j, ratio = pairs[k]
            if np.isnan(current[[i, j]]).any():
                continue
            offsets = (np.arange(_SLIDES) + rng.random(_SLIDES) - _SLIDES / 2) / _SLIDES
            points = np.clip(current[i] + 4.0 / space.n_levels[i] / 4.0**step * offsets, 0.0, 1.0)
            before = space.axes[i].value(current[i])
            candidates = []
            for point in points.tolist():
                moved = current.copy()
                moved[i] = point
                other = space.axes[j].value(current[j])
                other -= ratio * (space.axes[i].value(point) - before)
                if space.axes[j].contains(other):
                    moved[j] = space.axes[j].coordinate(other)
                    moved = numbers.settle(moved, frozen)
                    if domain.satisfied(moved):
                        candidates.append(moved)
            for moved in candidates:
                value = _score_at(score, moved)
                if value > best:
                    current, best = moved, value
    return current, best


def _score_of_terms(
    score: LogEI,
    terms: FloatArray,
    own_terms: FloatArray,
    strain: FloatArray,
    same: FloatArray,
) -> float:
    model = score.model
    cross = _sum_orders(terms, model) + model.local[:, 0] * np.exp(-strain.sum(axis=0))
    prior = _sum_orders(own_terms[:, :, None], model)
    moments = model.condition(cross[:, None, :], prior)
    return float((score.of_moments(*moments) + log_novelty(same.prod(axis=0)[None, :]))[0])


def _score_at(score: LogEI, coordinates: FloatArray) -> float:
    """At one configuration of any values, shape (d,)."""
    same = [score.novelty.sameness(i, coordinates[[i]]) for i in range(len(coordinates))]
    return _score_of_terms(score, *score.model.terms(coordinates), np.concatenate(same))


def _sum_orders(terms: FloatArray, model: AnovaGP) -> FloatArray:
    """Smooth part of the kernel of one configuration, (d, M, n) to (M, n)."""
    squares = (terms * terms).sum(axis=0)
    product = np.prod(1.0 + terms, axis=0)
    return combine(terms.sum(axis=0), squares, product, model.pair[:, 0], model.rest[:, 0])


def _vary(
    terms: FloatArray, axis: int, rows: FloatArray, pair: FloatArray, rest: FloatArray
) -> FloatArray:
    """Kernel with one axis's term replaced: terms (d, M, n), rows (M, P, n) to (M, P, n)."""
    others = np.delete(terms, axis, axis=0)
    u = others.sum(axis=0)
    v = 0.5 * (u * u - (others * others).sum(axis=0))
    w = np.prod(1.0 + others, axis=0)
    fixed, slope = linear_in_axis(u[:, None, :], v[:, None, :], w[:, None, :], pair, rest)
    varied: FloatArray = fixed + slope * rows
    return varied
