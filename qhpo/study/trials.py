"""The trials of a study: read once for all that a suggestion asks, and as arrays.

Optuna's public API copies every trial at every read: what is used of its private API for this
stands in this module.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from statistics import median_low
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.storages._heartbeat import BaseHeartbeat, is_heartbeat_enabled
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.history import History
from qhpo.space import Space
from qhpo.study.answering import answers_of
from qhpo.study.claims import (
    OWNER,
    awaited,
    counts_against,
    has_published,
    is_left,
    published_params,
)
from qhpo.study.outcomes import Tried, measured_constraints
from qhpo.study.ranges import AskedRanges, RangeMemory
from qhpo.study.reports import StudyCurves, last_turn
from qhpo.study.scalarization import scalarized

__all__ = [
    "HistoryReader",
    "StudyIdentity",
    "TrialReads",
    "Trials",
    "note_for_user",
    "reread",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Trials:
    """The trials of a study at one moment.

    Args:
        study: The study, whose storage is read.
        memory: What earlier reads of the same study have noted; it saves time, nothing else.

    Attributes:
        all: Every trial; they must not be changed.
        signs: 1 for every objective that is minimized, -1 for one that is maximized.
    """

    def __init__(self, study: Study, memory: RangeMemory | None = None) -> None:
        self._memory = memory
        self._silent = _silent_trials(study)
        self.all = study._get_trials(deepcopy=False, use_cache=False)
        self.signs = [
            -1.0 if direction == StudyDirection.MAXIMIZE else 1.0 for direction in study.directions
        ]

    def signed(self, values: Sequence[float]) -> list[float]:
        """Values of the objectives as they are minimized, or back again."""
        return [sign * value for sign, value in zip(self.signs, values, strict=True)]

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
    def cut_off(self) -> list[FrozenTrial]:
        """Those that were begun, and that neither their objective nor their user has ended."""
        return [trial for trial in self.all if self.is_cut_off(trial)]

    def is_cut_off(self, trial: FrozenTrial) -> bool:
        """Whether a trial is one of those."""
        if trial.state == TrialState.COMPLETE:
            return False
        if trial.state == TrialState.RUNNING:
            return trial._trial_id in self._silent
        return is_left(trial)

    @cached_property
    def awaited(self) -> list[FrozenTrial]:
        """Those of them that `qhpo run` is going to do again, which leaves nothing to a sampler."""
        return awaited(self.all, self.cut_off)

    @cached_property
    def ranges(self) -> AskedRanges:
        """What ranges they asked for."""
        return AskedRanges(self.all, self._memory)


def _silent_trials(study: Study) -> set[int]:
    """Identifiers of running trials whose process gives no sign of life any more."""
    storage = study._storage
    if not isinstance(storage, BaseHeartbeat) or not is_heartbeat_enabled(storage):
        return set()
    return set(storage._get_stale_trial_ids(study._study_id))


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
        self._memory: RangeMemory | None = None
        self._asking = (-1, -1)
        self._trials: Trials | None = None

    def for_trial(self, study: Study, trial: FrozenTrial) -> Trials:
        """The trials as a suggestion for a trial should see them."""
        asking = trial._trial_id, _changes(study)
        is_same = self._study is not None and self._study.is_of(study)
        if self._memory is None or not is_same:
            self._study, self._memory = StudyIdentity(study), RangeMemory()
        if self._trials is None or not is_same or self._asking != asking:
            self._asking, self._trials = asking, Trials(study, self._memory)
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


class HistoryReader:
    """A study's trials as arrays, remembering the coordinates of those that were seen finished.

    Args:
        space: The search space.

    Attributes:
        unread: Why trials were left out, by the name of the parameter that could not be read.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._finished: dict[int, FloatArray | None] = {}
        self._constraints: dict[int, dict[str, float]] = {}
        self._meant: dict[int, FloatArray] = {}
        self._tried: dict[int, Tried] = {}
        self._curves: tuple[tuple[int, ...], StudyCurves] | None = None
        self.unread: dict[str, str] = {}

    def history(
        self,
        trials: Trials,
        current: FrozenTrial | None,
        weights: FloatArray | None = None,
        is_always: BoolArray | None = None,
    ) -> History:
        """The history that a trial is suggested from.

        A pruned trial counts with the value that curves say it would have ended with, but never as
        better than the best complete trial; where nothing says that, with its last report, but
        never as better than the median complete trial: it was stopped because it looked worse.
        Failed trials, and pruned ones without a report, teach where trials fail and are not
        repeated. What was begun and cut off is
        suggested again, before anything else, if that has happened once: what cuts off trials may
        be its doing, and after the second time it counts as failed. What `qhpo run` is going to do
        again is as good as running.

        Another trial that is running counts with what curves say that it will end with, once they
        can say it from its reports. It has not kept a measured constraint yet. Until then it is
        pending.

        Args:
            trials: The study's trials.
            current: The trial that is asking; it is left out. None if nobody asks for a trial.
            weights: Of the objectives, shape (m,), where a study has several.
            is_always: Axes that every suggestion has, shape (d,). A trial that was not asked for
                one counts with what was suggested: whatever that is, the value is the same.
        """
        complete = _complete(trials, weights)
        # One of the values: the mean of two may not exist between infinite ones.
        median = median_low(complete.values()) if complete else -math.inf
        ended = [(t, x) for t in trials.finished if (x := self._coordinates(t)) is not None]
        tried = []
        rows = []
        for trial, asked in ended:
            if trials.is_cut_off(trial):
                continue
            value = complete.get(trial.number)
            if value is None:
                value = self._pruned_value(trials, trial, asked, median)
            x = asked if is_always is None else self._filled(trial, asked, is_always)
            x = self._unasked(trial, x) if value is None else x
            tried.append(self._tried_of(trial, x, value))
            if value is not None and weights is not None:
                rows.append(trials.signs * np.array(trial.values))
        tried += [Tried(x, None, {}, False) for x in self._cut_off(trials)[1]]
        running, pending = self._foreseen(trials, current)
        known = [one for one in tried if one.value is not None] + running
        avoid = self.avoid(trials, current)
        return History(
            self._stacked([one.x for one in known]),
            np.array([one.value for one in known], dtype=float),
            self._stacked(pending),
            avoid,
            n_running=len(running),
            objectives=None if weights is None else np.array(rows).reshape(-1, len(weights)),
            begun=self._begun(trials, avoid),
            is_feasible=Tried.feasible_of(tried + running),
            constraints=Tried.constraints_of(tried, len(self._space)),
            failures=Tried.failures_of(tried, len(self._space)),
            answers=answers_of(self._space, ended, trials.ranges),
        )

    def configuration(self, internal: Mapping[str, float]) -> FloatArray | None:
        """What was written down for a trial, shape (d,); None if the space does not hold it."""
        space = self._space.search_space
        if not all(name in space and space[name]._contains(v) for name, v in internal.items()):
            return None
        return self._encode({n: space[n].to_external_repr(v) for n, v in internal.items()})

    def curves(self, trials: Trials) -> StudyCurves:
        """What the reports of finished trials say of those that have not gone to the end."""
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        known = [
            (trial, x)
            for trial in trials.finished
            if trial.state in wanted and (x := self._coordinates(trial)) is not None
        ]
        known = known[: last_turn(len(known))]
        made_of = tuple(trial._trial_id for trial, _ in known)
        # A copy, as threads may share the reader of a pruner.
        latest = self._curves
        if latest is None or latest[0] != made_of:
            latest = made_of, StudyCurves(self._space, known, trials.signs[0])
            self._curves = latest
        return latest[1]

    def _pruned_value(
        self, trials: Trials, trial: FrozenTrial, x: FloatArray, median: float
    ) -> float | None:
        """The value that a trial counts with that was stopped; None if it reported none."""
        report = _last_report(trials, trial)
        if trial.state != TrialState.PRUNED or report is None:
            return None
        curves = self.curves(trials)
        return curves.pruned_value(trial, x) if curves.tells_values else max(report, median)

    def complete(self, trials: Trials) -> tuple[list[FrozenTrial], FloatArray]:
        """Complete trials that kept what they measured, and their configurations, shape (n, d).

        In order of completion.
        """
        known = [
            (trial, x)
            for trial in trials.finished
            if trial.state == TrialState.COMPLETE
            and (x := self._coordinates(trial)) is not None
            and all(v <= 0.0 for v in self._measured(trial).values())
        ]
        return [trial for trial, _ in known], self._stacked([x for _, x in known])

    def _tried_of(self, trial: FrozenTrial, x: FloatArray, value: float | None) -> Tried:
        """What became of a trial; what it was the last time, if that is the same."""
        known = self._tried.get(trial._trial_id)
        if known is None or known.x is not x or known.value != value:
            is_complete = trial.state == TrialState.COMPLETE
            known = Tried(x, value, self._measured(trial), is_complete)
            self._tried[trial._trial_id] = known
        return known

    def _measured(self, trial: FrozenTrial) -> dict[str, float]:
        """Constraints of a trial that is over."""
        if trial._trial_id not in self._constraints:
            self._constraints[trial._trial_id] = measured_constraints(trial)
        return self._constraints[trial._trial_id]

    def _filled(self, trial: FrozenTrial, x: FloatArray, is_always: BoolArray) -> FloatArray:
        missing = np.isnan(x) & is_always
        if not missing.any() or not has_published(trial):
            return x
        whole = self._encode(published_params(trial, self._space.search_space))
        return x if whole is None else np.where(missing, whole, x)

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

    def avoid(self, trials: Trials, current: FrozenTrial | None) -> FloatArray:
        """Configurations of all finished and other running trials, shape (t, d).

        Without those of which one trial was cut off, and no other has been made since; with those
        of them that `qhpo run` is going to do again.
        """
        ended = [x for trial, x in self._known(trials) if not trials.is_cut_off(trial)]
        again = self._cut_off(trials)[1]
        others = [x for _, x in self._others(trials, current)]
        return self._stacked(ended + again + others)

    def _cut_off(self, trials: Trials) -> tuple[list[FloatArray], list[FloatArray]]:
        """Configurations of trials that were cut off and are free, and of those that were twice."""
        each = [(t, x) for t in trials.cut_off if (x := self._coordinates(t)) is not None]
        free = [x for trial, x in each if OWNER not in trial.system_attrs]
        suspects = [x for trial, x in each if counts_against(trial)]
        counts = Counter(map(self._space.key, suspects))
        return free, [x for x in suspects if counts[self._space.key(x)] > 1]

    def done(self, trials: Trials) -> FloatArray:
        """Configurations that are not worth another trial where nothing is left, shape (t, d).

        Those of complete and pruned trials, and those that failed twice by themselves. What was
        cut off, or runs in a process that may be dead, or failed once, is worth one.
        """
        known = list(self._known(trials))
        failed = [x for t, x in known if t.state == TrialState.FAIL and not trials.is_cut_off(t)]
        counts = Counter(map(self._space.key, failed))
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        return self._stacked(
            [x for t, x in known if t.state in wanted or counts[self._space.key(x)] > 1]
        )

    def _known(self, trials: Trials) -> Iterator[tuple[FrozenTrial, FloatArray]]:
        """Trials that are over, with their configurations."""
        for trial in trials.all:
            if trial.state.is_finished() or trials.is_cut_off(trial):
                x = self._coordinates(trial)
                if x is not None:
                    yield trial, x
                    meant = self._unasked(trial, x)
                    if meant is not x:
                        yield trial, meant

    def _unasked(self, trial: FrozenTrial, asked: FloatArray) -> FloatArray:
        """What a failed trial would have used, where it had not come to asking for all of it."""
        is_partial = trial.state == TrialState.FAIL and np.isnan(asked).any()
        if not is_partial or is_left(trial):
            return asked
        if trial._trial_id not in self._meant:
            meant = self._encode(published_params(trial, self._space.search_space))
            is_more = meant is not None and self._space.key(meant) != self._space.key(asked)
            self._meant[trial._trial_id] = meant if meant is not None and is_more else asked
        return self._meant[trial._trial_id]

    def _begun(self, trials: Trials, avoid: FloatArray) -> tuple[FloatArray, ...]:
        """Configurations of trials that were cut off, and that nobody has taken up since."""
        cut_off, _ = self._cut_off(trials)
        if not cut_off:
            return ()
        taken = {self._space.key(x) for x in avoid}
        for trial in trials.all:
            if trial.state == TrialState.WAITING:
                x = self._encode(published_params(trial, self._space.search_space))
                taken.update(() if x is None else (self._space.key(x),))
        return tuple(x for x in cut_off if self._space.key(x) not in taken)

    def _stacked(self, found: list[FloatArray]) -> FloatArray:
        return np.array(found, dtype=float).reshape(len(found), len(self._space))

    def _foreseen(
        self, trials: Trials, current: FrozenTrial | None
    ) -> tuple[list[Tried], list[FloatArray]]:
        """Others that are running: those of which curves say how they end, and those pending."""
        running, pending = [], []
        for trial, x in self._others(trials, current):
            value = self._running_value(trials, trial, x)
            if value is None:
                pending.append(x)
            else:
                running.append(Tried(x, value, {}, False))
        return running, pending

    def _running_value(self, trials: Trials, trial: FrozenTrial, x: FloatArray) -> float | None:
        """The value that a trial counts with that is running; None if nothing tells it."""
        if trial.state != TrialState.RUNNING or _last_report(trials, trial) is None:
            return None
        curves = self.curves(trials)
        return curves.running_value(trial, x) if curves.tells_values else None

    def _others(
        self, trials: Trials, current: FrozenTrial | None
    ) -> list[tuple[FrozenTrial, FloatArray]]:
        """Other trials that are running, or as good as that, with what they are going to use."""
        asking = None if current is None else current.number
        others = [trial for trial in trials.awaited if trial.number != asking]
        found = [(trial, x) for trial in others if (x := self._coordinates(trial)) is not None]
        for trial in trials.all:
            is_other = trial.state == TrialState.RUNNING and trial.number != asking
            if is_other and not trials.is_cut_off(trial):
                x = self._encode(published_params(trial, self._space.search_space))
                # What is missing before anything is published may still be asked for.
                if x is not None and (has_published(trial) or not np.isnan(x).any()):
                    found.append((trial, x))
        return found

    def _coordinates(self, trial: FrozenTrial) -> FloatArray | None:
        """Of a trial that is over."""
        if trial.state == TrialState.RUNNING:
            return self._encode(published_params(trial, self._space.search_space))
        if trial._trial_id not in self._finished:
            # Before it was cut off it may not have come to asking for all that it was to use.
            is_whole = not is_left(trial)
            space = self._space.search_space
            params = trial.params if is_whole else published_params(trial, space)
            self._finished[trial._trial_id] = self._encode(params)
            if self._finished[trial._trial_id] is None:
                self._note_unread(trial)
        return self._finished[trial._trial_id]

    def _note_unread(self, trial: FrozenTrial) -> None:
        for axis in self._space.axes:
            if axis.name in trial.params and not axis.contains(trial.params[axis.name]):
                value = trial.params[axis.name]
                reason = f"trial {trial.number} has {value!r}, which is not in {axis.distribution}"
                self.unread.setdefault(axis.name, reason)

    def _encode(self, params: Mapping[str, Any]) -> FloatArray | None:
        """Coordinates, or None for a configuration outside the space or without any of its axes."""
        try:
            coordinates = self._space.encode(params)
        except QhpoError:
            return None
        return None if np.isnan(coordinates).all() else coordinates


def _last_report(trials: Trials, trial: FrozenTrial) -> float | None:
    """What a trial has reported last, smaller is better; None if nothing, or no number."""
    if not trial.intermediate_values:
        return None
    # Optuna takes reports from studies of one objective only.
    report = trials.signs[0] * trial.intermediate_values[max(trial.intermediate_values)]
    return None if math.isnan(report) else report


def _complete(trials: Trials, weights: FloatArray | None) -> dict[int, float]:
    """The value of every complete trial by its number, smaller is better."""
    known = [t for t in trials.finished if t.state == TrialState.COMPLETE and t.values is not None]
    n_objectives = len(trials.signs)
    values = np.array([t.values for t in known], dtype=float).reshape(-1, n_objectives)
    values = values * trials.signs
    scalars = values[:, 0] if weights is None else scalarized(values, weights)
    return dict(zip((t.number for t in known), scalars.tolist(), strict=True))
