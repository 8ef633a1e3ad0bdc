"""Linear algebra on one thread, while a suggestion is made."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["single_threaded"]


def single_threaded() -> AbstractContextManager[object]:
    """Keeps linear algebra to one thread: the matrices here are too small to share.

    Threads that wait for each other cost many times what they save, most of all while training
    runs beside them.
    """
    limiter: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limiter


@cache
def _controller() -> ThreadpoolController:
    """Looks for the libraries once, and not before they are loaded: it takes milliseconds."""
    return ThreadpoolController()
