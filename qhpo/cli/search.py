"""The search of `qhpo run`: trial after trial until the study has as many as were asked for.

Several processes may work on one study, and any of them may be stopped or killed:

- The total counts trials that are complete, pruned or failed by themselves. A trial that Ctrl-C
  or a crash cut off is marked as failed, but somebody else does it again.
- A worker gives a sign of life while it trains (Optuna's heartbeat). A trial that was silent for a
  minute is taken to be left behind by a killed process.
- A worker does not start a trial while finished and running ones make up the total. It waits for
  the running ones, and takes over should one of them be left behind.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from qhpo.cli.report import duration, number, plural
from qhpo.cli.studies import ERROR, SAMPLER, SOLVER, Choices, Status, best_trials, status
from qhpo.errors import QhpoError
from qhpo.problem import Objective

__all__ = ["Search", "SearchProgress"]

_POLL_SECONDS = 0.5
"""Between two looks at other workers' trials: short beside a trial, long beside a query."""

_ERROR_LENGTH = 400
"""Characters of an error that are kept: it is read on one line."""

_ATTRIBUTE_LENGTH = 2046
"""Characters of an attribute, written as JSON, that databases of older schemas hold: there every
character that is not ASCII is six or twelve."""

_RECENT = 20
"""Trials that the time left is estimated from: later ones may take longer than the first."""

_NAME_WIDTH = 24
"""Characters of a study's name beside the bar, which needs room on a line of 80."""


