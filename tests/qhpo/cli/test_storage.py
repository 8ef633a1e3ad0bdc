from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage
from sqlalchemy.exc import IntegrityError, OperationalError

from qhpo.cli.storage import open_storage, shown_url
from qhpo.errors import QhpoError

URL = "sqlite:///a.db"


def failing(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[Exception]:
    """Makes Optuna fail so often before it opens a storage; returns the failures to come."""
    left = list(errors)
    original = RDBStorage.__init__

    def opening(*args: Any, **kwargs: Any) -> None:
        if left:
            raise left.pop(0)
        original(*args, **kwargs)

    monkeypatch.setattr(RDBStorage, "__init__", opening)
    return left


def test_processes_that_create_one_storage_together(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = OperationalError("CREATE TABLE studies", {}, Exception("studies already exists"))
    twice = IntegrityError("INSERT INTO alembic_version", {}, Exception("UNIQUE failed"))
    left = failing(monkeypatch, exists, twice)

    open_storage(URL)

    assert left == []


def test_other_failures_are_not_tried_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = OperationalError("SELECT 1", {}, Exception("connection refused"))
    left = failing(monkeypatch, refused, refused)

    with pytest.raises(QhpoError, match="cannot be used: connection refused; check the URL"):
        open_storage(URL)
    assert left == [refused]


def test_a_storage_of_another_optuna(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("no longer compatible; execute `optuna storage upgrade`"))

    with pytest.raises(QhpoError, match="no longer compatible; execute `optuna storage upgrade`"):
        open_storage(URL)


def test_the_lock_of_a_file_is_waited_for(tiny: Path) -> None:
    opened: Any = open_storage(URL)

    with opened._backend.engine.connect() as connection:
        (milliseconds,) = connection.exec_driver_sql("PRAGMA busy_timeout").one()
    assert milliseconds >= 30_000


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("sqlite:////tmp/a b.db", "sqlite:////tmp/a b.db"),
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
    ],
)
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown
