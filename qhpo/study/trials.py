"""The trials of a study, read once for all that a suggestion asks of them.

Optuna's public API copies every trial at every read, and has no attributes of its own for what
processes tell each other: what is used of its private API stands in this package.
"""

from __future__ import annotations

import threading
import weakref
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

__all__ = [
    "StudyIdentity",
    "TrialReads",
    "Trials",
    "fail",
    "note",
    "note_for_user",
    "reread",
]


class Trials:
    """The trials of a study at one moment.

    Args:
        study: The study, whose storage is read.

    Attributes:
        all: Every trial; they must not be changed.
        signs: 1 for every objective that is minimized, -1 for one that is maximized.
    """

    def __init__(self, study: Study) -> None:
        self.all = study._get_trials(deepcopy=False, use_cache=False)
        self.signs = [
            -1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions
        ]

    @cached_property
    def finished(self) -> list[FrozenTrial]:
        """In order of completion."""
        return sorted(
            (trial for trial in self.all if trial.state.is_finished()),
            key=lambda trial: (
                trial.datetime_complete is None,
                trial.datetime_complete,
                trial.number,
            ),
        )

    @cached_property
    def search_space(self) -> dict[str, BaseDistribution]:
        """Every parameter of more than one value that a complete or pruned trial had.

        One whose distribution differs from trial to trial is left out.
        """
        found: dict[str, BaseDistribution] = {}
        changing = set()
        for trial in self.all:
            if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
                continue
            for name, distribution in trial.distributions.items():
                known = found.setdefault(name, distribution)
                if known is not distribution and known != distribution:
                    changing.add(name)
        return {
            name: found[name]
            for name in sorted(found)
            if name not in changing and not found[name].single()
        }


class StudyIdentity:
    """Tells a study from others, also where one storage object has taken the place of another.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        # Trials of different storages share their identifiers.
        self._storage = weakref.ref(study._storage)
        self._study_id = study._study_id

    def is_of(self, study: Study) -> bool:
        """Whether a study is this one."""
        return self._storage() is study._storage and self._study_id == study._study_id


class TrialReads:
    """Reads of the trial list, one for all questions of a suggestion.

    A read that was made for a trial serves it until a sampler of this process changes the study:
    other threads may have suggested something in between.
    """

    def __init__(self) -> None:
        self._study: StudyIdentity | None = None
        self._asking = (-1, -1)
        self._trials: Trials | None = None

    def for_trial(self, study: Study, trial: FrozenTrial) -> Trials:
        """The trials as a suggestion for a trial should see them."""
        asking = trial._trial_id, _changes(study)
        is_same = self._study is not None and self._study.is_of(study) and self._asking == asking
        if self._trials is None or not is_same:
            self._study, self._asking, self._trials = StudyIdentity(study), asking, Trials(study)
        return self._trials

    def since(self, study: Study, trial: FrozenTrial) -> Trials | None:
        """After a trial has published something: the trials, if others may have done so as well.

        Whoever publishes last sees all others here. None if nobody did since `for_trial`.
        """
        is_next = changed(study) == self._asking[1] + 1
        is_alone = isinstance(study._storage, InMemoryStorage) and is_next
        return None if is_alone else self.for_trial(study, trial)


_CHANGES: WeakKeyDictionary[BaseStorage, int] = WeakKeyDictionary()
"""How often samplers of this process have changed something in a storage."""

_CHANGES_LOCK = threading.Lock()


def _changes(study: Study) -> int:
    return _CHANGES.get(study._storage, 0)


def changed(study: Study) -> int:
    """Earlier reads no longer say what is; returns how often that has been so."""
    with _CHANGES_LOCK:
        _CHANGES[study._storage] = changes = _changes(study) + 1
    return changes


def note(study: Study, trial: FrozenTrial, key: str, value: str) -> None:
    """Sets a system attribute of a trial, which other processes see."""
    study._storage.set_trial_system_attr(trial._trial_id, key, value)


def note_for_user(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Sets a user attribute of a trial."""
    study._storage.set_trial_user_attr(trial._trial_id, key, value)
    changed(study)


def reread(study: Study, trial: FrozenTrial) -> FrozenTrial:
    """The trial as its storage has it now."""
    return study._storage.get_trial(trial._trial_id)


def fail(study: Study, trial: FrozenTrial) -> None:
    """Ends a trial that would stay "running" for ever."""
    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
