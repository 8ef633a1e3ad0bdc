"""The objective that starts a program for every trial, and reads its answer along."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from qhpo.errors import QhpoError
from qhpo.problem import Objective, suggest
from qhpo.program.answer import AnswerError, Lines, Reader
from qhpo.program.handover import measure, note
from qhpo.program.process import RunningProgram
from qhpo.program.spec import ProgramSpec

__all__ = [
    "EXIT_CODE",
    "LOG_FOLDER",
    "SECONDS",
    "ProgramError",
    "objective",
    "variable_of",
    "variables_of",
]

EXIT_CODE = "exit_code"
"""User attribute of a trial: what its program ended with; minus the signal that killed it."""

LOG_FOLDER = "log_folder"
"""User attribute of a trial: the folder with what went into its program and what came out."""

SECONDS = "program_seconds"
"""User attribute of a trial: wall-clock seconds of its program's last attempt."""

_PREFIX = "QHPO_PARAM_"
"""Begins the variable of a parameter."""

_SIGNAL_SECONDS = 0.5
"""A scheduler that stops a job signals all of its processes: the program's end may be seen before
the signal to this process is."""

_SHELL_SIGNAL = 128
"""Added to the number of a signal, it is what a shell ends with when its program was killed."""

_TAIL = 2000
"""Bytes of the end of a log that an error brings along."""

_OWN = (EXIT_CODE, LOG_FOLDER, SECONDS)

Conditions = Mapping[str, Mapping[str, Any]]


class ProgramError(Exception):
    """A program failed, or its answer is not what was asked for; its other trials may do better."""


def objective(
    spec: ProgramSpec,
    search_space: Mapping[str, BaseDistribution],
    conditions: Conditions | None = None,
) -> Objective:
    """The objective that starts a program with the parameters of each trial, and reads its answer.

    The program runs in the working directory of this process, in a process group of its own, which
    ends with it. Its parameters are in the command line as ``spec.command`` writes them, and in the
    environment: ``QHPO_PARAMS`` (JSON), ``QHPO_PARAMS_FILE`` (a file with the same), ``QHPO_TRIAL``
    (the number), ``QHPO_FOLDER`` (the trial's folder, ``trial-0007``) and `variable_of` each
    parameter. Python programs get ``PYTHONUNBUFFERED``, so that their reports come at once.

    Args:
        spec: The program.
        search_space: Distributions by parameter name.
        conditions: Which parameters exist only under some values of others.

    Raises:
        QhpoError: If two parameters have the same variable, the answer is a pattern without the
            metric, or the folder cannot be written to. The objective raises it where the program
            cannot be started at all.
    """
    _variables(search_space)
    Reader(spec.answer, spec.metric)
    _try_folder(spec.folder)

    def run(trial: optuna.Trial) -> float:
        return _Attempt(spec, trial, suggest(trial, search_space, conditions)).value()

    return run


def variable_of(name: str) -> str:
    """The environment variable of a parameter: ``QHPO_PARAM_lr``.

    What a shell cannot have in a name becomes an underscore. Strings are as they are, all other
    values as JSON writes them: ``0.1``, ``true``, ``null``.
    """
    return _PREFIX + re.sub(r"\W", "_", name, flags=re.ASCII)


