"""One process of this machine after another: a lock that no killed process leaves behind."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Turn", "one_at_a_time"]


class Turn:
    """The right of one process to something, and a note that outlives the process.

    Args:
        key: Names what is shared, the same in every process of this machine.
    """

    def __init__(self, key: str) -> None:
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self._path = Path(tempfile.gettempdir()) / f"qhpo-{name}.lock"
        self._file: int | None = None

    def take(self) -> None:
        """Waits until no other process has it.

        Where there are no such locks, or the file belongs to another user, nobody waits: what is
        shared must be safe without, only slower.
        """
        if sys.platform == "win32":
            return
        import fcntl

        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def leave(self) -> None:
        """Lets the next process have it."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    @property
    def note(self) -> str:
        """What the last process that had it has left; empty if nothing."""
        return "" if self._file is None else os.pread(self._file, 4096, 0).decode()

    @note.setter
    def note(self, text: str) -> None:
        if self._file is not None:
            os.truncate(self._file, 0)
            os.pwrite(self._file, text.encode(), 0)


@contextmanager
def one_at_a_time(key: str) -> Iterator[None]:
    """Within it, no other process of this machine is within it with the same key.

    Args:
        key: As `Turn`; empty for what belongs to this process alone.
    """
    turn = Turn(key)
    if key:
        turn.take()
    try:
        yield
    finally:
        turn.leave()
