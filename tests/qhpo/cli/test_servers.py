"""Studies on a PostgreSQL server, and behind a gRPC proxy: workers die, connections are cut."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli import main
from qhpo.cli.patience import ConnectionLost
from qhpo.cli.proxy import _Stub
from qhpo.cli.storage import open_storage
from qhpo.cli.studies import Status, status
from qhpo.study import AGAIN
from tests.servers import PostgresServer, grpc_proxy, wait_until

Start = Callable[..., "subprocess.Popen[str]"]

PATIENCE = 300

WORKERS = 8
TOTAL = 48


def check(found: Sequence[FrozenTrial], total: int) -> None:
    """Nothing is lost, nothing repeated, every rule kept, and the total exact."""
    complete = [trial for trial in found if status(trial) is Status.COMPLETE]
    assert len(complete) == total
    assert {status(trial) for trial in found} <= {Status.COMPLETE, Status.INTERRUPTED}
    assert len({tuple(sorted(trial.params.items())) for trial in complete}) == total
    assert all(trial.params["a"] + trial.params["b"] <= 30 for trial in complete)
    assert sorted(trial.number for trial in found) == list(range(len(found)))
    # What was cut off is done again, once.
    again = Counter(trial.user_attrs[AGAIN] for trial in complete if AGAIN in trial.user_attrs)
    for trial in found:
        if status(trial) is Status.INTERRUPTED and trial.params:
            assert again[trial.number] == 1 or _is_done(trial, complete)


def _is_done(trial: FrozenTrial, complete: Sequence[FrozenTrial]) -> bool:
    return any(trial.params == other.params for other in complete)


def trials(storage: BaseStorage, name: str = "shared") -> list[FrozenTrial]:
    if name not in optuna.get_all_study_names(storage):
        return []
    return optuna.load_study(study_name=name, storage=storage).trials


def in_the_middle(storage: BaseStorage) -> list[FrozenTrial]:
    """Trials whose objective runs."""
    return [t for t in trials(storage) if t.state == TrialState.RUNNING and len(t.params) == 2]


def pid_of(trial: FrozenTrial) -> int:
    """Of the process that works on a trial."""
    return int(trial.system_attrs["qhpo:owner"].split()[-2])


def kill_one(storage: BaseStorage, done: int) -> int:
    """Kills a worker in the middle of a trial, once so many are done; returns its number."""
    found: list[FrozenTrial] = []

    def meets() -> bool:
        complete = [t for t in trials(storage) if t.state == TrialState.COMPLETE]
        found[:] = in_the_middle(storage) if len(complete) >= done else []
        return bool(found)

    wait_until(meets, f"a trial after {done}")
    pid = pid_of(found[0])
    os.kill(pid, signal.SIGKILL)
    return pid


def test_a_run_outlives_cut_connections(
    postgres: PostgresServer, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    monkeypatch.setenv("CUT", url)
    assert main(["run", "cutting", "--trials", "6", "--storage", url]) == 0
    check(trials(open_storage(url), "cutting"), 6)


def test_a_run_behind_a_proxy_outlives_them_too(
    postgres: PostgresServer,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("grpc")
    url = postgres.new_database()
    monkeypatch.setenv("CUT", url)
    with grpc_proxy(url) as proxy:
        assert main(["run", "cutting", "--trials", "6", "--storage", proxy.url]) == 0
        capsys.readouterr()
        assert main(["show", "--json", "--storage", proxy.url]) == 0
        assert len(json.loads(capsys.readouterr().out)["trials"]) == 6
        study = optuna.create_study(storage=open_storage(proxy.url))
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
        trial = study.ask()
        proxy.restart()
        trial.suggest_float("x", 0, 1)  # of which the new server has not heard
        study.tell(trial, 1.0)
    check(trials(open_storage(url), "cutting"), 6)


class _Failure(Exception):
    """As gRPC has it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self._code = code

    def code(self) -> Any:
        return SimpleNamespace(name=self._code)

    def details(self) -> str:
        return f"details of {self._code}"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UNAVAILABLE", ConnectionLost),
        ("DEADLINE_EXCEEDED", ConnectionLost),
        ("UNKNOWN", ConnectionLost),
        ("NOT_FOUND", _Failure),
        ("FAILED_PRECONDITION", _Failure),
    ],
)
def test_a_proxy_that_fails_is_told_from_one_that_answers(
    code: str, expected: type[Exception]
) -> None:
    asked = []

    def ask(request: object, **options: object) -> None:
        asked.append((request, options["wait_for_ready"]))
        raise _Failure(code)

    with pytest.raises(expected, match=code):
        _Stub(SimpleNamespace(CreateNewTrial=ask)).CreateNewTrial("request")
    assert asked == [("request", True)]


@pytest.mark.slow
def test_a_killed_worker_and_cut_connections(
    postgres: PostgresServer, tiny: Path, start: Start
) -> None:
    url = postgres.new_database()
    args = ["run", "shared", "--trials", str(TOTAL), "--storage", url]
    workers = []
    for i in range(WORKERS):
        # Every second one has no lock in common with the others, as on a machine of its own.
        folder = tiny / (f"machine-{i}" if i % 2 else "machine")
        folder.mkdir(exist_ok=True)
        workers.append(start(*args, PGAPPNAME=f"worker-{i}", TMPDIR=str(folder)))
    storage = open_storage(url)
    killed = kill_one(storage, 8)
    left = [i for i, worker in enumerate(workers) if worker.pid != killed]
    # In the middle of trials, of suggestions and of transactions.
    for i in left * 3:
        postgres.cut(url, f"application_name = 'worker-{i}'")
        time.sleep(0.2)
    for worker in workers:
        _, err = worker.communicate(timeout=PATIENCE)
        assert "Traceback" not in err
        assert worker.returncode == (-signal.SIGKILL if worker.pid == killed else 0), err
    check(trials(storage), TOTAL)


@pytest.mark.slow
def test_eight_jobs(postgres: PostgresServer, tiny: Path, start: Start) -> None:
    url = postgres.new_database()
    args = ["run", "shared", "--trials", str(TOTAL), "--storage", url, "--batch-size", "8"]
    process = start(*args, "--jobs", str(WORKERS))
    storage = open_storage(url)
    kill_one(storage, 8)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "a worker ended with SIGKILL" in err
    assert "Traceback" not in err
    check(trials(storage), TOTAL)


@pytest.mark.slow
def test_a_server_that_restarts(postgres: PostgresServer, tiny: Path, start: Start) -> None:
    pytest.importorskip("grpc")
    url = postgres.new_database()
    storage = open_storage(url)
    with grpc_proxy(url) as proxy:
        args = ["run", "shared", "--trials", "24", "--storage", proxy.url]
        workers = [start(*args) for _ in range(4)]
        killed = kill_one(storage, 4)
        proxy.restart()
        wait_until(lambda: in_the_middle(storage), "a trial")
        assert postgres.cut(url)
        for worker in workers:
            _, err = worker.communicate(timeout=PATIENCE)
            assert "Traceback" not in err
            assert worker.returncode == (-signal.SIGKILL if worker.pid == killed else 0), err
    check(trials(storage), 24)
