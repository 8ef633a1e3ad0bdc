"""Annealing and descent of the roundings of all rows of a layer at once.

The rows are separate problems with one H in common, so a step is a few matrix products for all of
them together.

Glossary
--------
H, s, c, e
    As in `qhpo_problems.formulations.quantization.grid`; e = s c - w.
R, q
    Rows; chains of each row. The state of all chains is a matrix, shape (R q, in).
g
    e H, of the shape of e: half the slope of the cost e'He. A step of one code, t = +1 or -1, of
    weight i changes the cost by 2 t s g_i + s^2 H_ii.
B, b
    A random block of weights, and how many they are.
k
    Curvature of the cost along one weight where all others give way: the median of
    1 / (H^-1)_ii. The unit of temperature is s^2 k.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.formulations.quantization.grid import (
    Grid,
    damped,
    feed_back,
    output_errors,
)

__all__ = ["anneal", "descend"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = 64
"""Most weights of a row that one proposal may touch: their inverse matrix is computed each time."""

_SWEEPS = 200
"""Proposals of a chain, in units of those that touch each weight once on average."""

_CHAINS = 32
"""Chains of all rows together, if there are fewer rows."""

_HOT, _COLD = 1.0, 0.05
"""First and last temperature, in units of s^2 k. From 3 or 10 on, layers of a CNN ended at costs 2
to 8 % higher."""

_LEAST_NOISE, _MOST_NOISE = 0.03, 0.3
"""Least and largest standard deviation of what proposals add to a weight before it is rounded, in
units of s times the square root of k (H_BB^-1)_ii, as a weight that others can make up for is the
freer one. Each proposal draws its own between them, evenly in the logarithm."""

_LEAST_GAIN = 1e-12
"""Of a move, in units of the cost of one step: below it, rounding of floats could cycle."""


def anneal(
    weights: FloatArray, gram: FloatArray, grid: Grid, start: IntArray, rng: np.random.Generator
) -> IntArray:
    """Simulated annealing whose moves round a block of weights anew, given all others.

    Single flips are stuck here: inputs are so correlated that nearly every flip alone costs much
    more than rounding it well would gain. A move therefore draws a block, finds the values of its
    weights that would be best if they were free, e_B - g_B H_BB^-1, rounds them with error
    feedback after a little noise, and is taken or not by the rule of Metropolis. (The proposals
    are not symmetric, so this searches for low costs and samples no known distribution.)

    Args:
        weights: w, shape (R, in).
        gram: H, shape (in, in).
        grid: Of R rows.
        start: Codes, shape (R, in).
        rng: Of blocks, noise and acceptance.

    Returns:
        The best codes that each row saw, shape (R, in), no worse than the start.
    """
    rows, width = weights.shape
    chains = max(1, _CHAINS // rows)
    scale = np.repeat(grid.scales, chains)
    spread = replace(grid, scales=scale)
    codes = np.repeat(start, chains, axis=0)
    errors = spread.values(codes) - np.repeat(weights, chains, axis=0)
    slopes = errors @ gram
    cost = np.einsum("ri,ri->r", slopes, errors)
    best, least = codes.copy(), cost.copy()
    block = min(_BLOCK, (width + 1) // 2)
    regular = damped(gram)
    curvature = float(np.median(1.0 / np.diag(np.linalg.inv(regular))))
    for temperature in np.geomspace(_HOT, _COLD, max(1, _SWEEPS * width // block)):
        chosen = rng.permutation(width)[:block]
        inverse = np.asarray(np.linalg.inv(regular[np.ix_(chosen, chosen)]), float)
        noise = np.exp(
            rng.uniform(math.log(_LEAST_NOISE), math.log(_MOST_NOISE), size=(len(scale), 1))
        )
        wanted = codes[:, chosen] - slopes[:, chosen] @ inverse / scale[:, None]
        freedom = np.sqrt(curvature * np.diag(inverse))
        wanted += noise * freedom * rng.standard_normal(wanted.shape)
        proposed = feed_back(scale[:, None] * wanted, inverse, spread)
        step = scale[:, None] * (proposed - codes[:, chosen])
        response = step @ gram[chosen]
        change = ((2.0 * slopes[:, chosen] + response[:, chosen]) * step).sum(axis=1)
        limit = temperature * curvature * scale**2 * rng.standard_exponential(len(scale))
        moved = np.flatnonzero((change < limit) & step.any(axis=1))
        codes[np.ix_(moved, chosen)] = proposed[moved]
        slopes[moved] += response[moved]
        cost[moved] += change[moved]
        better = moved[cost[moved] < least[moved]]
        best[better], least[better] = codes[better], cost[better]
    # Costs were summed up step by step; those that count are computed.
    candidates = np.concatenate([start[:, None], best.reshape(rows, chains, width)], axis=1)
    costs = [output_errors(gram, grid.values(c) - weights) for c in candidates.swapaxes(0, 1)]
    found: IntArray = candidates[np.arange(rows), np.argmin(costs, axis=0)]
    return found


def descend(
    weights: FloatArray, gram: FloatArray, grid: Grid, codes: IntArray, *, pairs: bool
) -> IntArray:
    """Steps of one code, and of two at a time, until none lowers the cost.

    Every weight may leave the two codes around its value.

    Args:
        weights: w, shape (R, in).
        gram: H, shape (in, in).
        grid: Of R rows.
        codes: Where to start, shape (R, in). Not modified.
        pairs: Whether two weights may step together; a pass then takes time in R in^2 instead of
            R in for rows where nothing changes.

    Returns:
        Codes of costs no higher than before, shape (R, in).
    """
    codes = codes.copy()
    step = grid.scales[:, None]
    single = step**2 * np.diag(gram)
    least = _LEAST_GAIN * single.mean(axis=1)
    slopes = (grid.values(codes) - weights) @ gram
    everyone = np.arange(len(codes))

    def answer(i: int, sign: int) -> tuple[FloatArray, IntArray, IntArray]:
        """Change of cost, partner and its sign, 0 for none, if weight i makes a step."""
        change = 2.0 * sign * step[:, 0] * slopes[:, i] + single[:, i]
        change[~grid.holds(codes[:, i] + sign)] = np.inf
        if not pairs:
            return change, np.zeros_like(everyone), np.zeros_like(everyone)
        # Of a partner's two steps, the one against its slope can pay.
        after = slopes + sign * step * gram[i]
        partner_sign = np.where(after > 0, -1, 1)
        partner = single - 2.0 * step * np.abs(after)
        partner[~grid.holds(codes + partner_sign)] = np.inf
        partner[:, i] = np.inf
        best = partner.argmin(axis=1)
        gain = np.minimum(partner[everyone, best], 0.0)
        return change + gain, best, partner_sign[everyone, best] * (gain < 0.0)

    def take(who: IntArray, weight: IntArray, sign: IntArray) -> None:
        codes[who, weight] += sign
        slopes[who] += (sign * grid.scales[who])[:, None] * gram[weight]

    changed = True
    while changed:
        changed = False
        for i in range(codes.shape[1]):
            for sign in (1, -1):
                change, partner, partner_sign = answer(i, sign)
                who = np.flatnonzero(change < -least)
                if len(who):
                    changed = True
                    take(who, np.full(len(who), i), np.full(len(who), sign))
                    both = who[partner_sign[who] != 0]
                    take(both, partner[both], partner_sign[both])
    return codes
