"""Cases of samples whose bits do not say a single case of every variable."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM

__all__ = ["one_hot_cases", "ones", "repaired"]


def one_hot_cases(tables: DenseDQM, samples: NDArray[np.int8]) -> NDArray[np.intp]:
    """Cases of one-hot samples; a block with none or several ones is repaired.

    Such a block takes the case of lowest local field, among its ones if it has any, given the
    valid blocks.

    Args:
        tables: The model of d variables with D cases.
        samples: Shape (q, D), a column for every case.

    Returns:
        Case indices within each variable, shape (q, d).
    """
    counts = ones(tables, samples)
    suggested = (samples == 1) | (counts == 0)[:, tables.block]
    return repaired(tables, suggested, counts == 1)


def ones(tables: DenseDQM, samples: NDArray[np.int8]) -> NDArray[np.intp]:
    """Ones in every block of one-hot samples, shape (q, D) -> (q, d)."""
    counts: NDArray[np.intp] = np.add.reduceat(samples.astype(np.intp), tables.starts[:-1], axis=1)
    return counts


def repaired(
    tables: DenseDQM, suggested: NDArray[np.bool_], trusted: NDArray[np.bool_]
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
