"""Sparse identification of governing equations: which few terms make up each derivative.

`identify` finds the equations of measured states; `TermSelection` is the QUBO of one equation.
"""

from __future__ import annotations

from qhpo_problems.formulations.sindy.identify import Equations, identify
from qhpo_problems.formulations.sindy.library import Library
from qhpo_problems.formulations.sindy.refit import RefitErrors
from qhpo_problems.formulations.sindy.search import (
    STARTS,
    best_terms,
    exchange_terms,
    greedy_terms,
    starts,
)
from qhpo_problems.formulations.sindy.selection import TermSelection
from qhpo_problems.formulations.sindy.weak import weak_form

__all__ = [
    "STARTS",
    "Equations",
    "Library",
    "RefitErrors",
    "TermSelection",
    "best_terms",
    "exchange_terms",
    "greedy_terms",
    "identify",
    "starts",
    "weak_form",
]