class _TimeLeft(ProgressColumn):
    """Counts down between trials, which Rich's own column does not."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        if task.finished or end is None:
            return Text("")
        seconds = max(round(end - time.monotonic()), 1)
        return Text(f"{seconds} s left" if seconds < 60 else f"{duration(seconds)} left", "cyan")


class SearchProgress(Progress):
    """The display of one `qhpo run`. Without a terminal only the news is printed.

    Args:
        console: Where to show it.
        name: Of the study.
        total: Trials the study should reach.
    """

    def __init__(self, console: Console, name: str, total: int) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}", style="green"),
            _TimeLeft(),
            console=console,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )
        shown = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
        self._bar = self.add_task(shown, total=total, best="", end=None)

    def move(self, finished: int, best: str, seconds_left: float) -> None:
        """Move the bar.

        Args:
            finished: Trials of the study that are done.
            best: What is best so far, empty if there is nothing.
            seconds_left: Until the end, infinite if nothing is known yet.
        """
        end = time.monotonic() + seconds_left if math.isfinite(seconds_left) else None
        self.update(self._bar, completed=finished, best=best, end=end)

    def news(self, text: str, style: str = "") -> None:
        """Print a line above the bar, cut to the width of a terminal."""
        crop = self.console.is_terminal
        self.console.print(
            Text(text, style=style),
            no_wrap=True,
            overflow="ellipsis" if crop else "ignore",
            crop=crop,
            highlight=False,
        )


class Search:
    """Brings a study to a number of finished trials.

    Args:
        study: With the sampler to use.
        objective: What to optimize.
        choices: Recorded with each trial.
        total: Finished trials the study should have.
        timeout: Seconds after which no new trial is started; None for no limit.

    Attributes:
        failures: Trial number and error of each trial of this search that failed.
        succeeded: Trials of this search that are complete or pruned.
    """

    def __init__(
        self,
        study: optuna.Study,
        objective: Objective,
        choices: Choices,
        total: int,
        timeout: float | None = None,
    ) -> None:
        self._study = study
        self._objective = objective
        self._choices = choices
        self._total = total
        self._deadline = math.inf if timeout is None else time.monotonic() + timeout
        self._interrupts = _Interrupts()
        self._number = -1  # of this search's last trial
        self._announced = -1
        self._waiting = False
        self._refusal: QhpoError | None = None
        self.failures: dict[int, str] = {}
        self.succeeded = 0

    def run(self, progress: SearchProgress) -> None:
        """Search until the total or the timeout is reached.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the study can be continued.
            QhpoError: If the objective or the sampler refuses its input; every trial would fail.
        """
        with self._interrupts.handled(), _quiet_heartbeat():
            while True:
                _fail_left_behind(self._study)
                trials = self._study.get_trials(deepcopy=False)
                finished = sum(status(trial).finished for trial in trials)
                running = sum(_runs_elsewhere(trial) for trial in trials)
                self._show(progress, trials, finished, running)
                if finished >= self._total or time.monotonic() >= self._deadline:
                    return
                self._interrupts.check()
                if finished + running < self._total:
                    self._one_trial(progress)
                else:
                    self._wait(progress, running)

    def _one_trial(self, progress: SearchProgress) -> None:
        try:
            self._study.optimize(self._evaluate, n_trials=1, catch=(Exception,))
        except Exception as error:
            # Optuna's log of a trial's end fails if its storage did, and hides the cause.
            if (failure := _storage_failure(error)) is not None:
                raise failure from error
            # The result of a trial that another worker took for left behind is refused.
            if isinstance(error, QhpoError) or not self._was_given_up():
                raise
            progress.news(
                f"trial {self._number}  its result came too late: another process had taken it "
                "for left behind",
                style="yellow",
            )
            return
        if self._refusal is not None:
            raise self._refusal
        if self._number in self.failures:
            progress.news(f"trial {self._number}  failed  {self.failures[self._number]}", "red")
        else:
            self.succeeded += 1

    def _evaluate(self, trial: optuna.Trial) -> float | list[float]:
        self._number = trial.number
        # Whoever sees the sampler's name on a running trial waits for it until it falls silent,
        # so there must have been a sign of life before.
        if isinstance(storage := self._study._storage, BaseHeartbeat):
            storage.record_heartbeat(trial._trial_id)
        trial.set_user_attr(SAMPLER, self._choices.sampler)
        if self._choices.sampler == "qubo":
            trial.set_user_attr(SOLVER, self._choices.solver)
        try:
            with self._interrupts.immediate():
                return _checked(self._objective(trial), len(self._study.directions))
        except (optuna.TrialPruned, StorageInternalError, UpdateFinishedTrialError):
            raise
        except Exception as error:
            if isinstance(error, QhpoError):
                self._refusal = error
            text = _described(error)
            trial.set_user_attr(ERROR, text)
            self.failures[trial.number] = text
            raise

    def _was_given_up(self) -> bool:
        for trial in self._study.get_trials(deepcopy=False):
            if trial.number == self._number:
                return status(trial) is Status.INTERRUPTED
        return False

    def _wait(self, progress: SearchProgress, running: int) -> None:
        if not self._waiting:
            progress.news(f"waiting for {plural(running, 'trial')} of another process", "yellow")
            self._waiting = True
        with self._interrupts.immediate():
            time.sleep(_POLL_SECONDS)

    def _show(
        self, progress: SearchProgress, trials: list[FrozenTrial], finished: int, running: int
    ) -> None:
        best = best_trials(self._study)
        is_front = len(self._study.directions) > 1
        for trial in best:
            if trial.number == self._number != self._announced:
                values = ", ".join(number(value, 4) for value in trial.values)
                how = "on the front" if is_front else "best so far"
                progress.news(f"trial {trial.number}  {values}  {how}")
                self._announced = trial.number
        text = f"front of {len(best)}" if is_front else ""
        if best and not is_front:
            text = f"best {number(best[0].value, 4)}"
        # The running trials of others end while this process does its own.
        rounds = math.ceil((self._total - finished) / (running + 1))
        left = min(self._deadline - time.monotonic(), _seconds_per_trial(trials) * rounds)
        progress.move(finished, text, left)


class _Interrupts:
    """Ctrl-C at once while an objective runs, and after the next database access otherwise.

    A trial that is interrupted between its creation and its first sign of life would stay in the
    study as running for ever. A second Ctrl-C interrupts wherever the program is.
    """

    def __init__(self) -> None:
        self._requested = False
        self._immediate = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Within it, Ctrl-C is treated so."""
        previous = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        # Only the main thread may set handlers, and a program told to ignore Ctrl-C still does.
        if not main or previous is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._requested:
            raise KeyboardInterrupt

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Within it, Ctrl-C interrupts at once."""
        self._immediate = True
        try:
            self.check()
            yield
        finally:
            self._immediate = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        interrupt = self._immediate or self._requested
        self._requested = True
        if interrupt:
            raise KeyboardInterrupt


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


def _storage_failure(error: BaseException | None) -> StorageInternalError | None:
    while error is not None:
        if isinstance(error, StorageInternalError):
            return error
        error = error.__context__
    return None


def _fail_left_behind(study: optuna.Study) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)


def _runs_elsewhere(trial: FrozenTrial) -> bool:
    """Whether another `qhpo run` works on it. One of another program gives no sign of life."""
    return status(trial) is Status.RUNNING and SAMPLER in trial.user_attrs


def _seconds_per_trial(trials: list[FrozenTrial]) -> float:
    """Of the recent ones; infinite if none has ended."""
    spans = [
        trial.duration.total_seconds()
        for trial in trials
        if trial.duration is not None and status(trial).finished
    ]
    recent = spans[-_RECENT:]
    return sum(recent) / len(recent) if recent else math.inf


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
    place = f" ({Path(frame.filename).name}:{frame.lineno})"
    if frame.filename == __file__:  # a value that is none, found by `_checked`
        place = ""
    text = text[: _ERROR_LENGTH - len(place)]
    while len(json.dumps(text + place)) > _ATTRIBUTE_LENGTH:
        text = text[:-1]
    return text + place
