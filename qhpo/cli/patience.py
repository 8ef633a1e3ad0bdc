"""Calls of a storage whose server may restart, or whose connections may be cut.

What may be said twice is said again. The end of a trial may not: whether it was heard is read where
the answer was lost.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from sqlalchemy.exc import DBAPIError, PendingRollbackError

__all__ = ["ConnectionLost", "ends_once", "is_lost", "pause", "repeats"]

_T = TypeVar("_T")

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.5
"""Between two attempts. Connections that are refused are waited for elsewhere: these are cut in the
middle of a call, which rarely happens twice in a row."""


class ConnectionLost(StorageInternalError):
    """The answer of a server did not come; it may have heard the call."""


def is_lost(error: StorageInternalError) -> bool:
    """Whether a call failed because its connection was cut."""
    cause = error.__cause__
    is_cut = isinstance(cause, DBAPIError) and cause.connection_invalidated
    # Optuna goes on in a transaction of which a query has failed: its list may have been too long.
    return is_cut or isinstance(cause, PendingRollbackError) or isinstance(error, ConnectionLost)


def pause() -> None:
    """Waits a moment before a call is made again."""
    time.sleep(_PAUSE_SECONDS)


def repeats(method: Callable[..., _T]) -> Callable[..., _T]:
    """A method that is called again where its connection was cut: twice does what once does."""

    @functools.wraps(method)
    def patient(*args: Any, **kwargs: Any) -> _T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return method(*args, **kwargs)
            except StorageInternalError as error:
                if not is_lost(error):
                    raise
            pause()
        return method(*args, **kwargs)

    return patient


def ends_once(method: Callable[..., bool]) -> Callable[..., bool]:
    """``set_trial_state_values``, called again where its connection was cut."""
    again = repeats(method)

    @functools.wraps(method)
    def patient(
        storage: BaseStorage,
        trial_id: int,
        state: TrialState,
        values: Sequence[float] | None = None,
    ) -> bool:
        try:
            return method(storage, trial_id, state, values)
        except StorageInternalError as error:
            if not is_lost(error):
                raise
        pause()
        try:
            return again(storage, trial_id, state, values)
        except UpdateFinishedTrialError:
            ended = storage.get_trial(trial_id)
            is_heard = ended.state == state and (values is None or ended.values == list(values))
            if not is_heard:
                raise
            return True

    return patient
