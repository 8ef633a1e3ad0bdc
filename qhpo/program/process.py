"""A running program: started in a group of its own, read along, ended with its children."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from qhpo.errors import QhpoError

__all__ = ["RunningProgram"]

_FIRST_POLL, _LAST_POLL = 0.001, 0.05
"""Seconds between two looks at a program, from its start on: the wait doubles, so that neither the
end of a short program is noticed late nor a long one costs anything."""

_PIECE = 1 << 20
"""Bytes of output that are read at a time."""

_GUARDIAN = """
trap '' HUP INT TERM
group=0
while read -r line; do group=$line; done
[ "$group" -gt 1 ] 2>/dev/null || exit 0
kill -s TERM -- "-$group" 2>/dev/null || exit 0
sleep 5
kill -s KILL -- "-$group" 2>/dev/null
"""
"""Reads the group that runs now, line by line. Its input ends when qhpo does, however that was."""


class RunningProgram:
    """A program that runs, with files for its output.

    Both outputs go to files, which are read along: a program is never blocked by a full pipe, and
    one that leaves children behind is not waited for.

    Args:
        command: The command line.
        environment: All variables of the program.
        folder: Where ``stdout.txt`` and ``stderr.txt`` are written.

    Raises:
        QhpoError: If it cannot be started, which no configuration would change.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            try:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=dict(environment),
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise QhpoError(_not_started(command, error)) from error
        _guard(self._process.pid)
        self._output = (folder / "stdout.txt").open("rb")
        self._pause = _FIRST_POLL

    def wait(self) -> int | None:
        """Waits a moment for the end; returns the exit code, or None while the program runs."""
        if (code := self._process.poll()) is not None:
            return code
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _LAST_POLL)
        return self._process.poll()

    def read(self) -> bytes:
        """Further output, empty if there is none yet."""
        return self._output.read(_PIECE)

    def end(self, grace: float) -> None:
        """Ends the program and its children: SIGTERM, and SIGKILL after some seconds."""
        try:
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + grace
            while self._is_alive() and time.monotonic() < deadline:
                time.sleep(_LAST_POLL)
        finally:
            # Also where a second Ctrl-C ends the patience.
            self._signal(signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Ends what the program has left running in its group, and closes the files."""
        self._signal(signal.SIGKILL)
        _guard(0)
        self._output.close()

    def _is_alive(self) -> bool:
        """Whether a process of the group is left."""
        self._process.poll()
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # a zombie, on some systems
            return self._process.returncode is None
        return True

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def _not_started(command: Sequence[str], error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"the program must be one that can be started; got {command[0]!r}: {reason}; check that it "
        "exists, that it is executable (chmod +x), and that its first line names an interpreter"
    )


def _guard(group: int) -> None:
    """Tells the guardian which group it should end if this process is killed; 0 for none."""
    guardian = _guardian()
    if guardian.stdin is not None:
        try:
            guardian.stdin.write(f"{group}\n".encode())
            guardian.stdin.flush()
        except OSError:  # somebody has ended it: programs are only less well guarded
            return


@cache
def _guardian() -> subprocess.Popen[bytes]:
    """A shell that outlives this process by the time it takes to end a program."""
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", _GUARDIAN],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_dismiss, guardian)
    return guardian


def _dismiss(guardian: subprocess.Popen[bytes]) -> None:
    if guardian.stdin is not None:
        guardian.stdin.close()
    guardian.wait()
