"""Finished studies as what was known before another one."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from qhpo.errors import QhpoError
from qhpo.space import Space
from qhpo.study.scalarization import equal_weights
from qhpo.study.trials import HistoryReader, Trials
from qhpo.surrogate.sources import FinishedStudy, Source

__all__ = ["earlier_studies"]

_LEAST = 2
"""Trials with a value: fewer tell no configuration from another."""


def earlier_studies(studies: Sequence[optuna.Study]) -> list[tuple[str, Source]]:
    """What each of some studies tells, as it is now, and its name.

    Raises:
        QhpoError: If something is no study, or has too few trials.
    """
    if isinstance(studies, optuna.Study) or not isinstance(studies, Sequence):
        raise QhpoError(f"prior_studies must be a list of Optuna studies; got {studies!r}")
    found: list[tuple[str, Source]] = []
    for study in studies:
        if not isinstance(study, optuna.Study):
            raise QhpoError(f"prior_studies must be a list of Optuna studies; got {study!r} in it")
        name = study.study_name
        trials = Trials(study)
        space = Space(trials.ranges.space(None))
        weights = equal_weights(len(study.directions))
        history = HistoryReader(space).history(trials, None, weights)
        if len(history.values) < _LEAST:
            raise QhpoError(
                f"a prior study must have {_LEAST} trials with a value and a parameter, or more; "
                f"got {len(history.values)} in {name!r}; leave it out"
            )
        known = FinishedStudy(space, history.coordinates, history.each_objective)
        found.append((f"the prior study {name!r}", known))
    return found
