"""What a running search shows on stderr: the bar, the best value, the time left, and news."""

from __future__ import annotations

import time
from types import TracebackType

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

from qhpo.cli.formats import duration

__all__ = ["SearchProgress"]

_NAME_WIDTH = 24


class _TimeLeft(ProgressColumn):
    """Counts down between trials, which Rich's own column does not."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        end = task.fields["end"]
        if task.finished or end is None:
            return Text("")
        seconds = max(round(end - time.monotonic()), 1)
        return Text(f"{seconds} s left" if seconds < 60 else f"{duration(seconds)} left", "cyan")


class SearchProgress:
    """The display of one `qhpo run`. Without a terminal only the news is printed.

    Args:
        console: Where to show it.
        name: Of the study.
        total: Trials the study should reach.
    """

    def __init__(self, console: Console, name: str, total: int) -> None:
        self._console = console
        self._progress = Progress(
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
        self._task = self._progress.add_task(shown, total=total, best="", end=None)

    def __enter__(self) -> SearchProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def update(self, finished: int, best: str, seconds_left: float | None) -> None:
        """Move the bar.

        Args:
            finished: Trials of the study that are done.
            best: What is best so far, empty if there is nothing.
            seconds_left: Until the end, None if nothing is known yet.
        """
        end = None if seconds_left is None else time.monotonic() + seconds_left
        self._progress.update(
            self._task,
            completed=finished,
            best=best,
            end=end,
        )

    def news(self, text: str, style: str = "") -> None:
        """Print a line above the bar, cut to the width of a terminal."""
        crop = self._console.is_terminal
        self._console.print(
            Text(text, style=style),
            no_wrap=True,
            overflow="ellipsis" if crop else "ignore",
            crop=crop,
            highlight=False,
        )
