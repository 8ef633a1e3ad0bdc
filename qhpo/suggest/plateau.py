"""Plateaus: studies whose best value many configurations share.

Where a parameter has no effect, or a metric has few values, the surrogate learns that nothing
matters near the best configurations, and stays with them. Then every second trial goes where less
is known.
"""

from __future__ import annotations

import numpy as np

from qhpo.history import History

__all__ = ["explores"]

_SHARED_BY = 3
"""Trials that share the best value of a plateau, at least. Two may be one that was repeated."""

_SHARE = 0.1
"""Their share of all trials, at least: later a few ties do not stop the search."""

_ROUNDING = 1e-9
"""Relative difference of values that differ by rounding only."""


def explores(history: History) -> bool:
    """Whether the next trial is to go where least is known.

    Args:
        history: What is known; at least one value.
    """
    values = history.values[: history.n_finished]
    if history.is_feasible is not None:
        # What broke a measured constraint is no part of a plateau, however much of it there is.
        values = values[history.is_feasible[: history.n_finished]]
    if history.objectives is not None or not len(values):
        return False
    least = values.min()
    same = values == least
    if np.isfinite(least):
        # Halves, for the largest floats have no sum.
        same |= values / 2.0 - least / 2.0 <= 0.5 * _ROUNDING * abs(least)
    n_shared = int(same.sum())
    return n_shared >= max(_SHARED_BY, _SHARE * len(values)) and _is_turn(history)


def _is_turn(history: History) -> bool:
    """Of trials one after another and of parallel ones, every second one."""
    return (len(history.values) + len(history.pending)) % 2 == 0
