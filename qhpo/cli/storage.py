"""Where studies are stored: any storage that Optuna has, opened with readable errors.

A URL names it: ``sqlite:///qhpo.db`` and other databases as SQLAlchemy reads them, a journal file
as ``journal:///qhpo.log`` or by its path, if that ends in .log or .journal, and a server of
``optuna.storages.run_grpc_proxy_server`` as ``grpc://host:13000``.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.storages._heartbeat import BaseHeartbeat
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from qhpo.cli.database import open_database
from qhpo.cli.interrupts import Interrupts
from qhpo.cli.journal import open_journal
from qhpo.cli.proxy import open_proxy
from qhpo.errors import QhpoError

__all__ = [
    "DEFAULT_URL",
    "StorageError",
    "open_storage",
    "readable_errors",
    "shown_url",
    "storage_key",
    "storage_option",
    "storage_words",
]

DEFAULT_URL = "sqlite:///qhpo.db"
"""A file in the working directory."""


_HEARTBEAT_SECONDS = 10
"""A worker says so often that it lives."""

_GRACE_SECONDS = 60
"""One that is silent for so long is taken for dead and its trial for failed. A solver or a training
step that holds the interpreter lock may be silent for some of it."""

# Optuna's five seconds are short for several workers on one SQLite file.
_SQLITE_LOCK_SECONDS = 60

_OPEN_ATTEMPTS = 5
"""Processes that make one database at the same time fail, and succeed when it is there."""

_GRPC_PORT = 13000
"""Where Optuna's gRPC proxy listens, if nobody says otherwise."""

_JOURNAL_SUFFIXES = (".log", ".journal")

_CALLS = sorted(
    name
    for name in {*dir(BaseStorage), *dir(BaseHeartbeat)} - {*dir(object)}
    if callable(getattr(BaseStorage, name, None) or getattr(BaseHeartbeat, name, None))
)
"""What Optuna calls of a storage."""

_WHEELS = {"psycopg": "psycopg[binary]"}
"""What to install, where a driver's own wheel lacks the library that it needs."""

_PASSWORD = re.compile(r":[^:/@]*@")

_P = ParamSpec("_P")
_R = TypeVar("_R")


class StorageError(QhpoError):
    """A storage has failed while it was used, which is nobody's mistake."""


def storage_option(command: Callable[_P, None]) -> Callable[_P, None]:
    """Adds ``--storage``, with the same default for every command."""
    option = click.option(
        "--storage",
        metavar="URL",
        default=DEFAULT_URL,
        show_default=True,
        help="What keeps the study: the URL of a database, a journal file (.log, .journal), or "
        "grpc://host:port.",
    )
    return option(command)


def open_storage(
    url: str, *, must_exist: bool = False, interrupts: Interrupts | None = None
) -> BaseStorage:
    """An Optuna storage. In a database workers give a sign of life: a killed one is noticed.

    Args:
        url: As this module reads it, such as ``"sqlite:///qhpo.db"``.
        must_exist: Create neither file nor tables.
        interrupts: Where signals are handled: none of them interrupts a call of the storage. A
            transaction that is cut off keeps its lock, and a journal loses that of another process.

    Raises:
        QhpoError: If the URL is malformed, the database cannot be reached, is not a database, or
            must exist and does not.
    """
    if interrupts is None:
        return _opened(url, must_exist)
    with interrupts.held():
        storage = _opened(url, must_exist)
    for name in _CALLS:
        if hasattr(storage, name):
            setattr(storage, name, _holding(interrupts, getattr(storage, name)))
    return storage


