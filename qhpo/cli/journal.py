"""Journal files of Optuna, of which a killed process leaves nothing behind that stops the others.

Optuna's lock of a journal is a symbolic link beside it. One whose process was killed stands in the
way of all others for half a minute, and those that wait take it from each other when they lose
their patience. Here the processes of one machine go one after another, so that only one of them
waits, and each notes which link is its own: the next one knows a link that was left behind. Other
programs and other machines know the link alone, as ever. What is used of Optuna's private API for
this stands in this module.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import LOCK_FILE_SUFFIX, BaseJournalFileLock

from qhpo.cli.turns import Turn

__all__ = ["open_journal"]

_PATIENCE = 30.0
"""Seconds after which a link that does not change is taken for left behind, as by Optuna itself."""

_FIRST_POLL, _LAST_POLL = 0.001, 0.1
"""Seconds between two looks at the link of another program; the wait doubles."""

_BLOCK = 1 << 16
"""Bytes that are read at a time where the end of the last whole entry is looked for."""


def open_journal(file: Path) -> JournalStorage:
    """The storage in a journal file.

    Args:
        file: Its path; it is made where there is none.
    """
    # Other programs read the age of a journal through its link. From a relative path in a folder
    # they would look for a file that is not there, and never lose patience.
    path = file.absolute()
    lock = None if sys.platform == "win32" else _Lock(path)
    return JournalStorage(_Backend(path, lock))


class _Backend(JournalFileBackend):
    """Optuna's journal, whose failures are those of a storage and of nothing else.

    Args:
        path: The journal.
        lock: Its lock; None for Optuna's own.
    """

    def __init__(self, path: Path, lock: BaseJournalFileLock | None) -> None:
        super().__init__(str(path), lock)
        self._path = path
        self._inode = path.stat().st_ino

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        with _as_of_a_storage():
            self._check()
            yield from super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with _as_of_a_storage():
            self._check()
            super().append_logs(logs)

    def _check(self) -> None:
        """Trials have other numbers in another file: what this process wrote would become theirs.

        Raises:
            StorageInternalError: If it has taken the journal's place, perhaps on its inode.
        """
        found = self._path.stat()
        n_read = next(reversed(self._log_number_offset.values()))
        if found.st_ino != self._inode or found.st_size < n_read:
            raise StorageInternalError("another file has taken its place")


@contextmanager
def _as_of_a_storage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageInternalError(error.strerror or str(error)) from error
    except ValueError as error:
        raise StorageInternalError(f"it is no journal of Optuna ({error})") from error


class _Lock(BaseJournalFileLock):
    """Optuna's lock, for one process of this machine at a time.

    Args:
        path: The journal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._link = path.with_name(path.name + LOCK_FILE_SUFFIX)
        self._turn = Turn(f"journal {path.resolve()}")
        self._own = ""

    def acquire(self) -> bool:
        self._turn.take()
        try:
            self._make_link(self._turn.note)
            self._own = self._identity()
            self._turn.note = self._own
            _cut_unfinished(self._path)
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        try:
            # Whoever has waited for half a minute takes it away, and has one of its own.
            if self._own and self._own == self._identity():
                self._link.unlink(missing_ok=True)
            self._own = self._turn.note = ""
        finally:
            self._turn.leave()

    def _make_link(self, left_behind: str) -> None:
        """Waits until nobody else has a link, or for long enough.

        Args:
            left_behind: The link of a killed process.
        """
        seen, since, pause = "", time.monotonic(), _FIRST_POLL
        while True:
            try:
                self._link.symlink_to(self._path)
                return
            except FileExistsError:
                found = self._identity()
            if found != seen:
                seen, since, pause = found, time.monotonic(), _FIRST_POLL
            if found and (found == left_behind or time.monotonic() - since > _PATIENCE):
                self._link.unlink(missing_ok=True)
                continue
            time.sleep(pause)
            pause = min(2 * pause, _LAST_POLL)

    def _identity(self) -> str:
        """Tells the link from any other one; empty where there is none."""
        try:
            found = self._link.lstat()
        except FileNotFoundError:
            return ""
        return f"{found.st_dev} {found.st_ino} {found.st_ctime_ns}"


def _cut_unfinished(path: Path) -> None:
    """Takes away an entry that a killed process, or a full disk, has left without its end.

    It never happened, and the next one would become a part of it: nobody could read the journal.
    """
    with path.open("rb+") as file:
        end = start = file.seek(0, os.SEEK_END)
        size = 1
        while start > 0:
            size = min(size, start)
            file.seek(start - size)
            last = file.read(size).rfind(b"\n")
            if last >= 0:
                start -= size - last - 1
                break
            start, size = start - size, _BLOCK
        if start != end:
            file.truncate(start)
