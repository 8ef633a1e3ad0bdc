"""Polish of the numbers between levels: coordinate-wise search of the score off the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import Acquisition
from qhpo.feasible import FeasibleSet

__all__ = ["polish"]

FloatArray = NDArray[np.float64]

_ROUNDS = 3
"""The window of each is a quarter as wide as that before. The last one reaches an eighth of a level
to either side, and its points lie a fiftieth of a level apart."""

_POINTS = 12
"""Points of a window, one in every twelfth of it: three of them lie in the next window, so that it
holds the top near the best point."""

_MOST_AXES = 16
"""Axes that a round searches; of more, a random part. Each costs as much as all levels of an axis,
and in many dimensions what a single number between two levels gains is little."""

_SLIDES = 6
"""Points of a window along a sum, each of which is scored on its own."""


def polish(
    acquisition: Acquisition,
    x: FloatArray,
    fixed: NDArray[np.bool_],
    rng: np.random.Generator,
    feasible: FeasibleSet,
) -> tuple[FloatArray, float]:
    """A configuration of higher score that differs only in numbers between levels.

    Each axis that has values between its levels is searched in turn, in a window that reaches two
    levels to either side at first and shrinks from round to round.

    Args:
        acquisition: What to maximize.
        x: The configuration to start from, shape (d,).
        fixed: Axes that must not change, shape (d,), bool.
        rng: Draws the points of each window, so that no value is favoured by a grid.
        feasible: Constraints that the result keeps if the given configuration does.

    Returns:
        The configuration, shape (d,), and its score.
    """
    space = feasible.space
    current = x.copy()
    is_off_grid = np.array([not axis.is_exhaustive for axis in space.axes])
    axes = np.flatnonzero(is_off_grid & ~fixed & ~np.isnan(current)).tolist()
    best = float(acquisition.score(current[None, :])[0])
    for step in range(_ROUNDS):
        part = axes
        if len(axes) > _MOST_AXES:
            part = np.sort(rng.choice(axes, size=_MOST_AXES, replace=False)).tolist()
        for i in part:
            window = 4.0 / space.n_levels[i] / 4.0**step
            offsets = window * (np.arange(_POINTS) + rng.random(_POINTS) - _POINTS / 2) / _POINTS
            # What a sum cuts off leaves its end, where the best often lies.
            low, high = feasible.numbers.range_of(i, current)
            points = np.clip(current[i] + offsets, low, high)
            points = np.unique(space.axes[i].snap(np.append(points, current[i])))
            points = _allowed(feasible, current, i, points)
            scores = acquisition.score_axis(current, i, points)
            chosen = int(scores.argmax())
            best = float(scores[chosen])
            current[i] = points[chosen]
    if feasible.numbers.coupled:
        return _slide(acquisition, current, best, fixed, rng, feasible)
    return current, best


def _allowed(
    feasible: FeasibleSet, current: FloatArray, axis: int, points: FloatArray
) -> FloatArray:
    """Of coordinates of one axis, those that may be suggested; the current one always."""
    if not feasible.constraints and not feasible.binds_parents:
        return points
    kept = []
    for point in points.tolist():
        changed = current.copy()
        changed[axis] = point
        if point == current[axis] or feasible.satisfied(changed):
            kept.append(point)
    return np.array(kept)


def _slide(
    acquisition: Acquisition,
    current: FloatArray,
    best: float,
    fixed: NDArray[np.bool_],
    rng: np.random.Generator,
    feasible: FeasibleSet,
) -> tuple[FloatArray, float]:
    """Moves two numbers at a time along the sums that bind them: one leads, the other follows."""
    space = feasible.space
    pairs = [(i, j) for i, j in feasible.numbers.coupled if not (fixed[i] or fixed[j])]
    for step in range(_ROUNDS if pairs else 0):
        for k in rng.permutation(len(pairs))[: len(space)].tolist():
            i, j = pairs[k]
            if np.isnan(current[[i, j]]).any():
                continue
            offsets = (np.arange(_SLIDES) + rng.random(_SLIDES) - _SLIDES / 2) / _SLIDES
            points = np.clip(current[i] + 4.0 / space.n_levels[i] / 4.0**step * offsets, 0.0, 1.0)
            all_but_one = np.arange(len(space)) != j
            candidates = []
            for point in space.axes[i].snap(points).tolist():
                moved = current.copy()
                moved[i] = point
                settled = feasible.settle(moved, all_but_one, rng)
                if settled is not None:
                    candidates.append(settled)
            for moved in candidates:
                value = float(acquisition.score(moved[None, :])[0])
                if value > best:
                    current, best = moved, value
    return current, best
