"""The trials of a study: read once for all that a suggestion asks, as arrays, and claimed.

Optuna's public API copies every trial at every read, and has no attributes of its own for what
processes tell each other: what is used of its private API stands in this module.
"""

from __future__ import annotations

import json
import math
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median_low
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.history import History
from qhpo.space import Space
from qhpo.study.scalarization import scalarized

__all__ = [
    "HistoryReader",
    "StudyIdentity",
    "TrialReads",
    "Trials",
    "fail",
    "fixed_params",
    "note_for_user",
    "publish",
    "published_params",
    "reread",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_PARAMS = "qhpo:params"
"""System attributes of a trial, this and a number: its configuration in chunks."""

_CHUNK = 1000
"""RDB storages of older schemas hold 2,048 characters of an attribute after it is written as JSON.
The text is ASCII, of which JSON writes every quote and backslash as two characters."""


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
"""Two threads must not count the same change."""


def _changes(study: Study) -> int:
    return _CHANGES.get(study._storage, 0)


def changed(study: Study) -> int:
    """Earlier reads no longer say what is; returns how often that has been so."""
    with _CHANGES_LOCK:
        _CHANGES[study._storage] = changes = _changes(study) + 1
    return changes


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


def publish(study: Study, trial: FrozenTrial, params: Mapping[str, float]) -> None:
    """Tell other processes what a trial is going to use, before its objective asks for it.

    Args:
        study: The study.
        trial: The running trial.
        params: Optuna's internal representation of the parameters that the sampler chose, numbers
            even where the choices are objects that cannot be written down.
    """
    text = json.dumps(params)
    for start in range(0, len(text), _CHUNK):
        key = f"{_PARAMS}:{start // _CHUNK}"
        study._storage.set_trial_system_attr(trial._trial_id, key, text[start : start + _CHUNK])


def published_params(
    trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Parameters of a running trial: what it published, overridden by what it asked for.

    Args:
        trial: The running trial.
        search_space: Distributions to read the published values by; others are left out.
    """
    chunks: Sequence[str] = [
        trial.system_attrs[key]
        for key in (f"{_PARAMS}:{i}" for i in range(len(trial.system_attrs)))
        if key in trial.system_attrs
    ]
    try:
        # A second publication may be shorter than the first: what follows it is left over.
        internal = json.JSONDecoder().raw_decode("".join(chunks))[0]
    except json.JSONDecodeError:
        internal = {}  # nothing is published, or it is being written
    published = {
        name: search_space[name].to_external_repr(value)
        for name, value in internal.items()
        if name in search_space and search_space[name]._contains(value)
    }
    return {**published, **trial.system_attrs.get("fixed_params", {}), **trial.params}


def _has_published(trial: FrozenTrial) -> bool:
    """Whether a running trial has said what it is going to use."""
    return f"{_PARAMS}:0" in trial.system_attrs


def fixed_params(study: Study, trial: FrozenTrial, sampler: BaseSampler) -> dict[str, Any]:
    """What is fixed for a trial in advance: enqueued, or by samplers around this one."""
    fixed: dict[str, Any] = {}
    around: Any = study.sampler
    while around is not None and around is not sampler:
        if isinstance(around, PartialFixedSampler):
            fixed = {**around._fixed_params, **fixed}
            around = around._base_sampler
        else:
            around = getattr(around, "sampler", None)
    return {**fixed, **trial.system_attrs.get("fixed_params", {})}


class HistoryReader:
    """A study's trials as arrays, remembering the coordinates of those that were seen finished.

    Args:
        space: The search space.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._finished: dict[int, FloatArray | None] = {}

    def history(
        self, trials: Trials, current: FrozenTrial, weights: FloatArray | None = None
    ) -> History:
        """The history that a trial is suggested from.

        A pruned trial counts with its last report, but never as better than the median completed
        trial: it was stopped early because it looked worse. Failed trials, and pruned ones without
        a report, teach nothing and are not repeated.

        Args:
            trials: The study's trials.
            current: The trial that is asking; it is left out.
            weights: Of the objectives, shape (m,), where a study has several.
        """
        complete = _complete(trials, weights)
        # One of the values: the mean of two may not exist between infinite ones.
        median = median_low(complete.values()) if complete else -math.inf
        coordinates, values, avoid = [], [], []
        for trial in trials.finished:
            x = self._coordinates(trial)
            if x is None:
                continue
            avoid.append(x)
            value = complete.get(trial.number)
            if value is None:
                value = _pruned_value(trial, trials.signs[0], median)
            if value is not None:
                coordinates.append(x)
                values.append(value)
        pending = self._pending(trials, current)
        return History(
            self._stacked(coordinates),
            np.array(values, dtype=float),
            self._stacked(pending),
            self._stacked(avoid + pending),
            is_scalarized=weights is not None,
        )

    def complete_and_pruned(self, trials: Trials) -> tuple[FloatArray, BoolArray]:
        """Configurations of complete and pruned trials, shape (n, d), and which are complete."""
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        found, complete = [], []
        for trial in trials.finished:
            x = self._coordinates(trial) if trial.state in wanted else None
            if x is not None:
                found.append(x)
                complete.append(trial.state == TrialState.COMPLETE)
        return self._stacked(found), np.array(complete, dtype=bool)

    def avoid(self, trials: Trials, current: FrozenTrial) -> FloatArray:
        """Configurations of all finished and other running trials, shape (t, d)."""
        found = [self._coordinates(trial) for trial in trials.all if trial.state.is_finished()]
        known = [x for x in found if x is not None]
        return self._stacked(known + self._pending(trials, current))

    def _stacked(self, found: list[FloatArray]) -> FloatArray:
        return np.array(found, dtype=float).reshape(len(found), len(self._space))

    def _pending(self, trials: Trials, current: FrozenTrial) -> list[FloatArray]:
        found = []
        for trial in trials.all:
            if trial.state == TrialState.RUNNING and trial.number != current.number:
                x = self._encode(published_params(trial, self._space.search_space))
                # What is missing before anything is published may still be asked for.
                if x is not None and (_has_published(trial) or not np.isnan(x).any()):
                    found.append(x)
        return found

    def _coordinates(self, trial: FrozenTrial) -> FloatArray | None:
        if trial._trial_id not in self._finished:
            self._finished[trial._trial_id] = self._encode(trial.params)
        return self._finished[trial._trial_id]

    def _encode(self, params: Mapping[str, Any]) -> FloatArray | None:
        """Coordinates, or None for a configuration outside the space or without any of its axes."""
        try:
            coordinates = self._space.encode(params)
        except QhpoError:
            return None
        return None if np.isnan(coordinates).all() else coordinates


def _complete(trials: Trials, weights: FloatArray | None) -> dict[int, float]:
    """The value of every complete trial by its number, smaller is better."""
    known = [t for t in trials.finished if t.state == TrialState.COMPLETE and t.values is not None]
    n_objectives = len(trials.signs)
    values = np.array([t.values for t in known], dtype=float).reshape(-1, n_objectives)
    values = values * trials.signs
    scalars = values[:, 0] if weights is None else scalarized(values, weights)
    return dict(zip((t.number for t in known), scalars.tolist(), strict=True))


def _pruned_value(trial: FrozenTrial, sign: float, median: float) -> float | None:
    # Optuna takes reports from studies of one objective only.
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        report = sign * trial.intermediate_values[max(trial.intermediate_values)]
        return None if math.isnan(report) else max(report, median)
    return None
