"""Where studies are stored: any database that Optuna can use, opened with readable errors."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ParamSpec

import click
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import get_all_study_names
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from qhpo.errors import QhpoError

__all__ = [
    "DEFAULT_URL",
    "find_studies",
    "known_study",
    "open_storage",
    "readable_errors",
    "shown_url",
    "storage_option",
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

_LISTED = 8
"""Studies that an error names."""

_PASSWORD = re.compile(r":[^:/@]*@")

_P = ParamSpec("_P")


def storage_option(command: Callable[_P, None]) -> Callable[_P, None]:
    """Adds ``--storage``, with the same default for every command."""
    option = click.option(
        "--storage",
        metavar="URL",
        default=DEFAULT_URL,
        show_default=True,
        help="Database that keeps the study.",
    )
    return option(command)


def open_storage(url: str, *, must_exist: bool = False) -> BaseStorage:
    """An Optuna storage whose workers give a sign of life, so that a killed one is noticed.

    Args:
        url: A database URL as SQLAlchemy reads it, such as ``"sqlite:///qhpo.db"``.
        must_exist: Create neither file nor tables.

    Raises:
        QhpoError: If the URL is malformed, the database cannot be reached, is not a database, or
            must exist and does not.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        _check_sqlite(parsed, must_exist)
        engine_kwargs: dict[str, Any] = {"connect_args": {"timeout": _SQLITE_LOCK_SECONDS}}
    else:
        engine_kwargs = {}
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            return _connect(url, engine_kwargs, must_exist)
        except QhpoError as error:
            if attempt == _OPEN_ATTEMPTS - 1 or not _lost_a_race(error.__cause__):
                raise
            time.sleep(0.2)
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def readable_errors(url: str) -> Iterator[None]:
    """Turns what a database reports while it is used into a `QhpoError` naming the storage."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        detail = getattr(cause, "orig", None) or cause or error
        raise QhpoError(
            f"the storage {shown_url(url)} cannot be used: {detail}; check the URL, or take "
            "another one with --storage"
        ) from cause


def known_study(name: str, names: list[str], url: str) -> str:
    """The name of a study, if it is one of those in a storage.

    Raises:
        QhpoError: If it is not; names the nearest one.
    """
    if name in names:
        return name
    if not names:
        raise QhpoError(f"{shown_url(url)} holds no study; start one with `qhpo run PROBLEM`")
    near = get_close_matches(name, names, n=1)
    guess = f"did you mean {near[0]}?" if near else "see `qhpo show`"
    raise QhpoError(f"there is no study {name!r} in {shown_url(url)}; {guess}")


def find_studies(storage: BaseStorage, asked: Sequence[str], url: str) -> list[str]:
    """Names of the studies that were asked for, each once; of none, that of the only one there is.

    Raises:
        QhpoError: If one is not there, or none was asked for and there is not exactly one.
    """
    names = sorted(get_all_study_names(storage))
    if asked or not names:
        wanted = list(dict.fromkeys(asked)) or [""]
        return [known_study(name, names, url) for name in wanted]
    if len(names) > 1:
        raise QhpoError(
            f"{shown_url(url)} holds {len(names)} studies, so name one; got none; they are: "
            f"{', '.join(names[:_LISTED])}{', ...' if len(names) > _LISTED else ''}"
        )
    return names


def shown_url(url: str) -> str:
    """The URL without its password, for printing."""
    return make_url(url).render_as_string(hide_password=True)


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


def _connect(url: str, engine_kwargs: dict[str, Any], must_exist: bool) -> BaseStorage:
    try:
        with readable_errors(url), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = RDBStorage(
                url,
                engine_kwargs=engine_kwargs,
                heartbeat_interval=_HEARTBEAT_SECONDS,
                grace_period=_GRACE_SECONDS,
                skip_table_creation=must_exist,
            )
    except QhpoError as error:
        if must_exist and "version_info" in str(getattr(error.__cause__, "orig", "")):
            raise QhpoError(
                f"the storage {shown_url(url)} is a database without studies; start one with "
                "`qhpo run PROBLEM`, or name another storage with --storage"
            ) from error
        raise
    except ImportError as error:
        driver = getattr(error.__cause__, "name", None) or "of its driver"
        raise QhpoError(
            f"the storage {shown_url(url)} needs the package {driver}, which is not installed; "
            "install it, or use an SQLite file such as sqlite:///qhpo.db"
        ) from error
    except RuntimeError as error:  # tables of another Optuna version; the text says what to do
        raise QhpoError(f"the storage {shown_url(url)} cannot be used: {error}") from error
    return get_storage(storage)


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
