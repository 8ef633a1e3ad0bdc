"""A study as data: its trials read once a suggestion, claims between processes, what was spent."""

from __future__ import annotations

from qhpo.study.claims import fixed_params, publish, published_params
from qhpo.study.declaration import Declaration, fixed_coordinates
from qhpo.study.domain import StudyDomain
from qhpo.study.reader import HistoryReader
from qhpo.study.scalarization import is_dominated, random_weights
from qhpo.study.trials import StudyIdentity, TrialReads, Trials, fail
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
    "is_dominated",
    "metered",
    "publish",
    "published_params",
    "random_weights",
    "spent",
]
