"""Local search: changes of one bit, and exchanges, which keep the number of ones.

An exchange turns a one off and a zero on. The glossary is that of `qhpo_problems.formulations
.model`; turning i off and j on changes the energy by f_j - f_i - J_ij.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.formulations.model import BinaryModel

__all__ = ["descend_by_bits", "exchange", "with_count"]

IntArray = NDArray[np.intp]

_CANDIDATES = 256
"""Ones, and zeros, of best local field that an exchange is chosen among: all of them in models of
up to so many of each, and a bound on the time of a step in larger ones."""

_TOLERANCE = 1e-12
"""Least gain of a change, in units of the largest local field."""


def descend_by_bits(model: BinaryModel, bits: IntArray) -> IntArray:
    """Steepest descent by changes of one bit, until none lowers the energy.

    Args:
        model: What is minimized; its own ``count`` does not matter.
        bits: Shape (n,). Not modified.

    Returns:
        Bits, shape (n,), of an energy no higher.
    """
    current = bits.copy()
    fields = model.fields(current[None, :])[0]
    tolerance = _tolerance(fields)
    while len(current):
        change = np.where(current == 1, -fields, fields)
        i = int(change.argmin())
        if change[i] >= -tolerance:
            break
        fields += (1 - 2 * current[i]) * model.couplings[i]
        current[i] = 1 - current[i]
    return current


def with_count(model: BinaryModel, bits: IntArray, count: int) -> IntArray:
    """Bits with exactly so many ones: one after the other is changed, the one that costs least.

    Args:
        model: What the costs are counted by; its own ``count`` does not matter.
        bits: Shape (n,). Not modified.
        count: k, 0 to n.

    Returns:
        Bits, shape (n,). From all zeros this is the greedy algorithm.
    """
    repaired = bits.copy()
    fields = model.fields(repaired[None, :])[0]
    missing = count - int(repaired.sum())
    sign = 1 if missing > 0 else -1
    for _ in range(abs(missing)):
        can = repaired == (0 if sign > 0 else 1)
        i = int(np.where(can, sign * fields, np.inf).argmin())
        repaired[i] = 1 if sign > 0 else 0
        fields += sign * model.couplings[i]
    return repaired


def exchange(model: BinaryModel, bits: IntArray) -> IntArray:
    """Descent by exchanges, until none lowers the energy.

    The one that gains most by leaving goes, and the best zero given that comes, while this helps;
    then the best exchange of all is looked for. In models with more than 256 ones and zeros each,
    that is the best among the 256 ones and 256 zeros of best local field.

    Args:
        model: What is minimized; its own ``count`` does not matter.
        bits: Shape (n,). Not modified.

    Returns:
        Bits with the same number of ones, shape (n,), of an energy no higher.
    """
    current = bits.copy()
    if current.all() or not current.any():
        return current
    fields = model.fields(current[None, :])[0]
    tolerance = _tolerance(fields)
    while True:
        i = int(np.where(current == 1, fields, -np.inf).argmax())
        change = np.where(current == 0, fields - fields[i] - model.couplings[i], np.inf)
        j = int(change.argmin())
        gain = -float(change[j])
        if gain <= tolerance:
            i, j, gain = _best_exchange(model, current, fields)
            if gain <= tolerance:
                return current
        current[i], current[j] = 0, 1
        fields += model.couplings[j] - model.couplings[i]


def _best_exchange(
    model: BinaryModel, bits: IntArray, fields: NDArray[np.float64]
) -> tuple[int, int, float]:
    """The one and the zero to exchange, and what that gains."""
    on = _lowest(-fields, np.flatnonzero(bits == 1))
    off = _lowest(fields, np.flatnonzero(bits == 0))
    change = fields[off] - fields[on][:, None] - model.couplings[np.ix_(on, off)]
    row, column = np.unravel_index(int(change.argmin()), change.shape)
    return int(on[row]), int(off[column]), -float(change[row, column])


def _tolerance(fields: NDArray[np.float64]) -> float:
    return _TOLERANCE * max(float(np.abs(fields).max(initial=0.0)), 1e-300)


def _lowest(costs: NDArray[np.float64], among: IntArray) -> IntArray:
    """At most `_CANDIDATES` of some bits, those of lowest cost."""
    if len(among) <= _CANDIDATES:
        return among
    chosen: IntArray = among[np.argpartition(costs[among], _CANDIDATES)[:_CANDIDATES]]
    return chosen
