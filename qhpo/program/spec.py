"""What `qhpo run` must know of a user's program to try a configuration with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import Pattern
from typing import Any, Literal

from qhpo.errors import QhpoError

__all__ = ["Answer", "Bound", "ProgramSpec"]

Answer = Literal["json"] | Pattern[str] | Path
"""Where a program's values are read.

``"json"``
    Lines of standard output that are a JSON object: ``{"loss": 0.31}``. The last value of each key
    counts; a line that has the metric and a key ``"step"`` is a report for the pruner too.
pattern
    Searched in every line of standard output. Named groups are the keys, among them the metric:
    ``loss=(?P<loss>\\S+)``; a group ``step`` makes it a report.
path
    A file with one JSON object that the program writes, relative to the trial's folder, whose path
    is in the program's variable ``QHPO_FOLDER``.
"""


@dataclass(frozen=True)
class Bound:
    """What a measured constraint demands: ``low <= value <= high``.

    Attributes:
        low: Least value allowed; None for no such limit.
        high: Largest value allowed; None for no such limit.

    Raises:
        QhpoError: If there is no limit, or none between the two.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.low, self.high) if limit is not None]
        if not limits or limits != sorted(limits):
            raise QhpoError(
                "a bound must have a low or a high limit, low <= high; "
                f"got low={self.low}, high={self.high}; give one, or exchange them"
            )

    def violations(self, name: str, value: float) -> dict[str, float]:
        """How far a value is beyond each limit, by what is demanded; kept where at most 0."""
        result = {}
        if self.low is not None:
            result[f"{name} >= {self.low:g}"] = self.low - value
        if self.high is not None:
            result[f"{name} <= {self.high:g}"] = value - self.high
        return result


@dataclass(frozen=True)
class ProgramSpec:
    """A program and how to talk to it.

    Attributes:
        command: Takes the parameters of a configuration by name, returns the command line.
        metric: Key of the value to optimize in the program's answer.
        answer: Where the answer is read.
        measured: Bounds of further keys of the answer, which are constraints known only afterwards.
        timeout: Wall-clock seconds one attempt may take; None for no limit.
        folder: Holds a folder for each trial, with its logs and exit code.
        environment: Variables added to those of this process.
        given: Takes the parameters of a configuration, returns what the program gets of them as
            JSON and as variables: where constants come in, and names that are nested.
        grace: Seconds that a program has to end after SIGTERM, before SIGKILL ends it.
    """

    command: Callable[[Mapping[str, Any]], Sequence[str]]
    metric: str
    answer: Answer = "json"
    measured: Mapping[str, Bound] = field(default_factory=dict, hash=False)
    timeout: float | None = None
    folder: Path = Path("qhpo-runs")
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    given: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    grace: float = 5.0
