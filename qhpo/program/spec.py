"""What `qhpo run` must know of a user's program to try a configuration with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from typing import Any, Literal

__all__ = ["Answer", "Bound", "ProgramSpec"]

Answer = Literal["json"] | Pattern[str] | Path
"""Where a program's values are read.

``"json"``
    Lines of standard output that are a JSON object: ``{"loss": 0.31}``. The last one that has the
    metric counts; with a key ``"step"`` it is a report for the pruner too.
pattern
    Searched in every line of standard output. Named groups are the keys, among them the metric:
    ``loss=(?P<loss>\\S+)``; a group ``step`` makes it a report.
path
    A file with one JSON object that the program writes, relative to the trial's folder.
"""


@dataclass(frozen=True)
class Bound:
    """What a measured constraint demands: ``low <= value <= high``.

    Attributes:
        low: Least value allowed; None for no such limit.
        high: Largest value allowed; None for no such limit.
    """

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ProgramSpec:
    """A program and how to talk to it.

    Attributes:
        command: Takes the parameters of a configuration by name, returns the command line.
        metric: Key of the value to optimize in the program's answer.
        answer: Where the answer is read.
        measured: Bounds of further keys of the answer, which are constraints known only afterwards.
        timeout: Wall-clock seconds one attempt may take; None for no limit.
        retries: Further attempts after one that failed.
        folder: Holds a folder for each trial, with its logs and exit code.
        environment: Variables added to those of this process.
    """

    command: Callable[[Mapping[str, Any]], Sequence[str]]
    metric: str
    answer: Answer = "json"
    measured: Mapping[str, Bound] = field(default_factory=dict, hash=False)
    timeout: float | None = None
    retries: int = 0
    folder: Path = Path("qhpo-runs")
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
