from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from optuna import create_study, get_all_study_names
from optuna.storages import RDBStorage
from sqlalchemy.exc import IntegrityError, OperationalError

from qhpo.cli.storage import open_storage, shown_url, storage_key
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


@pytest.mark.parametrize("url", ["a.log", "a.journal", "journal:///a.b", "journal:////{tmp}/a.b"])
def test_a_journal_file(url: str, tiny: Path) -> None:
    url = url.format(tmp=str(tiny).lstrip("/"))
    with pytest.raises(QhpoError, match="there is no file"):
        open_storage(url, must_exist=True)
    create_study(storage=open_storage(url), study_name="kept")
    assert get_all_study_names(open_storage(url, must_exist=True)) == ["kept"]
    assert shown_url(url) == url
    assert storage_key(url) == storage_key(f"journal:///{storage_key(url)}")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("no/such/a.log", "there is no directory no/such; create it"),
        ("journal://a.log", "must be given as journal:///qhpo.log"),
        ("journal:", "must be given as journal:///qhpo.log"),
        ("folder.log", "cannot be used: Is a directory"),
        ("text.log", "it is no journal of Optuna"),
        ("grpc://", "must be given as grpc://host:port"),
        ("grpc://host:port", "must be given as grpc://host:port"),
    ],
)
def test_a_journal_or_proxy_that_is_none(url: str, error: str, tiny: Path) -> None:
    (tiny / "folder.log").mkdir()
    (tiny / "text.log").write_text("[1]\n{}\n")
    with pytest.raises(QhpoError, match=error):
        open_storage(url)


def test_a_proxy_without_its_packages(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(QhpoError, match="needs the packages grpcio and protobuf"):
        open_storage("grpc://localhost:13000")


def test_a_storage_has_one_key(tiny: Path) -> None:
    assert storage_key("sqlite:///a.db") == storage_key(f"sqlite:///{tiny}/a.db")
    assert storage_key("sqlite:///a.db") != storage_key("sqlite:///b.db")
    assert storage_key("postgresql://h/a") != storage_key("postgresql://h/b")
