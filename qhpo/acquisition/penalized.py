"""Annealing under constraints. Penalties alone promise nothing.

What is annealed is repaired, and descends through changes that keep the constraints.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.feasible import Moves, PenaltyWeights, penalized
from qhpo.solvers import Solver

__all__ = ["constrained_samples"]

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_ROUNDS = 3
"""Most anneals of one model, with weights that grow in between: what still breaks the constraints
then is repaired."""


def constrained_samples(
    tables: DenseDQM,
    solver: Solver,
    moves: Moves,
    centre: IntArray,
    fixed: BoolArray,
    weights: PenaltyWeights,
    n_best: int,
    rng: np.random.Generator,
) -> IntArray:
    """Configurations of low energy that keep the constraints.

    Args:
        tables: Energies over the levels, a trust region's tolls included.
        solver: Samples the penalized model.
        moves: Constraints and conditions over nothing but the levels.
        centre: Level of every axis where fixed or inactive, shape (d,).
        fixed: Axes that keep the centre's level, shape (d,), bool.
        weights: Weights to start with; in place, what they have grown to.
        n_best: How many of the solver's samples to use, lowest energy first.
        rng: Seeds the solver and breaks ties.

    Returns:
        Imputed configurations of levels, shape (q, d), q <= n_best; q is 0 if no sample could be
        repaired.
    """
    imputed = centre[None, :]
    if fixed.all():
        return moves.repaired_distinct(imputed, fixed, rng)
    free = np.flatnonzero(~fixed)
    for attempt in range(_ROUNDS):
        model = penalized(tables, moves, centre, fixed, weights)
        samples = solver.reads(model, int(rng.integers(2**31))).cases[:n_best, : len(free)]
        imputed = np.tile(centre, (len(samples), 1))
        # A case behind the levels means inactive: the centre's level is imputed.
        is_level = samples < moves.space.n_levels[free]
        imputed[:, free] = np.where(is_level, samples, imputed[:, free])
        if (moves.violation(imputed) == 0.0).any():
            break
        if attempt < _ROUNDS - 1:
            weights.grow(moves, imputed)
    repaired = moves.repaired_distinct(imputed, fixed, rng)
    return moves.descend(tables, repaired, fixed, rng)
