"""Workers have one thread, pass results and errors on, and never outlive their parent."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial

import pytest

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.workers import run_in_workers

# Spawned processes import what they run by name, so all of it comes from the standard library.
NOTHING = partial(bool)


def test_every_task_comes_back_with_its_result() -> None:
    results = dict(run_in_workers(math.factorial, range(5), jobs=2, prepare=NOTHING))
    assert results == {0: 1, 1: 1, 2: 2, 3: 6, 4: 24}


def test_no_task_needs_no_worker() -> None:
    assert list(run_in_workers(math.sqrt, [], jobs=1, prepare=NOTHING)) == []


def test_workers_are_single_threaded_prepared_and_leave_no_trace_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "QHPO_TEST_PREPARED"]
    prepare = partial(exec, "import os; os.environ['QHPO_TEST_PREPARED'] = '1'")
    results = dict(run_in_workers(os.getenv, names, jobs=1, prepare=prepare))
    assert results == dict.fromkeys(names, "1")
    assert os.environ["MKL_NUM_THREADS"] == "7"
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    assert "QHPO_TEST_PREPARED" not in os.environ


def test_error_in_prepare_is_left_to_the_tasks() -> None:
    prepare = partial(int, "no number")
    assert list(run_in_workers(abs, [-1], jobs=1, prepare=prepare)) == [(-1, 1)]


def test_error_of_a_task_is_raised() -> None:
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        list(run_in_workers(math.sqrt, [-1.0], jobs=1, prepare=NOTHING))


def test_dead_worker_is_reported() -> None:
    with pytest.raises(QhpoError, match="one of 1 died"):
        list(run_in_workers(os._exit, [3], jobs=1, prepare=NOTHING))


def test_closing_ends_the_workers_at_once() -> None:
    before = set(multiprocessing.active_children())
    with closing(run_in_workers(time.sleep, [0, 3600], jobs=2, prepare=NOTHING)) as results:
        assert next(results)[0] == 0
        assert set(multiprocessing.active_children()) - before
    assert set(multiprocessing.active_children()) - before == set()


PARENT = """
import os, time
from functools import partial
from qhpo_problems.benchmarks.workers import run_in_workers

if __name__ == "__main__":
    show = partial(exec, "import os, time; print(os.getpid(), flush=True); time.sleep(3600)")
    list(run_in_workers(abs, [1], jobs=1, prepare=show))
"""


def test_workers_die_with_a_killed_parent(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = tmp_path_factory.mktemp("parent") / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)
        parent.send_signal(signal.SIGKILL)
        # The pipe's other end closes when the worker, its last holder, is gone.
        assert parent.stdout.read() == ""
    with pytest.raises(ProcessLookupError):
        _wait_until_gone(worker)


def _wait_until_gone(pid: int) -> None:
    # An orphan is collected by init in its own time.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        time.sleep(0.05)
