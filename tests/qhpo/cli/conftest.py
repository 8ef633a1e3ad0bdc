"""A package with tiny problems, solvers and commands, found as any installed package is."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy

ENTRY_POINTS = """\
[qhpo.problems]
absent = no_such_module:PROBLEM
ascent = tiny_problems:ASCENT
brought = tiny_problems:BROUGHT
cutting = tiny_problems:CUTTING
flaky = tiny_problems:FLAKY
gated = tiny_problems:GATED
half = tiny_problems:HALF
moody = tiny_problems:MOODY
program = tiny_problems:PROGRAM
reached = tiny_problems:REACHED
ruled = tiny_problems:RULED
terminated = tiny_problems:TERMINATED
unstored = tiny_problems:UNSTORED
hopeless = tiny_problems:HOPELESS
commanded = tiny_problems:COMMANDED
hungry = tiny_problems:HUNGRY
kept = tiny_problems:KEPT
leaving = leaving_problem:PROBLEM
idle = tiny_problems:IDLE
nan = tiny_problems:NAN
pair = tiny_problems:PAIR
parabola = tiny_problems:PARABOLA
pruning = tiny_problems:PRUNING
refusing = tiny_problems:REFUSING
reporting = tiny_problems:REPORTING
seeded = tiny_problems:SEEDED
shared = tiny_problems:SHARED
sized = tiny_problems:SIZED
slow = tiny_problems:SLOW
stopping = tiny_problems:STOPPING
text = tiny_problems:TEXT
tree = tiny_problems:TREE
unprepared = tiny_problems:UNPREPARED
wrong = tiny_problems:TEXTUAL

[qhpo.solvers]
bare = tiny_problems:BARE
far = tiny_problems:FAR
odd = no_such_module:SOLVER
spy = tiny_problems:SPY

[qhpo.commands]
greet = tiny_problems:greet
snapped = no_such_module:command
textual = tiny_problems:TEXTUAL
run = tiny_problems:greet
"""

# Ctrl-C works even if the tests were started with it ignored, as in the background of a script.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from optuna.storages import RDBStorage
opened = RDBStorage.__init__
RDBStorage.__init__ = lambda self, *args, **kwargs: opened(
    self, *args, **(kwargs | {{"grace_period": {grace}}})
)
from qhpo.cli import main
sys.exit(main())
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(Path(__file__).with_name("tiny_problems.py"), folder)
    (folder / "leaving_problem.py").write_text("raise SystemExit(3)\n")
    info = folder / "tiny-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture(autouse=True)
def tiny(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory: empty, with the tiny package installed and Optuna's log restored."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    importlib.invalidate_caches()
    verbosity = optuna.logging.get_verbosity()
    yield tmp_path
    optuna.logging.set_verbosity(verbosity)


@pytest.fixture(autouse=True, scope="session")
def _no_disk_flushes() -> Iterator[None]:
    """SQLite without waiting for the disk, which takes most of the time of these tests."""

    def faster(connection: Any, record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", faster)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", faster)


@pytest.fixture
def start(site: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `qhpo` with the given arguments as a process of its own.

    It takes a worker for dead after so many seconds of grace. What is named besides is added to its
    environment.
    """
    processes = []

    def begin(*args: str, grace: int = 60, **variables: str) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(grace=grace), *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding=variables.get("PYTHONIOENCODING"),
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()
