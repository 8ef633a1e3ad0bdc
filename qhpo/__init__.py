"""Annealing-based hyperparameter and architecture search, as an Optuna sampler.

Example:
    >>> import optuna
    >>> from qhpo import QUBOSampler
    >>> study = optuna.create_study(sampler=QUBOSampler(seed=0))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qhpo.errors import MissingExtraError, QhpoError, SolverError

if TYPE_CHECKING:
    from qhpo.sampler import QUBOSampler

__all__ = ["MissingExtraError", "QUBOSampler", "QhpoError", "SolverError", "__version__"]


def __getattr__(name: str) -> Any:
    # The command line shows its help without paying for the sampler's imports.
    if name == "QUBOSampler":
        from qhpo.sampler import QUBOSampler

        return QUBOSampler
    if name == "__version__":
        from importlib.metadata import version

        return version("qhpo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
