"""The search of `qhpo run`: trial after trial until the study has as many as were asked for.

Several processes may work on one study, and any of them may be stopped or killed:

- The total counts trials that are complete or pruned. One that failed by itself leaves its place to
  another; one that Ctrl-C or a crash cut off is done again.
- A worker gives a sign of life while it trains. A trial whose process is dead, or was silent for a
  minute, is taken to be left behind.
- A worker does not start a trial while finished and running ones make up the total. It waits for
  the running ones, and takes over should one of them be left behind.
"""

from __future__ import annotations

import json
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from qhpo.cli.claims import ClaimedStudy, Claims, claimed
from qhpo.cli.interrupts import Interrupts
from qhpo.cli.progress import SearchProgress
from qhpo.cli.report import plural
from qhpo.cli.studies import (
    ATTRIBUTE_LENGTH,
    ERROR,
    Choices,
    Status,
    best_trials,
    note_traceback,
    status,
)
from qhpo.errors import QhpoError
from qhpo.problem import Objective
from qhpo.study import AGAIN, HANDED_BACK

__all__ = ["FAILURES_IN_A_ROW", "Plan", "Search"]

FAILURES_IN_A_ROW = 10
"""Failed trials after which a search gives up: one that can succeed does so long before."""

_POLL_SECONDS = 0.5
"""Between two looks at other workers' trials: short beside a trial, long beside a query."""

_ERROR_LENGTH = 400
"""Characters of an error that are kept: it is read on one line."""

_PACKAGE = Path(__file__).resolve().parents[1]
"""An error that is raised here is described by its message; the place tells its reader nothing."""


