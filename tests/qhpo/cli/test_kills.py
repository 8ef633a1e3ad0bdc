"""Runs that are killed and continued: nothing is lost, nothing done twice, the totals are exact."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli.studies import Status, status
from qhpo.study import AGAIN

Start = Callable[..., "subprocess.Popen[str]"]

PATIENCE = 240

KILLED, TERMINATED, INTERRUPTED = -9, 143, 130


def trials(folder: Path) -> list[FrozenTrial]:
    return optuna.load_study(study_name="program", storage=f"sqlite:///{folder}/qhpo.db").trials


def wait_for_a_line(process: subprocess.Popen[str]) -> None:
    """Until a search says that a trial has ended, which one of an earlier run cannot do for it."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("trial "):
            return
    pytest.fail(f"it ended without a trial: {said}")


def check(found: Sequence[FrozenTrial], total: int) -> None:
    """The promises of a study that was killed any number of times and then ended."""
    complete = [trial for trial in found if status(trial) is Status.COMPLETE]
    assert len(complete) == total
    assert {status(trial) for trial in found} <= {Status.COMPLETE, Status.INTERRUPTED}
    tried = [tuple(sorted(trial.params.items())) for trial in complete]
    assert len(set(tried)) == total
    taken_up = {trial.user_attrs[AGAIN]: trial for trial in found if AGAIN in trial.user_attrs}
    for trial in found:
        if status(trial) is Status.INTERRUPTED and trial.params:
            again = taken_up[trial.number]
            # It may have been cut off as well, before it had asked for all that it was to use.
            assert trial.params.items() <= again.system_attrs["fixed_params"].items()
            for name in trial.params.keys() & again.params.keys():
                assert again.params[name] == trial.params[name]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_that_is_stopped_at_several_moments(jobs: int, tiny: Path, start: Start) -> None:
    args = ["run", "program", "--sampler", "random", "--trials", "12", "--jobs", str(jobs)]
    stops = [(signal.SIGKILL, KILLED), (signal.SIGTERM, TERMINATED), (signal.SIGINT, INTERRUPTED)]
    for how, code in stops:
        process = start(*args)
        wait_for_a_line(process)
        time.sleep(0.1)
        process.send_signal(how)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, err
        assert "Traceback" not in err
        if code > 0:
            assert "continue with: qhpo run program --trials 12" in err.splitlines()[-1]
            # Handed back: nobody has to wait for a trial.
            assert all(trial.state != TrialState.RUNNING for trial in trials(tiny))
    process = start(*args)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, err
    assert "12 complete" in out
    assert "a worker ended" not in err
    check(trials(tiny), 12)


def test_independent_workers_make_exactly_the_total(tiny: Path, start: Start) -> None:
    args = ["run", "program", "--sampler", "random", "--trials", "7"]
    workers = [start(*args) for _ in range(3)]
    for worker in workers:
        _, err = worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0, err
    assert len(trials(tiny)) == 7
    check(trials(tiny), 7)


@pytest.mark.slow
def test_a_journal_file_is_shared_too(tiny: Path, start: Start) -> None:
    args = ["run", "program", "--sampler", "tpe", "--trials", "6", "--storage", "kept.log"]
    process = start(*args, "--jobs", "2")
    wait_for_a_line(process)
    process.kill()
    process.communicate()
    process = start(*args, "--jobs", "2")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    backend = optuna.storages.journal.JournalFileBackend(str(tiny / "kept.log"))
    storage = optuna.storages.JournalStorage(backend)
    check(optuna.load_study(study_name="program", storage=storage).trials, 6)


@pytest.mark.slow
def test_workers_that_cannot_work_say_so_once(tiny: Path, start: Start) -> None:
    process = start("run", "refusing", "--jobs", "2")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert err.splitlines()[-1] == "qhpo: x must be positive; got -1; give another x"

    process = start("run", "nan", "--jobs", "2", "--sampler", "random")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "in a row, which ended the run" in err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "qubo"])
@pytest.mark.parametrize("jobs", [1, 4])
def test_ten_random_moments(jobs: int, sampler: str, tiny: Path, start: Start) -> None:
    rng = random.Random(jobs)
    args = ["run", "program", "--sampler", sampler, "--trials", "40", "--jobs", str(jobs)]
    for _ in range(10):
        process = start(*args)
        time.sleep(rng.uniform(0.2, 12.0))
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        _, err = process.communicate(timeout=PATIENCE)
        # A signal may come before qhpo does, while the program of this test imports its packages.
        assert "Traceback" not in err or ("in main\n" not in err and "in thread" not in err), err
    process = start(*args)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    check(trials(tiny), 40)
