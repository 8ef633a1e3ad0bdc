"""The studies of a storage by their names; a wrong name is answered with the nearest one."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import optuna
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from qhpo.cli.report import plural
from qhpo.cli.storage import shown_url
from qhpo.errors import QhpoError

__all__ = ["find_studies", "load_stored", "study_names", "trial_of"]

_LISTED = 8
"""Studies that an error names."""


def study_names(storage: BaseStorage) -> list[str]:
    """Names of all studies, sorted."""
    return sorted(optuna.get_all_study_names(storage))


def load_stored(storage: BaseStorage, name: str, url: str) -> optuna.Study:
    """A study that exists. Its sampler is not meant to suggest anything.

    Args:
        storage: Where it is.
        name: Its name.
        url: That of the storage, for the error.

    Raises:
        QhpoError: If there is no study of that name.
    """
    names = study_names(storage)
    if name in names:
        return optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler())
    if not names:
        raise QhpoError(f"{shown_url(url)} holds no study; start one with `qhpo run PROBLEM`")
    near = get_close_matches(name, names, n=1)
    guess = f"did you mean {near[0]}?" if near else "see `qhpo show`"
    raise QhpoError(f"there is no study {name!r} in {shown_url(url)}; {guess}")


def find_studies(storage: BaseStorage, asked: Sequence[str], url: str) -> list[optuna.Study]:
    """The studies that were asked for, each once; of none, the only one there is.

    Raises:
        QhpoError: If one is not there, or none was asked for and there is not exactly one.
    """
    names = study_names(storage)
    if not asked and len(names) > 1:
        raise QhpoError(
            f"{shown_url(url)} holds {len(names)} studies, so name one; got none; they are: "
            f"{', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}"
        )
    wanted = list(dict.fromkeys(asked)) or names or [""]
    return [load_stored(storage, name, url) for name in wanted]


def trial_of(study: optuna.Study, number: int) -> FrozenTrial:
    """A trial by its number.

    Raises:
        QhpoError: If the study has no trial of that number.
    """
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.number == number:
            return trial
    has = f"{plural(len(trials), 'trial')}, counted from 0" if trials else "no trial yet"
    raise QhpoError(
        f"a trial must be one of the study: {study.study_name} has {has}; got {number}; "
        f"`qhpo show {study.study_name}` lists them"
    )
