"""What every answer of a solver must be, checked by dimod."""

from __future__ import annotations

import dimod
import numpy as np
import pytest
from dimod.testing import assert_sampleset_energies_dqm

from qhpo.encoding import DenseDQM
from qhpo.solvers import Reads


def lowest(tables: DenseDQM) -> float:
    """The lowest energy of a small model."""
    return float(dimod.ExactDQMSolver().sample_dqm(tables.to_dqm()).first.energy)


def assert_reads(reads: Reads, tables: DenseDQM) -> None:
    """Distinct configurations with their energies, lowest first, all of them counted."""
    cases, energies, counts, report = reads.cases, reads.energies, reads.counts, reads.report
    assert len(cases) >= 1
    assert cases.shape == (len(cases), tables.n_variables)
    assert energies.shape == counts.shape == (len(cases),)
    assert (cases >= 0).all()
    assert (cases < tables.sizes).all()
    assert len(np.unique(cases, axis=0)) == len(cases)
    scale = max(float(np.abs(energies).max()), 1.0)
    digits = int(7 - np.log10(scale))
    assert_sampleset_energies_dqm(reads.to_sample_set(), tables.to_dqm(), precision=digits)
    assert (np.diff(energies) >= 0).all()
    assert (counts >= 1).all()
    assert counts.sum() == report.reads >= report.valid_reads >= 0
    assert report.energy == pytest.approx(energies[0])
    assert report.calls <= 1
