"""Annealing-based hyperparameter and architecture search, as an Optuna sampler.

Example:
    >>> import optuna
    >>> from qhpo import QUBOSampler
    >>> study = optuna.create_study(sampler=QUBOSampler(seed=0))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from qhpo.errors import MissingExtraError, QhpoError, SolverError

if TYPE_CHECKING:
    from qhpo import constraints
    from qhpo.constraints.structures import Permutation, Subset
    from qhpo.importance import AnovaImportanceEvaluator, Interactions, interactions
    from qhpo.sampler import QUBOSampler
    from qhpo.space import Between
    from qhpo.stopping import ModelPruner
    from qhpo.study import Recommendation

    __version__: str

__all__ = [
    "AnovaImportanceEvaluator",
    "Between",
    "Interactions",
    "MissingExtraError",
    "ModelPruner",
    "Permutation",
    "QUBOSampler",
    "QhpoError",
    "Recommendation",
    "SolverError",
    "Subset",
    "__version__",
    "constraints",
    "interactions",
]

# The command line shows its help without paying for the sampler's imports.
_LAZY = {
    "AnovaImportanceEvaluator": "qhpo.importance",
    "Between": "qhpo.space",
    "Interactions": "qhpo.importance",
    "interactions": "qhpo.importance",
    "ModelPruner": "qhpo.stopping",
    "QUBOSampler": "qhpo.sampler",
    "Permutation": "qhpo.constraints.structures",
    "Recommendation": "qhpo.study",
    "Subset": "qhpo.constraints.structures",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "constraints":
        return importlib.import_module("qhpo.constraints")
    if name == "__version__":
        from importlib.metadata import version

        return version("qhpo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # What loads on first use is public too; `help` shows only what is listed here.
    return sorted(__all__)
