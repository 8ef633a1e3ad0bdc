"""Ctrl-C and the signals of schedulers: at once where it is safe, else a moment later."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupts"]

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C; the polite end that SLURM and Kubernetes ask for; a terminal that is closed."""


class Interrupts:
    """Turns signals into KeyboardInterrupt, at once or where they are looked for.

    A trial that is interrupted between its creation and its first sign of life would stay in the
    study as running. A second signal interrupts wherever the program is.

    Attributes:
        received: The first signal that came; None as long as there is none.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._is_immediate = True

    @property
    def exit_code(self) -> int:
        """Of a program that was ended so: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.received or signal.SIGINT)

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Within it, the signals are treated so."""
        # Only the main thread may set handlers, and a program told to ignore a signal still does.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {
            number: signal.signal(number, self._handle)
            for number in _SIGNALS
            if signal.getsignal(number) not in (signal.SIG_IGN, None)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.received is not None:
            raise KeyboardInterrupt

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within it, the first signal waits until somebody calls `check`."""
        before, self._is_immediate = self._is_immediate, False
        try:
            yield
        finally:
            self._is_immediate = before

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Within it, also within `deferred`, a signal interrupts at once."""
        before, self._is_immediate = self._is_immediate, True
        try:
            self.check()
            yield
        finally:
            self._is_immediate = before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        interrupt = self._is_immediate or self.received is not None
        self.received = self.received or signal.Signals(number)
        if interrupt:
            raise KeyboardInterrupt
