"""What killed processes leave of a journal file stops nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.cli import journal
from qhpo.cli.journal import _BLOCK, _cut_unfinished, _Lock
from qhpo.cli.storage import open_storage

KILLED = """
import os, signal, sys
import optuna
from qhpo.cli.storage import open_storage
study = optuna.create_study(storage=open_storage(sys.argv[1]), study_name="s")
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
study.ask()
"""


class Clock(SimpleNamespace):
    """One in which a wait takes no time and is told to others."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleep = self._sleep
        self.while_asleep = lambda: None

    def monotonic(self) -> float:
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.while_asleep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(journal, "time", found)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
@pytest.mark.parametrize("url", ["kept.log", "sub/kept.log"])
def test_nobody_waits_for_a_killed_process(url: str, tiny: Path, clock: Clock) -> None:
    (tiny / "sub").mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED, url], env=os.environ, check=False)
    assert killed.returncode == -9
    assert Path(url + ".lock").is_symlink()

    storage = open_storage(url)
    study = optuna.load_study(study_name="s", storage=storage)
    assert study.ask().number == 1  # that of the killed process was written
    assert clock.now == 0
    assert not Path(url + ".lock").is_symlink()


def test_the_lock_of_another_program_is_waited_for(tiny: Path, clock: Clock) -> None:
    """Whose process may have been killed as well, which nobody knows."""
    (tiny / "sub").mkdir()
    storage = open_storage("sub/kept.log")
    link = Path("sub/kept.log.lock")
    link.symlink_to("kept.log")
    clock.while_asleep = lambda: link.unlink() if clock.now > 5 else None
    study = optuna.create_study(storage=storage)
    assert 5 < clock.now < 10

    link.symlink_to("sub/kept.log")  # as Optuna makes it of this path: there is no such file
    clock.while_asleep = lambda: None
    study.ask()
    assert 30 < clock.now < 45
    assert not link.is_symlink()


def test_a_lock_that_was_taken_away_is_no_error(tiny: Path) -> None:
    Path("kept.log").touch()
    lock = _Lock(tiny / "kept.log")
    lock.acquire()
    Path("kept.log.lock").unlink()
    lock.release()
    lock.acquire()
    assert Path("kept.log.lock").is_symlink()
    lock.release()


def test_an_entry_without_its_end_never_happened(tiny: Path) -> None:
    study = optuna.create_study(storage=open_storage("kept.log"), study_name="s")
    with Path("kept.log").open("a") as file:
        file.write('{"op_code":4,"worker_')
    study.ask()
    again = optuna.load_study(study_name="s", storage=open_storage("kept.log"))
    again.ask()
    assert [trial.number for trial in study.trials] == [0, 1]


@given(st.lists(st.integers(0, 2 * _BLOCK), max_size=4), st.integers(0, 3 * _BLOCK))
def test_what_is_cut(tmp_path_factory: pytest.TempPathFactory, whole: list[int], rest: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "file"
    kept = b"".join(b"x" * n + b"\n" for n in whole)
    path.write_bytes(kept + b"y" * rest)
    _cut_unfinished(path)
    assert path.read_bytes() == kept
