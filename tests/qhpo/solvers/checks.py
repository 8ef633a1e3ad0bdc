"""What solvers answer, as dimod's own types."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import cast

import dimod

from qhpo.encoding import DenseDQM
from qhpo.solvers import Solver, SolverReport


def sample_set(solver: Solver, dqm: dimod.DiscreteQuadraticModel, seed: int) -> dimod.SampleSet:
    """The reads of a model that dimod made."""
    labels = list(cast("Iterable[Hashable]", dqm.variables))
    return solver.reads(DenseDQM.from_dqm(dqm), seed).to_sample_set(labels)


def report_of(samples: dimod.SampleSet) -> SolverReport:
    report = samples.info["qhpo"]
    assert isinstance(report, SolverReport)
    return report