class Plan:
    """How far a search goes.

    Args:
        total: Finished trials the study should have.
        timeout: Seconds after which no new trial is started; None for no limit.
        retries: Further attempts at a configuration that failed.
        places: Takes the study's trials, returns how many of them may count; None for the total.
        key: Names the storage among those of this machine; empty for one of this process alone.
        target: A value that is good enough; None for none.
    """

    def __init__(
        self,
        total: int,
        timeout: float | None = None,
        retries: int = 0,
        places: Callable[[Sequence[FrozenTrial]], int] | None = None,
        key: str = "",
        target: float | None = None,
    ) -> None:
        self.total = total
        self.deadline = math.inf if timeout is None else time.monotonic() + timeout
        self.retries = retries
        self.places = places or (lambda trials: total)
        self.key = key
        self.target = target

    def is_over(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
        """Whether no further trial is to be started."""
        finished = sum(status(trial).finished for trial in trials)
        is_late = time.monotonic() >= self.deadline
        return is_late or finished >= self.places(trials) or self.is_reached(study)

    def is_reached(self, study: optuna.Study) -> bool:
        """Whether the target is reached; never where there is none."""
        best = [] if self.target is None else best_trials(study)
        if not best or self.target is None or best[0].value is None:
            return False
        sign = -1.0 if study.direction.name == "MAXIMIZE" else 1.0
        return sign * best[0].value <= sign * self.target


class Search:
    """Brings a study to a number of finished trials.

    Args:
        study: With the sampler to use.
        objective: What to optimize.
        choices: Recorded with each trial.
        plan: How far to go.
        interrupts: Whoever handles the signals; the search itself if None.

    Attributes:
        failures: Trial number and error of each trial of this search that failed.
        succeeded: Trials of this search that were run, and are complete or pruned.
        gave_up: Whether it ended because nothing but failures happened.
    """

    def __init__(
        self,
        study: optuna.Study,
        objective: Objective,
        choices: Choices,
        plan: Plan,
        interrupts: Interrupts | None = None,
    ) -> None:
        self._study = ClaimedStudy.of(study)
        self._objective = objective
        self._plan = plan
        self._claims = Claims(
            self._study,
            choices.attributes,
            plan.places,
            plan.key,
            # In the grid the place of a trial that was cut off is free again.
            offers_again=choices.sampler != "grid",
        )
        self._handles = interrupts is None
        self._interrupts = interrupts or Interrupts()
        self._waiting = False
        self._refusal: QhpoError | None = None
        self._in_a_row = 0
        self.failures: dict[int, str] = {}
        self.succeeded = 0

    @property
    def gave_up(self) -> bool:
        """Whether nothing but failures happened for long enough."""
        return self._in_a_row >= FAILURES_IN_A_ROW

    def run(self, progress: SearchProgress) -> None:
        """Search until the total or the timeout is reached, or every trial fails.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the study can be continued.
            QhpoError: If the objective or the sampler refuses its input; every trial would fail.
        """
        if self._handles:
            with self._interrupts.handled():
                self._run(progress)
        else:
            self._run(progress)

    def _run(self, progress: SearchProgress) -> None:
        with self._interrupts.deferred(), _quiet_heartbeat():
            while not self.gave_up:
                self._interrupts.check()
                self._claims.release_left_behind()
                trials = self._study.get_trials(deepcopy=False)
                progress.show(self._study, self._plan.deadline)
                if self._plan.is_over(self._study, trials):
                    return
                claim = self._claims.next()
                if claim is not None:
                    self._one_trial(claim, progress)
                else:
                    self._wait(progress, sum(map(claimed, trials)))

    def _one_trial(self, claim: int, progress: SearchProgress) -> None:
        self._study.claim = claim
        try:
            self._study.optimize(self._evaluate, n_trials=1, catch=(Exception,))
        except Exception as error:
            if (failure := _storage_failure(error)) is not None:
                raise failure from failure.__cause__
            ended = self._study._storage.get_trial(claim)
            refusal = self._refusal or (error if isinstance(error, QhpoError) else None)
            if refusal is not None:
                # What was cut off may break rules that the task has only now.
                if status(ended) is not Status.GIVEN_UP:
                    raise refusal from None
                self._refusal = None
                text = f"trial {ended.user_attrs[AGAIN]} is not done again: {refusal}"
            elif _was_ended_by_others(error):
                # Taken for left behind, or told by hand.
                text = f"trial {ended.number}  its result came too late: others had ended it"
            else:
                raise
            progress.news(text, style="yellow")
            return
        if self._refusal is not None:
            raise self._refusal
        ended = self._study._storage.get_trial(claim)
        if ended.number in self.failures:
            self._in_a_row += 1
        # A trial that was not run says nothing of those that are.
        elif status(ended) not in (Status.OVER_BUDGET, Status.RULED_OUT):
            self._in_a_row = 0
            self.succeeded += 1
        progress.tell(self._study, ended)

    def _evaluate(self, trial: optuna.Trial) -> float | list[float]:
        for attempt in range(self._plan.retries + 1):
            try:
                with self._claims.alive(trial._trial_id), self._interrupts.immediate():
                    return _checked(self._value(trial), len(self._study.directions))
            except (optuna.TrialPruned, StorageInternalError, UpdateFinishedTrialError):
                raise
            except KeyboardInterrupt:
                trial.set_user_attr(HANDED_BACK, True)
                raise
            except Exception as error:
                if self._interrupts.received is not None:
                    # What a signal breaks may say so in its own words: it is no failure.
                    trial.set_user_attr(HANDED_BACK, True)
                    raise KeyboardInterrupt from error
                is_refusal = isinstance(error, QhpoError)
                if attempt < self._plan.retries and not is_refusal:
                    continue
                if isinstance(error, QhpoError):
                    self._refusal = error
                text = _described(error)
                trial.set_user_attr(ERROR, text)
                note_traceback(trial, "".join(traceback.format_exception(error)))
                self.failures[trial.number] = text
                raise
        raise AssertionError("the last attempt returns or raises")

    def _value(self, trial: optuna.Trial) -> object:
        try:
            return self._objective(trial)
        except SystemExit as error:
            # As argparse does: it would end the run without a word, and leave the trial running.
            raise RuntimeError(
                f"the objective must return, but called sys.exit({error})"
            ) from error

    def _wait(self, progress: SearchProgress, running: int) -> None:
        if not self._waiting and running:
            progress.remark(f"waiting for {plural(running, 'trial')} of another process", "yellow")
            self._waiting = True
        with self._interrupts.immediate():
            time.sleep(_POLL_SECONDS)


@contextmanager
def _quiet_heartbeat() -> Iterator[None]:
    """Leaves a storage failure to the search itself; the heartbeat would print a traceback."""
    previous = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, StorageInternalError):
            previous(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = previous


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came up with: Optuna's log of a trial's end hides the first."""
    while error is not None:
        yield error
        error = error.__context__


def _storage_failure(error: BaseException) -> StorageInternalError | None:
    return next((e for e in _chain(error) if isinstance(e, StorageInternalError)), None)


def _was_ended_by_others(error: BaseException) -> bool:
    """Whether a result is refused because its trial has ended; Optuna has two errors for it."""
    return any(
        isinstance(each, UpdateFinishedTrialError)
        or (isinstance(each, ValueError) and str(each).startswith("Cannot tell a "))
        for each in _chain(error)
    )


def _checked(value: object, n_objectives: int) -> float | list[float]:
    """The value or values of an objective, which Optuna would let fail without a reason."""
    if n_objectives == 1:
        return _number(value)
    if not isinstance(value, Sequence) or len(value) != n_objectives:
        raise TypeError(f"the objective must return {n_objectives} numbers, got {value!r}")
    return [_number(each) for each in value]


def _number(value: object) -> float:
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"the objective must return a number, got {value!r}") from None
    if math.isnan(result):
        raise ValueError("the objective returned nan")
    return result


def _described(error: Exception) -> str:
    """One line: the error and the place in the code that raised it."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    frame = traceback.extract_tb(error.__traceback__)[-1]
    is_own = Path(frame.filename).is_relative_to(_PACKAGE)
    place = "" if is_own else f" ({Path(frame.filename).name}:{frame.lineno})"
    text = text[: _ERROR_LENGTH - len(place)]
    while len(json.dumps(text + place)) > ATTRIBUTE_LENGTH:
        text = text[:-1]
    return text + place
