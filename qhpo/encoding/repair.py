"""Cases of samples whose bits do not say a single case of every variable."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.tables import PairTables

__all__ = ["repaired"]


def repaired(
    tables: PairTables, suggested: NDArray[np.bool_], trusted: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """The case of lowest local field of every variable, among those that a sample suggests.

    Args:
        tables: The model of d variables with D cases.
        suggested: Cases that may be taken, shape (q, D); at least one of each variable, and just
            one of a trusted variable.
        trusted: The variables whose case is taken as certain, and that the local fields come from;
            the others contribute nothing to them. Shape (q, d).

    Returns:
        Case indices within each variable, shape (q, d).
    """
    certain = (suggested & trusted[:, tables.block]).astype(np.float64)
    fields = np.where(suggested, tables.linear + certain @ tables.quadratic, np.inf)
    cases = np.empty(trusted.shape, dtype=np.intp)
    for i, (start, stop) in enumerate(itertools.pairwise(tables.starts.tolist())):
        cases[:, i] = fields[:, start:stop].argmin(axis=1)
    return cases
