"""How much a configuration is worth a trial, made of surrogates."""

from __future__ import annotations

from qhpo.acquisition.base import Acquisition
from qhpo.acquisition.exploration import LogDeviation
from qhpo.acquisition.feasibility import LogFeasibility, LogNovelty, LogProduct
from qhpo.acquisition.hypervolume import LogEHVI
from qhpo.acquisition.log_ei import LogEI

__all__ = [
    "Acquisition",
    "LogDeviation",
    "LogEHVI",
    "LogEI",
    "LogFeasibility",
    "LogNovelty",
    "LogProduct",
]
