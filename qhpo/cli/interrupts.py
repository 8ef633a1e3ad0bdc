"""Ctrl-C and the signals of schedulers: at once where it is safe, else a moment later."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

__all__ = ["Interrupted", "Interrupts", "interruptible"]

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C; the polite end that SLURM and Kubernetes ask for; a terminal that is closed."""

_PATIENCE = 2
"""Signals that wait for what must not be interrupted. Whoever sends one more does not want to."""


class Interrupted(click.ClickException):
    """The user pressed Ctrl-C, or a scheduler ends the program; the message says how to continue.

    Args:
        message: What is printed.
        exit_code: 128 and the number of the signal.
    """

    exit_code = 130

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # Click wants one for each class


class Interrupts:
    """Turns signals into KeyboardInterrupt, at once or where they are looked for.

    A trial that is interrupted between its creation and its first sign of life would stay in the
    study as running. A second signal interrupts wherever the program is, but for what is `held`:
    that only a third one does.

    Attributes:
        received: The first signal that came; None as long as there is none.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._is_immediate = True
        self._n_received = 0
        self._n_holds = 0
        self._is_due = False

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

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it no signal interrupts; one that would have done so does at its end.

        For what must not be left half done, and ends by itself: a call of a storage, of which the
        lock would stay locked. Other threads are never interrupted.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._n_holds += 1
        try:
            yield
        finally:
            self._n_holds -= 1
            if self._is_due and not self._n_holds:
                self._is_due = False
                raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        interrupts = self._is_immediate or self.received is not None
        self.received = self.received or signal.Signals(number)
        self._n_received += 1
        if not interrupts:
            return
        if self._n_holds and self._n_received <= _PATIENCE:
            self._is_due = True
            return
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """What handles the signals of a command that ends where one comes, and says by which."""
    interrupts = Interrupts()
    with interrupts.handled():
        try:
            yield interrupts
        except KeyboardInterrupt:
            raise Interrupted("interrupted", interrupts.exit_code) from None
