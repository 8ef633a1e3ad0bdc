"""A study as data: its trials read once a suggestion, claims between processes, what was spent."""

from __future__ import annotations

from qhpo.study.batches import Left, leave, left, take
from qhpo.study.claims import (
    AGAIN,
    HANDED_BACK,
    OWNER,
    WITHDRAWN,
    begin,
    ends_by_itself,
    fail,
    fixed_params,
    has_failed_by_itself,
    lies_outside,
    note_failure,
    publish,
    published_params,
    published_values,
    restore_fixed,
)
from qhpo.study.declaration import Declaration
from qhpo.study.domain import StudyDomain, fixed_coordinates
from qhpo.study.earlier import earlier_studies
from qhpo.study.news import News
from qhpo.study.outcomes import (
    ConstraintsFunc,
    constraint_attributes,
    measure,
    measured_constraints,
    set_constraint,
)
from qhpo.study.ranges import union
from qhpo.study.recommendation import Recommendation
from qhpo.study.remembered import (
    Searched,
    declared_as_text,
    remember,
    remembered,
    searched_of,
)
from qhpo.study.reports import StudyCurves
from qhpo.study.scalarization import equal_weights, random_weights
from qhpo.study.trials import HistoryReader, StudyIdentity, TrialReads, Trials
from qhpo.study.usage import ANNEALS, metered, spent

__all__ = [
    "AGAIN",
    "ANNEALS",
    "HANDED_BACK",
    "OWNER",
    "WITHDRAWN",
    "ConstraintsFunc",
    "Declaration",
    "HistoryReader",
    "Left",
    "News",
    "Recommendation",
    "Searched",
    "StudyCurves",
    "StudyDomain",
    "StudyIdentity",
    "TrialReads",
    "Trials",
    "begin",
    "constraint_attributes",
    "declared_as_text",
    "earlier_studies",
    "ends_by_itself",
    "equal_weights",
    "fail",
    "fixed_coordinates",
    "fixed_params",
    "has_failed_by_itself",
    "leave",
    "left",
    "lies_outside",
    "measure",
    "measured_constraints",
    "metered",
    "note_failure",
    "publish",
    "published_params",
    "published_values",
    "random_weights",
    "remember",
    "remembered",
    "restore_fixed",
    "searched_of",
    "set_constraint",
    "spent",
    "take",
    "union",
]
