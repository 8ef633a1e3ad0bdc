"""Storages that fail in the middle of a run: the user reads why, and no trial is blamed for it."""

from __future__ import annotations

import resource
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from qhpo.cli import main
from qhpo.cli import pool as pools
from qhpo.cli.interrupts import Interrupts
from qhpo.cli.pool import GAVE_UP, Pool
from qhpo.cli.progress import SearchProgress
from qhpo.cli.search import Plan
from qhpo.cli.storage import StorageError
from qhpo.errors import QhpoError

URLS = {"kept.db": "sqlite:///kept.db", "kept.log": "kept.log"}


@pytest.fixture(autouse=True)
def _files_may_grow_again() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("file", "breaks", "reason"),
    [
        ("kept.db", "full", "disk"),
        ("kept.db", "vanish", "attempt to write a readonly database"),
        ("kept.log", "full", "File too large"),
        ("kept.log", "vanish", "No such file or directory"),
        ("kept.log", "other", "another file has taken its place"),
    ],
)
def test_the_reason_is_said_in_one_line(
    file: str,
    breaks: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KEPT", file)
    monkeypatch.setenv("BREAKS", breaks)
    command = ["run", "unstored", "--storage", URLS[file], "--sampler", "random", "--quiet"]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"qhpo: the storage {URLS[file]} failed: ")
    assert reason in line
    assert "An exception is raised" not in line


@pytest.mark.parametrize("file", URLS)
def test_what_is_stored_is_gone_on_from(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", file)
    monkeypatch.setenv("BREAKS", "full")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    command = ["run", "unstored", "--storage", URLS[file], "--sampler", "random", "--trials", "5"]
    other = subprocess.Popen(["sleep", "600"])
    with monkeypatch.context() as as_another_process:
        as_another_process.setattr("qhpo.cli.claims.os.getpid", lambda: other.pid)
        assert main(command) == 2
    other.kill()
    other.wait()
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert main(command) == 0
    trials = optuna.load_study(study_name="unstored", storage=opened_by_optuna(file)).trials
    assert Counter(trial.state for trial in trials) == {
        TrialState.COMPLETE: 5,
        TrialState.FAIL: len(trials) - 5,
    }
    assert not any("qhpo:error" in trial.user_attrs for trial in trials)


def opened_by_optuna(file: str) -> optuna.storages.BaseStorage:
    """As a program with Optuna alone reads it."""
    if file.endswith(".db"):
        return optuna.storages.get_storage(URLS[file])
    backend = optuna.storages.journal.JournalFileBackend(file)
    return optuna.storages.JournalStorage(backend)


@pytest.mark.parametrize(
    ("problem", "code"), [("unstored", pools._NO_STORAGE), ("refusing", pools._MISTAKE)]
)
def test_a_worker_tells_its_storage_from_a_mistake(
    problem: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "kept.log")
    monkeypatch.setenv("BREAKS", "vanish")
    monkeypatch.setenv(pools._WORKER, "1")
    monkeypatch.setattr("qhpo.cli.run.end_with_parent", lambda: None)
    assert main(["run", problem, "--storage", "kept.log"]) == code


class TestPool:
    """Workers that do nothing but end."""

    @pytest.fixture
    def said(self) -> Console:
        return Console(record=True, quiet=False, width=200, stderr=True)

    def _pool(
        self, program: str, total: int, said: Console, monkeypatch: pytest.MonkeyPatch
    ) -> Pool:
        monkeypatch.setattr(pools, "_PROGRAM", f"import os, sys\n{program}")
        monkeypatch.setattr(pools, "_POLL_SECONDS", 0.01)
        study = optuna.create_study()
        pool = Pool(study, [], 2, Plan(total))
        pool.run(SearchProgress(said, "s", total, is_quiet=True), Interrupts())
        return pool

    @pytest.mark.parametrize(
        ("code", "expected"), [(pools._MISTAKE, QhpoError), (pools._NO_STORAGE, StorageError)]
    )
    def test_what_a_worker_says_is_the_error(
        self,
        code: int,
        expected: type[Exception],
        said: Console,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with pytest.raises(QhpoError, match=r"^it is so$") as caught:
            self._pool(
                f"sys.stderr.write('qhpo: it is so\\n'); sys.exit({code})", 3, said, monkeypatch
            )
        assert type(caught.value) is expected

    @pytest.mark.parametrize(
        ("program", "expected"),
        [
            ("sys.exit('a fault')", "a worker ended with exit code 1: a fault"),
            ("raise OSError('gone')", "a worker ended with exit code 1: OSError: gone"),
            ("sys.exit(2)", "a worker ended with exit code 2: it said nothing"),
            ("os.kill(os.getpid(), 9)", "a worker ended with SIGKILL: it said nothing"),
        ],
    )
    def test_a_fault_is_nobodys_mistake(
        self, program: str, expected: str, said: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pool = self._pool(program, 3, said, monkeypatch)
        assert pool.falls_short
        assert not pool.gave_up
        assert said.export_text().count(expected) == 2

    def test_what_others_have_done_is_enough(
        self, said: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for program in (f"sys.exit({pools._NO_STORAGE})", "os.kill(os.getpid(), 9)"):
            assert not self._pool(program, 0, said, monkeypatch).falls_short

    def test_giving_up_is_an_end(self, said: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        pool = self._pool(f"sys.exit({GAVE_UP})", 3, said, monkeypatch)
        assert pool.gave_up
        assert not pool.falls_short


def test_a_run_whose_workers_all_die_says_how_to_go_on(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pools, "_PROGRAM", "import sys; sys.exit(2)")
    assert main(["run", "parabola", "--jobs", "2", "--trials", "3"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == ("qhpo: no worker is left; continue with: qhpo run parabola --trials 3 --jobs 2")
