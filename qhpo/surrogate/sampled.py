"""Effects of a function that is known at random configurations, with no formula for it.

Glossary
--------
d, D, q
    Axes, levels of all axes together, configurations.
cell
    Two levels of different axes.

Main effects are fitted by least squares. A pair's effect is what the cells' means of the residuals
add. A mean over some of q configurations varies by chance, which adds (L_i - 1) (L_j - 1) / q times
the variance of the residuals to a pair, and (L_i - 1) / q times it to a main effect: so much is
taken off (the unbiased estimate of a variance component; Searle, Casella, McCulloch 1992,
"Variance Components", section 4.3).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.effects import Effects

__all__ = ["sampled_effects"]

FloatArray = NDArray[np.float64]


def sampled_effects(space: Space, places: NDArray[np.intp], values: FloatArray) -> Effects:
    """Effects of a function. Its totals have the parts of one and of two axes only.

    Args:
        space: The search space.
        places: Configurations, drawn evenly, as numbers of levels, shape (q, d).
        values: Its values there, shape (q,).
    """
    sizes, starts = space.n_levels, space.starts[:-1]
    q = len(values)
    has = np.zeros((q, int(space.starts[-1])))
    has[np.arange(q)[:, None], places + starts] = 1.0
    together = has.T @ has
    mean = float(values.mean())
    # Levels of an axis sum up to a constant, so many solutions fit: the centred one is meant.
    solved = np.linalg.lstsq(together, has.T @ (values - mean), rcond=1e-9)
    levels = solved[0].astype(np.float64)
    for start, stop in pairwise(space.starts.tolist()):
        levels[start:stop] -= levels[start:stop].mean()
    residual = values - mean - has @ levels
    residual -= residual.mean()
    chance = float((residual**2).mean()) / q
    main: FloatArray = np.add.reduceat(levels**2, starts) / sizes - (sizes - 1) * chance
    # What no configuration has had tells nothing.
    cells = (has * residual[:, None]).T @ has / np.maximum(together, 1.0)
    cells = _centred(_centred(cells, space).T, space).T
    squares: FloatArray = cells**2
    for axis in (0, 1):
        squares = np.add.reduceat(squares, starts, axis=axis)
    pairs: FloatArray = squares / np.outer(sizes, sizes) - np.outer(sizes - 1, sizes - 1) * chance
    np.fill_diagonal(pairs, 0.0)
    main, pairs = np.maximum(main, 0.0), np.maximum(0.5 * (pairs + pairs.T), 0.0)
    return Effects(mean, levels, main, pairs, float(values.var()), main + pairs.sum(axis=1))


def _centred(table: FloatArray, space: Space) -> FloatArray:
    """Less the means over the levels of every axis, which rows are, shape (D, D)."""
    means = np.add.reduceat(table, space.starts[:-1], axis=0) / space.n_levels[:, None]
    centred: FloatArray = table - np.repeat(means, space.n_levels, axis=0)
    return centred
