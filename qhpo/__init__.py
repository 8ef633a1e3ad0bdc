"""Annealing-based hyperparameter and architecture search, as an Optuna sampler.

Example:
    >>> import optuna
    >>> from qhpo import QUBOSampler
    >>> study = optuna.create_study(sampler=QUBOSampler(seed=0))
"""

from __future__ import annotations

from importlib.metadata import version

from qhpo.errors import MissingExtraError, QhpoError, SolverError
from qhpo.sampler import QUBOSampler

__all__ = ["MissingExtraError", "QUBOSampler", "QhpoError", "SolverError", "__version__"]

__version__ = version("qhpo")
