"""Configurations as a SampleSet over the variables of a DQM."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import cast

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.tables import PairTables
from qhpo.solvers.report import REPORT, SolverReport

__all__ = ["configurations", "sample_set"]


def sample_set(
    dqm: dimod.DiscreteQuadraticModel,
    tables: PairTables,
    cases: NDArray[np.intp],
    report: SolverReport,
    counts: NDArray[np.intp] | None = None,
) -> dimod.SampleSet:
    """Distinct configurations with their energies and counts, lowest energy first.

    Args:
        dqm: The model, for its variable labels.
        tables: The same model as dense arrays.
        cases: Case indices within each variable, shape (q, d).
        report: What the solver did; goes into ``info``, its energy made the lowest one.
        counts: How often each configuration occurred, shape (q,); None for once.
    """
    labels = cast("Iterable[Hashable]", dqm.variables)
    distinct, number = np.unique(cases, axis=0, return_inverse=True)
    occurrences = np.bincount(number.ravel(), counts, minlength=len(distinct)).astype(np.intp)
    energies = tables.energies(distinct)
    order = np.argsort(energies, kind="stable")
    samples: dimod.SampleSet = dimod.SampleSet.from_samples(
        (distinct[order], labels),
        vartype=dimod.INTEGER,
        energy=energies[order],
        num_occurrences=occurrences[order],
        sort_labels=False,
        info={REPORT: report.with_energy(energies)},
    )
    return samples


def configurations(samples: dimod.SampleSet, dqm: dimod.DiscreteQuadraticModel) -> NDArray[np.intp]:
    """Case indices of the samples of a solver, in their order, shape (q, d).

    A solver of a user's own may return its columns in any order; here they are those of the model.
    """
    columns = [samples.variables.index(v) for v in cast("Iterable[Hashable]", dqm.variables)]
    cases: NDArray[np.intp] = np.asarray(samples.record.sample)[:, columns].astype(np.intp)
    return cases