def _holding(interrupts: Interrupts, call: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(call)
    def held(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with interrupts.held():
            return call(*args, **kwargs)

    return held


def _opened(url: str, must_exist: bool) -> BaseStorage:
    if (file := _journal(url)) is not None:
        return _open_journal(url, file, must_exist)
    if url.startswith("grpc:"):
        return _open_proxy(url)
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        _check_sqlite(parsed, must_exist)
        waiting = {"connect_args": {"timeout": _SQLITE_LOCK_SECONDS}}
        storage: Callable[..., RDBStorage] = partial(RDBStorage, engine_kwargs=waiting)
    else:
        storage = open_database
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            return _connect(url, storage, must_exist)
        except QhpoError as error:
            if attempt == _OPEN_ATTEMPTS - 1 or not _lost_a_race(error.__cause__):
                raise
            time.sleep(0.2)
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def readable_errors(url: str) -> Iterator[None]:
    """Turns what a storage reports while it is used into a `StorageError` naming it."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise StorageError(
            f"the storage {shown_url(url)} failed: {_reason(error)}; mend that, and give the same "
            "command again: it goes on from what is stored"
        ) from _cause(error)


def shown_url(url: str) -> str:
    """The URL without its password, for printing."""
    if _journal(url) is not None:
        return url
    return make_url(url).render_as_string(hide_password=True)


def storage_words(url: str) -> list[str]:
    """How a command line names the storage; nothing for the default one."""
    return [] if url == DEFAULT_URL else ["--storage", shown_url(url)]


def storage_key(url: str) -> str:
    """Names a storage, the same for all processes of a machine that use it."""
    if (file := _journal(url)) is not None:
        return str(file.resolve())
    database = make_url(url).database
    if url.startswith("sqlite") and database is not None:
        return str(Path(database).resolve())
    return url


def _cause(error: SQLAlchemyError | StorageInternalError) -> Exception:
    """What the database itself has raised; Optuna's words for it say less."""
    cause = error.__cause__
    return cause if isinstance(cause, SQLAlchemyError) else error


def _reason(error: SQLAlchemyError | StorageInternalError) -> object:
    cause = _cause(error)
    return getattr(cause, "orig", None) or cause


def _unusable(url: str, detail: object) -> QhpoError:
    return QhpoError(
        f"the storage {shown_url(url)} cannot be used: {detail}; check the URL, or take "
        "another one with --storage"
    )


def _journal(url: str) -> Path | None:
    """The journal file that is meant; None if it is something else."""
    if url.startswith("journal:"):
        name = url.removeprefix("journal:").removeprefix("///")
        if not name or name.startswith("//"):
            raise QhpoError(
                "a journal file must be given as journal:///qhpo.log, or journal:////tmp/qhpo.log "
                f"with a whole path; got {url!r}"
            )
        return Path(name)
    is_path = "://" not in url and Path(url).suffix in _JOURNAL_SUFFIXES
    return Path(url) if is_path else None


def _open_journal(url: str, file: Path, must_exist: bool) -> BaseStorage:
    if must_exist and not file.exists():
        raise QhpoError(
            f"the storage {url} does not exist: there is no file {file}; start a study with "
            "`qhpo run TASK`, or name its storage with --storage"
        )
    if not file.parent.is_dir():
        raise QhpoError(
            f"the storage {url} cannot be made: there is no directory {file.parent}; create it"
        )
    try:
        with file.open("rb" if must_exist else "ab"):
            pass
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return open_journal(file)
    except StorageInternalError as error:
        raise _unusable(url, error) from error
    except OSError as error:
        raise _unusable(url, error.strerror or error) from error
    except (KeyError, TypeError, AssertionError) as error:
        raise _unusable(url, f"it is no journal of Optuna ({error})") from error


def _open_proxy(url: str) -> BaseStorage:
    try:
        parsed = make_url(url)
        host, port = parsed.host, parsed.port or _GRPC_PORT
    except (ArgumentError, ValueError):
        host, port = None, 0
    if not host:
        raise QhpoError(
            f"a gRPC proxy must be given as grpc://host:port, such as grpc://localhost:13000; "
            f"got {url!r}"
        )
    try:
        return open_proxy(host, port)
    except ImportError as error:
        raise QhpoError(
            f"the storage {url} needs the packages grpcio and protobuf, which are not installed; "
            "run: pip install grpcio protobuf"
        ) from error
    except ConnectionError as error:
        raise _unusable(url, "no server answers there") from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, ValueError, ImportError) as error:
        raise QhpoError(
            f"a storage must be a database URL such as sqlite:///qhpo.db or "
            f"postgresql://user@host/name; got {_PASSWORD.sub(':***@', url)!r}"
        ) from error
    if "{" in url or "}" in url:
        # Optuna fills the URL in as a format string.
        raise QhpoError(f"a storage URL must not contain braces; got {url!r}")
    return parsed


def _connect(url: str, storage: Callable[..., RDBStorage], must_exist: bool) -> BaseStorage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            opened = storage(
                url,
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=_GRACE_SECONDS,
                skip_table_creation=must_exist,
            )
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = _reason(error)
        if must_exist and "version_info" in str(reason):
            raise QhpoError(
                f"the storage {shown_url(url)} is a database without studies; start one with "
                "`qhpo run PROBLEM`, or name another storage with --storage"
            ) from error
        raise _unusable(url, reason) from _cause(error)
    except ImportError as error:
        driver = str(getattr(error.__cause__, "name", None) or make_url(url).get_driver_name())
        raise QhpoError(
            f"the storage {shown_url(url)} needs the package {driver}, which is not installed; "
            f'run: pip install "{_WHEELS.get(driver, driver)}", or use an SQLite file such as '
            "sqlite:///qhpo.db"
        ) from error
    except RuntimeError as error:  # tables of another Optuna version; the text says what to do
        raise QhpoError(f"the storage {shown_url(url)} cannot be used: {error}") from error
    return get_storage(opened)


def _check_sqlite(url: URL, must_exist: bool) -> None:
    if url.database in (None, "", ":memory:"):
        raise QhpoError(
            "a study must outlive the program, which an SQLite database in memory does not; "
            f"name a file, such as sqlite:///qhpo.db; got {url}"
        )
    if "uri" in url.query:  # a file: name with options, which only SQLite can read
        return
    file = Path(str(url.database))
    if must_exist and not file.exists():
        raise QhpoError(
            f"the storage {url} does not exist: there is no file {file}; start a study with "
            "`qhpo run PROBLEM`, or name its storage with --storage"
        )
    if not file.parent.is_dir():
        raise QhpoError(
            f"the storage {url} cannot be made: there is no directory {file.parent}; create it"
        )


def _lost_a_race(cause: BaseException | None) -> bool:
    """Whether another process was creating the same tables at the same moment."""
    return isinstance(cause, IntegrityError) or "already exists" in str(cause)
