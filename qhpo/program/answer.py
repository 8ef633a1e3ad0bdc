"""The answer of a program: lines of its output, or a file, read for numbers by their names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from re import Pattern
from typing import Any, TypeGuard

from qhpo.errors import QhpoError
from qhpo.program.spec import Answer

__all__ = ["AnswerError", "Lines", "Reader", "Report", "is_finite", "number"]

STEP = "step"
"""Key that makes a line a report."""

_LINE_END = re.compile(rb"[\r\n]")
"""Progress bars end their lines with a carriage return alone."""

_SHOWN = 80
"""Characters of a wrong value that an error shows."""

Report = tuple[int, float]
"""A step, and the metric there."""


class AnswerError(Exception):
    """What a program answered is not what was asked for; its other trials may do better."""


class Lines:
    """Cuts pieces of output into lines, whatever their length and encoding."""

    def __init__(self) -> None:
        self._open: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that a piece completes, without what ends them."""
        *complete, rest = _LINE_END.split(piece)
        for line in complete:
            yield self._closed(line)
        if rest:
            self._open.append(rest)

    def end(self) -> Iterator[str]:
        """The last line, if nothing ended it."""
        if self._open:
            yield self._closed(b"")

    def _closed(self, line: bytes) -> str:
        whole = b"".join([*self._open, line])
        self._open.clear()
        return whole.decode("utf-8", errors="replace").lstrip("\ufeff")


class Reader:
    """Collects what a program answers.

    Args:
        answer: Where it answers.
        metric: Key of the value to optimize.

    Attributes:
        latest: The last value of each key.

    Raises:
        QhpoError: If the answer is a pattern without a group for the metric.
    """

    def __init__(self, answer: Answer, metric: str) -> None:
        if isinstance(answer, Pattern) and metric not in answer.groupindex:
            raise QhpoError(
                f"the pattern of an answer must have a group for the metric, (?P<{metric}>...); "
                f"got {answer.pattern!r}; name one so"
            )
        self._answer = answer
        self._metric = metric
        self.latest: dict[str, Any] = {}

    def read_line(self, line: str) -> Report | None:
        """Take a line of standard output; returns the report that it is.

        Raises:
            AnswerError: If it is a report whose step or metric is wrong.
        """
        found = self._keys(line)
        if not found:
            return None
        step = found.pop(STEP, None)
        self.latest.update(found)
        if step is None or self._metric not in found:
            return None
        value = found[self._metric]
        # A training that diverges says so on its way; the pruner knows what to do with it.
        is_nan = isinstance(value, float) and math.isnan(value)
        return _step(step), math.nan if is_nan else number(self._metric, value)

    def read_file(self, folder: Path) -> None:
        """Take the file, where that is the answer.

        Raises:
            AnswerError: If it is missing, or no JSON object.
        """
        if not isinstance(self._answer, Path):
            return
        path = folder / self._answer
        try:
            found = json.loads(path.read_bytes())
        except OSError as error:
            raise AnswerError(
                f"the program must write its answer to {path}; got no such file "
                f"({error.strerror}); its folder is in the variable QHPO_FOLDER"
            ) from None
        except (ValueError, RecursionError) as error:
            raise AnswerError(f"the answer {path} must be a JSON object; got {error}") from None
        if not isinstance(found, dict):
            raise AnswerError(f"the answer {path} must be a JSON object; got {_shown(found)}")
        self.latest.update(found)

    def value(self, name: str) -> float:
        """The last number of that name.

        Raises:
            AnswerError: If there is none, or it is no number.
        """
        if name not in self.latest:
            raise AnswerError(self._missing(name))
        return number(name, self.latest[name])

    def others(self) -> dict[str, float]:
        """Every other key of the answer that is a finite number."""
        return {
            name: value
            for name, value in self.latest.items()
            if name != self._metric and is_finite(value)
        }

    def _keys(self, line: str) -> dict[str, Any]:
        if isinstance(self._answer, Pattern):
            match = self._answer.search(line)
            texts = match.groupdict() if match else {}
            return {name: _parsed(text) for name, text in texts.items() if text is not None}
        # A look at the first character spares the parser most lines of a log.
        if self._answer != "json" or not line.lstrip().startswith("{"):
            return {}
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _missing(self, name: str) -> str:
        seen = ", ".join(map(str, self.latest)) or "nothing"
        if isinstance(self._answer, Pattern):
            where = f"no line of its standard output that matches {self._answer.pattern!r}"
        elif isinstance(self._answer, Path):
            where = f"a file with {seen}"
        else:
            where = f"lines with {seen}"
        example = json.dumps({name: 0.5})
        if isinstance(self._answer, Pattern):
            return f"the program must answer with {name}; got {where}"
        return f"the program must answer with {name}, such as {example}; got {where}"


def number(name: str, value: object) -> float:
    """A value of an answer as a number.

    Raises:
        AnswerError: If it is none, or is not a number.
    """
    if not _is_number(value):
        raise AnswerError(f"{name} must be a number; the program answered {_shown(value)}")
    try:
        result = float(value)
    except OverflowError:
        raise AnswerError(f"{name} must fit into a float; got {_shown(value)}") from None
    if math.isnan(result):
        raise AnswerError(f"{name} must be a number; the program answered NaN")
    return result


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a database can keep."""
    try:
        return _is_number(value) and math.isfinite(value)
    except OverflowError:  # an integer beyond floats
        return False


def _step(value: object) -> int:
    if is_finite(value) and value == int(value) >= 0:
        return int(value)
    raise AnswerError(f"a step must be a whole number, 0 or more; got {_shown(value)}")


def _parsed(text: str) -> object:
    """What a group of a pattern has matched: a number if it reads as one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
