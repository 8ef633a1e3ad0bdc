"""What only real processes show: Ctrl-C, a kill, and several workers on one study."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from qhpo.cli.studies import Status, count, status

Start = Callable[..., "subprocess.Popen[str]"]

PATIENCE = 120
GATED = ["run", "gated", "--sampler", "random", "--trials"]


def trials(folder: Path, study: str = "gated") -> list[FrozenTrial]:
    url = f"sqlite:///{folder / 'qhpo.db'}"
    return optuna.load_study(study_name=study, storage=url).trials


def wait_for_trial_3(folder: Path) -> None:
    """Until trial 3 is in its objective, where it stays."""
    end = time.monotonic() + PATIENCE
    while not (folder / "waiting").exists():
        assert time.monotonic() < end, "the program did not get to trial 3"
        time.sleep(0.05)


def test_ctrl_c_then_continue(tiny: Path, start: Start) -> None:
    process = start(*GATED, "8")
    wait_for_trial_3(tiny)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    last = "qhpo: stopped; continue with: qhpo run gated --trials 8 --sampler random"
    assert err.splitlines()[-1] == last
    assert "Traceback" not in err
    assert count(trials(tiny)) == {Status.COMPLETE: 3, Status.INTERRUPTED: 1}

    (tiny / "open").touch()
    process = start(*GATED, "8")
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert "continuing gated: 3 of 8 trials are done" in err
    assert "look at it  qhpo show gated" in out
    assert count(trials(tiny)) == {Status.COMPLETE: 8, Status.INTERRUPTED: 1}


def test_a_killed_process_blocks_nothing(tiny: Path, start: Start) -> None:
    process = start(*GATED, "4")
    wait_for_trial_3(tiny)
    process.kill()
    process.communicate()
    assert count(trials(tiny)) == {Status.COMPLETE: 3, Status.RUNNING: 1}

    (tiny / "open").touch()
    process = start(*GATED, "4", grace=2)
    process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert count(trials(tiny)) == {Status.COMPLETE: 4, Status.INTERRUPTED: 1}


def test_a_live_worker_keeps_its_trial(tiny: Path, start: Start) -> None:
    """A second worker with nothing to do waits for the first, and takes nothing from it."""
    first = start(*GATED, "4")
    wait_for_trial_3(tiny)
    second = start(*GATED, "4")
    assert second.stderr is not None
    while "waiting for 1 trial of another process" not in (line := second.stderr.readline()):
        assert line, "the second worker ended"
    (tiny / "open").touch()
    for worker in (first, second):
        worker.communicate(timeout=PATIENCE)

    assert [first.returncode, second.returncode] == [0, 0]
    assert count(trials(tiny)) == {Status.COMPLETE: 4}


def test_two_workers_share_a_new_study(tiny: Path, start: Start) -> None:
    args = ["run", "slow", "--sampler", "random", "--trials", "12"]
    workers = [start(*args) for _ in range(2)]
    printed = [worker.communicate(timeout=PATIENCE) for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0], printed
    found = trials(tiny, "slow")
    # Both may take the last free place at the same moment.
    assert 12 <= len(found) <= 13
    assert {status(trial) for trial in found} == {Status.COMPLETE}
    drawn = [trial.params["x"] for trial in found]
    assert len(set(drawn)) == len(drawn)
    spans = sorted((t.datetime_start, t.datetime_complete) for t in found)  # type: ignore[type-var]
    assert any(later[0] < earlier[1] for earlier, later in pairwise(spans))
