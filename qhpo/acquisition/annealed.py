"""Candidates from annealing the surrogate's first two orders, inside a trust region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.solvers import Solver

__all__ = ["annealed_levels", "restrict", "with_toll"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def annealed_levels(
    tables: DenseDQM,
    solver: Solver,
    centre: IntArray,
    frozen: NDArray[np.bool_],
    radius: int,
    n_best: int,
    seed: int,
) -> IntArray:
    """Low-energy configurations near a centre.

    Args:
        tables: Model over all axes; its energy is minimized.
        solver: Samples the model.
        centre: Level of every axis at the trust region's centre, shape (d,).
        frozen: Axes that stay at the centre's level, shape (d,), bool.
        radius: Largest number of axes that may differ from the centre.
        n_best: How many of the solver's samples to use, lowest energy first.
        seed: Seed of the solver.

    Returns:
        Levels, shape (q, d), q <= n_best.
    """
    if frozen.all():
        return centre[None, :].copy()
    model, free = restrict(tables, centre, frozen, radius)
    samples = solver.reads(model, seed).cases[:n_best]
    levels = np.tile(centre, (len(samples), 1))
    levels[:, free] = samples
    return _pull_back(tables, levels, centre, radius)


def with_toll(
    tables: DenseDQM, centre: IntArray, frozen: NDArray[np.bool_], radius: int
) -> DenseDQM:
    """The model with the trust region as a linear term.

    Leaving the centre costs the same on every axis: the gain of the axis that ranks just behind
    the ``radius`` most gainful single changes, so that about ``radius`` axes are worth it.

    Args:
        tables: Model over all axes.
        centre: Level of every axis at the centre, shape (d,).
        frozen: Axes that stay at the centre's level, shape (d,), bool.
        radius: Largest number of axes that may differ from the centre.
    """
    free = np.flatnonzero(~frozen)
    if radius >= len(free):
        return tables
    selected = centre + tables.starts[:-1]
    fields = tables.local_fields(centre[None, :])[0]
    gains = fields[selected] - np.minimum.reduceat(fields, tables.starts[:-1])
    linear = tables.linear.copy()
    linear[selected] -= np.sort(gains[free])[::-1][radius]
    return replace(tables, linear=linear)


def restrict(
    tables: DenseDQM, centre: IntArray, frozen: NDArray[np.bool_], radius: int
) -> tuple[DenseDQM, IntArray]:
    """The model over the free axes, with the trust region's toll.

    Args:
        tables: Model over all axes.
        centre: Level of every axis at the centre, shape (d,).
        frozen: Axes that stay at the centre's level, shape (d,), bool.
        radius: Largest number of axes that may differ from the centre.

    Returns:
        The restricted model and the numbers of its axes.
    """
    free = np.flatnonzero(~frozen)
    selected = centre + tables.starts[:-1]
    keep = ~frozen[tables.block]
    linear = with_toll(tables, centre, frozen, radius).linear
    linear = linear + tables.quadratic[:, selected[frozen]].sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(tables.sizes[free])]).astype(np.intp)
    quadratic = tables.quadratic[np.ix_(keep, keep)]
    return DenseDQM(starts, linear[keep], quadratic, tables.offset), free


def _pull_back(tables: DenseDQM, levels: IntArray, centre: IntArray, radius: int) -> IntArray:
    """Configurations beyond the radius give up the changes that gain least; in place."""
    for configuration in levels:
        changed = np.flatnonzero(configuration != centre)
        excess = len(changed) - radius
        if excess > 0:
            fields = tables.local_fields(configuration[None, :])[0]
            starts = tables.starts[:-1][changed]
            gains = fields[starts + centre[changed]] - fields[starts + configuration[changed]]
            back = changed[np.argsort(gains, kind="stable")[:excess]]
            configuration[back] = centre[back]
    return levels
