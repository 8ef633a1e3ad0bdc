"""Files that commands write: tried before the work, and there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qhpo.errors import QhpoError

__all__ = ["written"]

_READABLE = 0o644
"""By others too, as any file that a program writes; a temporary one is its owner's alone."""


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file beside the one that is wanted, which takes its place when all went well.

    Raises:
        QhpoError: If nothing can be written there.
    """
    if path.is_dir():
        raise QhpoError(f"an output must be a file; got the directory {path}; name a file in it")
    try:
        handle, name = tempfile.mkstemp(suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise QhpoError(
            f"the file {path} cannot be written: {error.strerror}; name another one with --out"
        ) from error
    os.close(handle)
    beside = Path(name)
    try:
        yield beside
        beside.chmod(_READABLE & ~_umask())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    """What a user takes away from the permissions of new files; it can only be read by setting."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
