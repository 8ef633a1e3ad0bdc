"""A DiscreteQuadraticModel as a ConstrainedQuadraticModel, and samples of it back to cases.

Solvers of constrained models take "one case of each variable" as a discrete constraint, and need
no penalty. The model has a binary variable for every case, named (variable, case): 1 means that the
variable takes the case.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import cast

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.repair import one_hot_cases

__all__ = ["cases_of_cqm_samples", "to_cqm"]


def to_cqm(dqm: dimod.DiscreteQuadraticModel) -> dimod.ConstrainedQuadraticModel:
    """The same model with a discrete constraint per variable, labelled like the variable.

    Args:
        dqm: The model to minimize.

    Returns:
        A model whose feasible samples have the energies of the DQM's.
    """
    cqm: dimod.ConstrainedQuadraticModel = dimod.ConstrainedQuadraticModel.from_dqm(dqm)
    return cqm


def cases_of_cqm_samples(
    dqm: dimod.DiscreteQuadraticModel, samples: dimod.SampleSet
) -> NDArray[np.intp]:
    """Configurations of samples of `to_cqm`; infeasible ones are repaired as one-hot samples are.

    Args:
        dqm: The model that was converted.
        samples: Samples of the constrained model, in any order of its variables.

    Returns:
        Case indices within each variable, shape (q, d), the rows in the order of the samples.
    """
    columns = {label: k for k, label in enumerate(_labels(samples.variables))}
    order = [columns[v, case] for v in _labels(dqm.variables) for case in range(dqm.num_cases(v))]
    # Solvers of constrained models return floats.
    bits = np.rint(np.asarray(samples.record.sample)[:, order]).astype(np.int8)
    return one_hot_cases(DenseDQM.from_dqm(dqm), bits)


def _labels(variables: object) -> Iterable[Hashable]:
    """Labels of variables, whose type dimod does not annotate."""
    return cast("Iterable[Hashable]", variables)