def variables_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables that tell a program its parameters, and their values."""
    return {variable: _text(given[name]) for name, variable in _variables(given).items()}


class _Attempt:
    """One run of the program."""

    def __init__(
        self,
        spec: ProgramSpec,
        trial: optuna.Trial,
        params: Mapping[str, Any],
    ) -> None:
        self._spec = spec
        self._trial = trial
        self._reader = Reader(spec.answer, spec.metric)
        self._lines = Lines()
        self._steps: set[int] = set()
        self._folder = _new_folder(spec.folder, trial.number)
        trial.set_user_attr(LOG_FOLDER, str(self._folder))
        given = dict(spec.given(params))
        text = json.dumps(given)
        file = self._folder / "parameters.json"
        file.write_text(text + "\n")
        self._command = [str(word) for word in spec.command(params)]
        (self._folder / "command.txt").write_text(
            shlex.join(self._command) + "\n", errors="backslashreplace"
        )
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_PREFIX)}
        self._environment = {
            "PYTHONUNBUFFERED": "1",
            **inherited,
            **spec.environment,
            "QHPO_PARAMS": text,
            "QHPO_PARAMS_FILE": str(file),
            "QHPO_TRIAL": str(trial.number),
            "QHPO_FOLDER": str(self._folder),
            **variables_of(given),
        }

    def value(self) -> float:
        """Runs the program to its end, and returns the metric."""
        start = time.monotonic()
        program = RunningProgram(self._command, self._environment, self._folder)
        try:
            code = self._followed(program, start)
        except AnswerError as error:
            raise self._failure(str(error)) from None
        finally:
            program.close()
            self._trial.set_user_attr(SECONDS, round(time.monotonic() - start, 3))
        (self._folder / "exit-code.txt").write_text(f"{code}\n")
        self._trial.set_user_attr(EXIT_CODE, code)
        if code < 0 or code > _SHELL_SIGNAL:
            time.sleep(_SIGNAL_SECONDS)
        if code != 0:
            raise self._failure(_exit(code) + self._although())
        return self._answered()

    def _followed(self, program: RunningProgram, start: float) -> int:
        """Reads along until the program ends; returns its exit code."""
        limit = self._spec.timeout
        try:
            while (code := program.wait()) is None:
                while piece := program.read():
                    self._take(self._lines.feed(piece))
                    # A program may write faster than its lines are read.
                    if limit is not None and time.monotonic() - start > limit:
                        break
                if limit is not None and time.monotonic() - start > limit:
                    raise self._failure(
                        f"the program must end within its timeout of {limit:g} s; it was ended"
                    )
            while piece := program.read():
                self._take(self._lines.feed(piece), is_running=False)
            self._take(self._lines.end(), is_running=False)
        except BaseException:
            program.end(self._spec.grace)
            raise
        return code

    def _take(self, lines: Iterable[str], is_running: bool = True) -> None:
        """Hands the reports of some lines over.

        Raises:
            TrialPruned: If the pruner wants the trial to end, and it has not ended by itself.
        """
        for line in lines:
            report = self._reader.read_line(line)
            # The first report of a step counts, as for Optuna.
            if report is None or report[0] in self._steps:
                continue
            step, value = report
            self._steps.add(step)
            self._trial.report(value, step)
            if is_running and self._trial.should_prune():
                raise optuna.TrialPruned(f"pruned at step {step}")

    def _answered(self) -> float:
        """The metric; constraints and other numbers of the answer go to the trial."""
        try:
            self._reader.read_file(self._folder)
            value = self._reader.value(self._spec.metric)
            measure(self._trial, self._spec.measured, self._reader.value)
        except AnswerError as error:
            raise self._failure(str(error)) from None
        others = self._reader.others()
        note(self._trial, {k: v for k, v in others.items() if k not in _OWN})
        return value

    def _although(self) -> str:
        try:
            self._reader.read_file(self._folder)
            value = self._reader.value(self._spec.metric)
            return f", although it answered {self._spec.metric} = {value:g}"
        except AnswerError:
            return ""

    def _failure(self, reason: str) -> ProgramError:
        """The error, with the last line of what the program said; more of it in a note."""
        tail = _tail(self._folder / "stderr.txt") or _tail(self._folder / "stdout.txt")
        said = [line.strip() for line in tail.splitlines() if line.strip()]
        last = f"; it said: {said[-1]}" if said else ""
        error = ProgramError(f"{reason}{last}; see {self._folder}")
        error.add_note(f"The end of its output:\n{tail}" if tail else "It wrote nothing.")
        return error


def _variables(names: Iterable[str]) -> dict[str, str]:
    """The variable of each parameter."""
    owners: dict[str, str] = {}
    for name in names:
        variable = variable_of(name)
        if variable in owners:
            raise QhpoError(
                f"every parameter must have an environment variable of its own; {name!r} and "
                f"{owners[variable]!r} both have {variable}; rename one of them"
            )
        owners[variable] = name
    return {name: variable for variable, name in owners.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _new_folder(parent: Path, trial_number: int) -> Path:
    """A folder that no other attempt has: ``trial-0007``, then ``trial-0007-2`` and so on."""
    name = f"trial-{trial_number:04d}"
    try:
        for n in range(1, 1_000_000):
            folder = (parent / (name if n == 1 else f"{name}-{n}")).resolve()
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise _no_folder(parent, error) from error
    raise QhpoError(f"the folder {parent} holds a million attempts of {name}; choose another")


def _try_folder(folder: Path) -> None:
    """Makes the folder of the logs, and writes to it: before the work, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _no_folder(folder, error) from error


def _no_folder(folder: Path, error: OSError) -> QhpoError:
    return QhpoError(
        f"the folder of the logs must be one that can be written to; got {folder}: "
        f"{error.strerror}; choose another"
    )


def _exit(code: int) -> str:
    if code >= 0:
        return f"the program must end with exit code 0; got {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the program must end with exit code 0; it was killed by {name}"


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
        return file.read().decode("utf-8", errors="replace").strip()
