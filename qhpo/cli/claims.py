"""Which process runs which trial, so that a study gets exactly the trials that were asked for.

Glossary
--------
claim
    A running trial that a `qhpo run` has made for itself, its name on it from the first moment.
counting
    Trials that have ended with a result, that are claimed, or that wait.
rank
    How many counting trials have a smaller number. Counting trials never become more among those
    that exist already, so a rank only falls: a claim whose rank is below the total keeps its place,
    and there are never more such claims than places.
place
    A trial that is still missing to the total.

What was cut off is done again by a claim that says so (`AGAIN`), and by nothing else: a sampler
that suggested it as well, for a trial that was claimed a moment earlier, would do it twice.

Optuna's own queue is no claim: on SQLite two processes can both take a waiting trial. Processes on
one machine therefore claim one after another; several machines go by the ranks alone, and a claim
without a place is withdrawn. What is used of Optuna's private API for this stands in this module.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.storages._heartbeat import BaseHeartbeat, is_heartbeat_enabled
from optuna.trial import FrozenTrial, TrialState, create_trial

from qhpo.cli.studies import SAMPLER, Status, status
from qhpo.cli.turns import one_at_a_time
from qhpo.study import AGAIN, HANDED_BACK, OWNER, WITHDRAWN

__all__ = ["ClaimedStudy", "Claims", "claimed"]

_ALIVE = "qhpo:alive"
"""System attribute of a claim in a storage without a heartbeat: it changes while somebody works."""

_BEAT_SECONDS = 10
"""Between two signs of life in such a storage, as in the others."""

_SILENT_SECONDS = 60
"""After so long without one a claim is taken for left behind, as in the others."""

_UNBORN_SECONDS = 90
"""After so long, where Optuna has a heartbeat, a claim that it has not ended has signs of life, or
none at all. It is longer than Optuna waits for the next one."""

_BORN = "qhpo:born"
"""System attribute of a claim that others have given its first sign of life."""

_MOST_KILLS = 5
"""How often a process may die of a configuration before it is given up. It may be the cause, as one
that needs more memory than there is; whoever kills processes by hand rarely hits one so often."""


class ClaimedStudy(optuna.Study):
    """A study whose next trial is the one that was claimed.

    Attributes:
        claim: Identifier of that trial.
    """

    claim: int | None = None

    @classmethod
    def of(cls, study: optuna.Study) -> ClaimedStudy:
        """The same study."""
        return cls(study.study_name, study._storage, sampler=study.sampler, pruner=study.pruner)

    def _pop_waiting_trial_id(self) -> int | None:
        claim, self.claim = self.claim, None
        return claim


class Claims:
    """Claims the trials of one process.

    Args:
        study: The study.
        attributes: User attributes of every claim; the sampler's name is among them.
        places: Takes the study's trials, returns how many of them may count.
        key: Names the storage among those of this machine; empty for one of this process alone.
        offers_again: Whether trials that were cut off are done again, as a sampler leaves to the
            claims; if not, it has places of its own for them.
    """

    def __init__(
        self,
        study: optuna.Study,
        attributes: dict[str, Any],
        places: Callable[[Sequence[FrozenTrial]], int],
        key: str = "",
        *,
        offers_again: bool = True,
    ) -> None:
        self._study = study
        self._storage = study._storage
        self._attributes = attributes
        self._places = places
        self._key = key
        self._offers_again = offers_again
        self._owner = _identity(os.getpid())
        self._seen: dict[int, tuple[object, float]] = {}

    def next(self) -> int | None:
        """Claims a trial: one that waits, one that was cut off, or a new one.

        Returns:
            Its identifier, or None if there is no place left just now.
        """
        with one_at_a_time(self._key):
            trials = self._trials()
            if sum(map(_holds_place, trials)) >= self._places(trials):
                return None
            waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
            for trial in waiting:
                if self._take(trial._trial_id):
                    return trial._trial_id
            again = self._cut_off(trials) if self._offers_again else None
            claim = self._create(again)
        if self._has_place(claim, again):
            return claim
        self._storage.set_trial_user_attr(claim, WITHDRAWN, True)
        _fail(self._storage, claim)
        return None

    def release_left_behind(self) -> None:
        """Ends the claims of processes that are dead or silent."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(self._study)
        has_heartbeat = is_heartbeat_enabled(self._storage)
        for trial in filter(claimed, self._trials()):
            seconds = self._silent_seconds(trial)
            if self._is_orphan(trial) or (not has_heartbeat and seconds > _SILENT_SECONDS):
                _fail(self._storage, trial._trial_id)
            elif seconds > _UNBORN_SECONDS and _BORN not in trial.system_attrs:
                self._give_first_sign(trial._trial_id)

    def _give_first_sign(self, trial_id: int) -> None:
        """Optuna waits for ever for a process that died before its first sign of life.

        With one it falls silent as any other does. To a claim that somebody works on, one sign more
        makes no difference.
        """
        try:
            self._beat(trial_id)
            self._storage.set_trial_system_attr(trial_id, _BORN, True)
        except UpdateFinishedTrialError:
            return

    @contextmanager
    def alive(self, trial_id: int) -> Iterator[None]:
        """Gives signs of life, where Optuna gives none."""
        if is_heartbeat_enabled(self._storage):
            yield
            return
        is_over = threading.Event()

        def beat() -> None:
            n = 0
            while not is_over.wait(_BEAT_SECONDS):
                n += 1
                try:
                    self._storage.set_trial_system_attr(trial_id, _ALIVE, n)
                except Exception:  # the search meets the same failure, and says so
                    return

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _take(self, trial_id: int) -> bool:
        """Claims a trial that waits."""
        try:
            for name, value in self._attributes.items():
                self._storage.set_trial_user_attr(trial_id, name, value)
            # Whoever takes it writes its own name; if it dies first, it is still one of `qhpo run`.
            self._storage.set_trial_system_attr(trial_id, OWNER, "")
            self._beat(trial_id)
            if not self._storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                return False
        except UpdateFinishedTrialError:
            return False
        self._storage.set_trial_system_attr(trial_id, OWNER, self._owner)
        return True

    def _create(self, again: FrozenTrial | None) -> int:
        system: dict[str, Any] = {OWNER: self._owner}
        user = dict(self._attributes)
        if again is not None:
            system["fixed_params"] = {**again.system_attrs.get("fixed_params", {}), **again.params}
            user[AGAIN] = again.number
        template = create_trial(state=TrialState.RUNNING, user_attrs=user, system_attrs=system)
        trial_id = self._storage.create_new_trial(self._study._study_id, template_trial=template)
        self._beat(trial_id)
        return trial_id

    def _beat(self, trial_id: int) -> None:
        """A first sign of life: whoever sees a claim waits for it until it falls silent."""
        if isinstance(self._storage, BaseHeartbeat):
            self._storage.record_heartbeat(trial_id)

    def _has_place(self, claim: int, again: FrozenTrial | None) -> bool:
        trials = self._trials()
        own = next(trial for trial in trials if trial._trial_id == claim)
        earlier = [trial for trial in trials if trial.number < own.number]
        if again is not None and any(_takes_up(trial, again) for trial in earlier):
            return False
        rank = sum(_holds_place(t) or t.state == TrialState.WAITING for t in earlier)
        return rank < self._places(trials)

    def _cut_off(self, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """The first trial that was cut off, and that nobody has taken up."""
        for trial in trials:
            if (
                status(trial) is Status.INTERRUPTED
                and WITHDRAWN not in trial.user_attrs
                and (trial.params or "fixed_params" in trial.system_attrs)
                and _kills(trial, trials) < _MOST_KILLS
                and not any(_takes_up(other, trial) for other in trials)
            ):
                return trial
        return None

    def _is_orphan(self, trial: FrozenTrial) -> bool:
        """Whether the process that claimed it ran on this machine, and is dead."""
        owner = trial.system_attrs.get(OWNER)
        if not owner or not self._owner or owner == self._owner:
            return False
        machine, pid, _ = str(owner).rsplit(" ", 2)
        is_here = machine == self._owner.rsplit(" ", 2)[0]
        return is_here and _identity(int(pid)) != owner

    def _silent_seconds(self, trial: FrozenTrial) -> float:
        """How long a claim was seen without a sign of life but those of Optuna."""
        sign = trial.system_attrs.get(_ALIVE)
        now = time.monotonic()
        last, since = self._seen.get(trial._trial_id, (None, now))
        if last != sign:
            since = now
        self._seen[trial._trial_id] = (sign, since)
        return now - since


def claimed(trial: FrozenTrial) -> bool:
    """Whether a `qhpo run` works on it. One of another program gives no sign of life."""
    return status(trial) is Status.RUNNING and SAMPLER in trial.user_attrs


def _holds_place(trial: FrozenTrial) -> bool:
    return status(trial).finished or claimed(trial)


def _takes_up(trial: FrozenTrial, cut_off: FrozenTrial) -> bool:
    is_of_it = trial.user_attrs.get(AGAIN) == cut_off.number
    return is_of_it and WITHDRAWN not in trial.user_attrs


def _kills(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """How often a process died while it worked on the configuration of a trial that was cut off."""
    n = int(HANDED_BACK not in trial.user_attrs)
    before = trial.user_attrs.get(AGAIN)
    return n if before is None else n + _kills(trials[before], trials)


def _fail(storage: optuna.storages.BaseStorage, trial_id: int) -> None:
    try:
        storage.set_trial_state_values(trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return


def _identity(pid: int) -> str:
    """Names a process: boot of the machine, namespace, user, number, start; empty where unknown.

    A number alone comes back after some time, and means another process in another container.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # The 22nd field is the start; a zombie is dead, only nobody has asked for its exit code.
    return "" if state in "ZX" else f"{boot} {namespace} {os.getuid()} {pid} {fields[18]}"
