"""A discrete quadratic model as a ConstrainedQuadraticModel, and samples of it back to cases.

Solvers of constrained models take "one case of each variable" as a discrete constraint, and need
no penalty. The model has a binary variable for every case, named (variable, case): 1 means that the
variable takes the case.
"""

from __future__ import annotations

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.repair import one_hot_cases

__all__ = ["cases_of_cqm_samples", "to_cqm"]


def to_cqm(tables: DenseDQM) -> dimod.ConstrainedQuadraticModel:
    """The same model with a discrete constraint per variable, labelled like the variable.

    Args:
        tables: The model to minimize.

    Returns:
        A model whose feasible samples have the energies of the discrete model.
    """
    cqm: dimod.ConstrainedQuadraticModel = dimod.ConstrainedQuadraticModel.from_dqm(tables.to_dqm())
    return cqm


def cases_of_cqm_samples(tables: DenseDQM, samples: dimod.SampleSet) -> NDArray[np.intp]:
    """Configurations of samples of `to_cqm`; infeasible ones are repaired as one-hot samples are.

    Args:
        tables: The model that was converted.
        samples: Samples of the constrained model, in any order of its variables.

    Returns:
        Case indices within each variable, shape (q, d), the rows in the order of the samples.
    """
    labels = [(i, case) for i, size in enumerate(tables.sizes.tolist()) for case in range(size)]
    columns = [samples.variables.index(label) for label in labels]
    # Solvers of constrained models return floats.
    bits = np.rint(np.asarray(samples.record.sample)[:, columns]).astype(np.int8)
    return one_hot_cases(tables, bits)
