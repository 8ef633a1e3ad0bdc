"""A database as storage, whose server may restart meanwhile, and whose connections may be cut.

What is used of the private API of Optuna's storage for this stands here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy.engine import Engine
from sqlalchemy.event import listen

from qhpo.cli.patience import ends_once, repeats

__all__ = ["open_database"]

_RECONNECT_SECONDS = 30
"""How long a server may refuse connections after the first one, as while it restarts. Together with
the time between two signs of life it is less than the grace."""

_RECONNECT_PAUSE = 0.5
"""Seconds between two of these attempts."""


def open_database(url: str, **options: Any) -> RDBStorage:
    """A database on a server. Its first connection must succeed at once.

    Args:
        url: As SQLAlchemy reads it.
        options: Further arguments of Optuna's storage.
    """
    # A connection that was cut while a trial ran is replaced before it is used again.
    opened = _Database(url, engine_kwargs={"pool_pre_ping": True}, **options)
    _wait_for_restarts(opened.engine)
    return opened


_REPEATED = (
    *("set_study_user_attr", "set_study_system_attr", "set_trial_user_attr"),
    *("set_trial_system_attr", "set_trial_intermediate_value", "record_heartbeat"),
    *("get_study_id_from_name", "get_study_name_from_id", "get_study_directions"),
    *("get_study_user_attrs", "get_study_system_attrs", "get_all_studies", "get_trial"),
    *("get_trial_id_from_study_id_trial_number", "_get_trials", "_get_stale_trial_ids"),
    # The storage in front of it calls these in Optuna 5; Optuna 4 has the public ones alone.
    *(("_set_trial_param",) if hasattr(RDBStorage, "_set_trial_param") else ("set_trial_param",)),
    *(("_get_best_trial_id",) if hasattr(RDBStorage, "_get_best_trial_id") else ()),
)
"""Methods that may be called twice. Creating a trial Optuna tries again by itself; for a new study
a user is there."""

_methods: dict[str, Any] = {name: repeats(getattr(RDBStorage, name)) for name in _REPEATED}
_methods["set_trial_state_values"] = ends_once(RDBStorage.set_trial_state_values)

_Database: type[RDBStorage] = type("_Database", (RDBStorage,), _methods)


def _wait_for_restarts(engine: Engine) -> None:
    """Connections are tried for some time: nothing has been asked of the server, so it is safe."""

    def connect(
        dialect: Any, record: object, arguments: list[Any], named: Mapping[str, Any]
    ) -> Any:
        end = time.monotonic() + _RECONNECT_SECONDS
        while True:
            try:
                return dialect.connect(*arguments, **named)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > end:
                    raise
            time.sleep(_RECONNECT_PAUSE)

    listen(engine, "do_connect", connect)
