"""A study as data: its trials read once a suggestion, claims between processes, what was spent."""

from __future__ import annotations

from qhpo.study.declaration import Declaration
from qhpo.study.domain import StudyDomain, fixed_coordinates
from qhpo.study.scalarization import random_weights
from qhpo.study.trials import (
    HistoryReader,
    StudyIdentity,
    TrialReads,
    Trials,
    fail,
    fixed_params,
    publish,
    published_params,
)
from qhpo.study.usage import ANNEALS, metered, spent

__all__ = [
    "ANNEALS",
    "Declaration",
    "HistoryReader",
    "StudyDomain",
    "StudyIdentity",
    "TrialReads",
    "Trials",
    "fail",
    "fixed_coordinates",
    "fixed_params",
    "metered",
    "publish",
    "published_params",
    "random_weights",
    "spent",
]
