"""Servers of a test's own: a PostgreSQL cluster on this machine, and Optuna's gRPC proxy."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = [
    "MISSING",
    "GrpcProxy",
    "PostgresServer",
    "grpc_proxy",
    "running_postgres",
    "wait_until",
]

MISSING = (
    "needs PostgreSQL's programs initdb and postgres in PATH or below /usr/lib/postgresql "
    "(Debian: apt-get install postgresql)"
)
"""Why tests are skipped that need a server."""

_PATIENCE = 60
"""Seconds that a server may take to answer on a busy machine."""

_POLL_SECONDS = 0.05

# What is lost when the power fails is no matter here, and waiting for the disk takes most of the
# time.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "synchronous_commit": "off",
    "unix_socket_directories": "",
}

_PROXY = """
import sys
from optuna.storages import RDBStorage, get_storage, run_grpc_proxy_server
url, port = sys.argv[1:]
storage = get_storage(RDBStorage(url, engine_kwargs={"pool_pre_ping": True}))
run_grpc_proxy_server(storage, host="127.0.0.1", port=int(port))
"""


class PostgresServer:
    """A PostgreSQL server that listens on this machine only, and trusts whoever asks.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._databases = 0

    def url(self, database: str = "postgres") -> str:
        """The URL of a database as SQLAlchemy reads it."""
        return f"postgresql://qhpo@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        self._databases += 1
        name = f"made_{self._databases}"
        self.execute(f"create database {name}")
        return self.url(name)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows that a statement returns."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []

    def cut(self, url: str, where: str = "true") -> int:
        """Ends connections to a database; returns how many there were.

        Args:
            url: That of the database.
            where: Which ones, as a condition of SQL over ``pg_stat_activity``.
        """
        name = url.rpartition("/")[2]
        ended = self.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            f"where datname = '{name}' and {where}"
        )
        return sum(bool(done) for (done,) in ended)


@contextmanager
def running_postgres() -> Iterator[PostgresServer | None]:
    """A server with a cluster of its own, which ends with the context; None without PostgreSQL."""
    programs = _programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="qhpo-postgres-"))
    try:
        # PostgreSQL refuses to run as root.
        as_whom: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data, log, port = folder / "data", folder / "log", _free_port()
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "qhpo", "-A", "trust", "-N", "-E", "UTF8"],
            cwd=folder,
            capture_output=True,
            text=True,
            **as_whom,
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        settings = [part for item in _SETTINGS.items() for part in ("-c", "=".join(item))]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), *settings],
                cwd=folder,
                stdout=stream,
                stderr=stream,
                **as_whom,
            )
        server = PostgresServer(port)
        try:
            _wait_for(process, port, log)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once, whoever is connected
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class GrpcProxy:
    """A proxy in front of a database, as a process of its own.

    Args:
        database: The URL of the database.
        log: What the proxy says goes there.
    """

    def __init__(self, database: str, log: Path) -> None:
        self._database = database
        self._log = log
        self._port = _free_port()
        self.url = f"grpc://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", _PROXY, self._database, str(self._port)],
                stdout=stream,
                stderr=stream,
            )
        _wait_for(self._process, self._port, self._log)

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """End it at once, and start it again."""
        self.stop()
        self.start()


@contextmanager
def grpc_proxy(url: str) -> Iterator[GrpcProxy]:
    """A proxy in front of a database, which ends with the context."""
    with tempfile.TemporaryDirectory() as folder:
        proxy = GrpcProxy(url, Path(folder, "log"))
        try:
            proxy.start()
            yield proxy
        finally:
            proxy.stop()


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 240) -> None:
    """Returns when a condition holds.

    Raises:
        TimeoutError: If it does not come to hold.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(_POLL_SECONDS)


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs, those of its newest version."""
    folders: Sequence[Path] = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name)
    )
    found = shutil.which("initdb")
    folders = [*([Path(found).parent] if found else []), *folders]
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text(errors='replace')}")
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, f"an answer at port {port}", _PATIENCE)
