"""Configurations as a SampleSet over the variables of a DQM."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import cast

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.tables import PairTables

__all__ = ["sample_set"]


def sample_set(
    dqm: dimod.DiscreteQuadraticModel, tables: PairTables, cases: NDArray[np.intp]
) -> dimod.SampleSet:
    """Distinct configurations with their energies and counts, lowest energy first.

    Args:
        dqm: The model, for its variable labels.
        tables: The same model as dense arrays.
        cases: Case indices within each variable, shape (q, d).
    """
    labels = cast("Iterable[Hashable]", dqm.variables)
    distinct, occurrences = np.unique(cases, axis=0, return_counts=True)
    energies = tables.energies(distinct)
    order = np.argsort(energies, kind="stable")
    samples: dimod.SampleSet = dimod.SampleSet.from_samples(
        (distinct[order], labels),
        vartype=dimod.INTEGER,
        energy=energies[order],
        num_occurrences=occurrences[order],
    )
    return samples
