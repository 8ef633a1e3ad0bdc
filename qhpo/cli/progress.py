"""What `qhpo run` shows while it runs: a bar on a terminal, a line for every trial elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import optuna
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

from qhpo.cli.report import duration, number
from qhpo.cli.studies import ERROR, Status, best_trials, status
from qhpo.problem import OVER_BUDGET, RULED_OUT
from qhpo.study import AGAIN

__all__ = ["SearchProgress"]

_RECENT = 20
"""Trials that the time left is estimated from: later ones may take longer than the first."""

_NAME_WIDTH = 24
"""Characters of a study's name beside the bar, which needs room on a line of 80."""

_STYLES = {Status.FAILED: "red", Status.INTERRUPTED: "yellow", Status.GIVEN_UP: "yellow"}


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
    """The display of one `qhpo run`.

    On a terminal there is a bar, and a line for what is best so far and what fails. Elsewhere there
    is a line for every trial.

    Args:
        console: Where to show it.
        name: Of the study.
        total: Trials the study should reach.
        is_quiet: Show nothing but warnings.
        is_verbose: Show a line for every trial on a terminal too, everywhere with its parameters.
    """

    def __init__(
        self,
        console: Console,
        name: str,
        total: int,
        *,
        is_quiet: bool = False,
        is_verbose: bool = False,
    ) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[best]}", style="green"),
            _TimeLeft(),
            console=console,
            refresh_per_second=4,
            disable=is_quiet or not console.is_terminal,
        )
        shown = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
        self._bar = self.add_task(shown, total=total, best="", end=None)
        self._total = total
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._told: set[int] = set()

    def show(self, study: optuna.Study, deadline: float = math.inf) -> None:
        """Move the bar to where the study is.

        Args:
            study: The study.
            deadline: When no further trial is started, by the monotonic clock.
        """
        trials = study.get_trials(deepcopy=False)
        finished = sum(status(trial).finished for trial in trials)
        running = sum(status(trial) is Status.RUNNING for trial in trials)
        best = best_trials(study)
        text = ""
        if best:
            several = len(study.directions) > 1
            text = f"front of {len(best)}" if several else f"best {number(best[0].value, 4)}"
        now = time.monotonic()
        rounds = math.ceil((self._total - finished) / max(running, 1))
        left = min(deadline - now, _seconds_per_trial(trials) * rounds)
        end = now + left if math.isfinite(left) else None
        self.update(self._bar, completed=finished, best=text, end=end)

    def tell(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Say what became of a trial, once.

        Args:
            study: The study.
            trial: One that has ended.
        """
        if trial.number in self._told:
            return
        self._told.add(trial.number)
        what = status(trial)
        is_best = what is Status.COMPLETE and any(
            trial.number == best.number for best in best_trials(study)
        )
        if what in (Status.FAILED, Status.GIVEN_UP):
            self.news(_line(trial, trial.user_attrs.get(ERROR, "")), _STYLES[what])
            return
        is_shown = is_best or self._is_verbose or not self.console.is_terminal
        if self._is_quiet or not is_shown:
            return
        notes = []
        if is_best:
            notes.append("on the front" if len(study.directions) > 1 else "best so far")
        if self._is_verbose:
            notes += [f"{name}={number(value, 4)}" for name, value in trial.params.items()]
            if trial.duration is not None:
                notes.append(duration(trial.duration.total_seconds()))
        self.news(_line(trial, *notes), _STYLES.get(what, ""))

    def remark(self, text: str, style: str = "") -> None:
        """Print a line above the bar, unless nothing is to be said but what went wrong."""
        if not self._is_quiet:
            self.news(text, style)

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


def _line(trial: FrozenTrial, *notes: str) -> str:
    return "  ".join([f"trial {trial.number}", *filter(None, [_outcome(trial), *notes])])


def _outcome(trial: FrozenTrial) -> str:
    what: Status = status(trial)
    if what is Status.COMPLETE:
        return ", ".join(number(value, 4) for value in trial.values)
    if what is Status.GIVEN_UP:
        return f"given up: ranges or rules do not allow what trial {trial.user_attrs[AGAIN]} tried"
    if what is Status.OVER_BUDGET:
        return f"{what.value}: {trial.user_attrs[OVER_BUDGET]} parameters"
    if what is Status.RULED_OUT:
        return f"{what.value}: {trial.user_attrs[RULED_OUT]}"
    if what is Status.PRUNED and trial.intermediate_values:
        step = max(trial.intermediate_values)
        return f"pruned at step {step} with {number(trial.intermediate_values[step], 4)}"
    return str(what.value)


def _seconds_per_trial(trials: Sequence[FrozenTrial]) -> float:
    """Of the recent ones; infinite if none has ended."""
    spans = [
        trial.duration.total_seconds()
        for trial in trials
        if trial.duration is not None and status(trial).finished
    ]
    recent = spans[-_RECENT:]
    return sum(recent) / len(recent) if recent else math.inf
