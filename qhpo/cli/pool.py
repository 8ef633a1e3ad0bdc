"""`qhpo run --jobs`: worker processes on one study, shown as one search.

A worker is the same command without ``--jobs``, told that it is one. It says nothing but why it
ended. When this process is stopped, or is gone, its workers hand back their trials and end.

A mistake of the user ends all workers: each would meet it. Of one that is killed, has a fault or
has lost its storage the others do the work; it is a failure if none is left to do it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import click
import optuna
from optuna.trial import FrozenTrial

from qhpo.cli.interrupts import Interrupts
from qhpo.cli.progress import SearchProgress
from qhpo.cli.search import Plan
from qhpo.cli.storage import StorageError
from qhpo.cli.studies import ERROR, Status, status
from qhpo.errors import QhpoError

__all__ = ["GAVE_UP", "Pool", "end_with_parent", "is_worker", "says_why_it_ends"]

_POLL_SECONDS = 0.3
"""Between two looks at the study and the workers."""

# Exit codes of a worker. 1 and 2 are those of any Python program that has a fault.
GAVE_UP = 71
"""Nothing but failures happened."""
_MISTAKE = 72
"""Every trial would fail."""
_NO_STORAGE = 73
"""Its storage has failed."""

_WORKER = "QHPO_WORKER"
"""Variable that tells a process that it is one."""

_PROGRAM = "import sys; from qhpo.cli import main; sys.exit(main())"


class Pool:
    """Runs workers until the last has ended.

    Args:
        study: What they work on.
        command: The command line of each, from ``run`` on.
        n_workers: How many there are.
        plan: How far they go.

    Attributes:
        failures: Trial number and error of each trial that failed meanwhile.
        succeeded: Trials that have ended with a result meanwhile.
        gave_up: Whether a worker has ended because nothing but failures happened.
        falls_short: Whether the last worker has ended by a kill or a fault, and not where the plan
            does.
    """

    def __init__(
        self, study: optuna.Study, command: Sequence[str], n_workers: int, plan: Plan
    ) -> None:
        self._study = study
        self._command = [sys.executable, "-c", _PROGRAM, *command]
        self._n_workers = n_workers
        self._plan = plan
        self._before = {t.number for t in self._trials() if t.state.is_finished()}
        self._lost_storage = ""
        self.failures: dict[int, str] = {}
        self.succeeded = 0
        self.gave_up = False
        self.falls_short = False

    def run(self, progress: SearchProgress, interrupts: Interrupts) -> None:
        """Start the workers, and show what they do until they end.

        Raises:
            KeyboardInterrupt: On Ctrl-C, when the workers have handed back their trials.
            QhpoError: If a worker says that every trial would fail.
            StorageError: If workers have lost their storage, and no other has done the rest.
        """
        with interrupts.deferred():
            workers = [_Worker(self._command, self._n_workers) for _ in range(self._n_workers)]
            working = list(workers)
            try:
                while working:
                    interrupts.check()
                    self._show(progress)
                    for worker in [each for each in working if not each.is_running()]:
                        working.remove(worker)
                        self._judge(worker, progress)
                    time.sleep(_POLL_SECONDS if working else 0)
            finally:
                for worker in workers:
                    worker.stop()
                for worker in workers:
                    worker.process.wait()
                self._show(progress)
        if self.gave_up or self._plan.is_over(self._study, self._trials()):
            return
        if self._lost_storage:
            raise StorageError(self._lost_storage)
        self.falls_short = True

    def _judge(self, worker: _Worker, progress: SearchProgress) -> None:
        code, said = worker.process.returncode, worker.said()
        if code == _MISTAKE:
            raise QhpoError(said)
        if code == GAVE_UP:
            self.gave_up = True
        elif code == _NO_STORAGE:
            self._lost_storage = said
            progress.news(f"a worker ended: {said}", "red")
        elif code != 0:
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            progress.news(f"a worker ended with {how}: {said}", "red")

    def _show(self, progress: SearchProgress) -> None:
        progress.show(self._study, self._plan.deadline)
        for trial in self._trials():
            if not trial.state.is_finished() or trial.number in self._before:
                continue
            self._before.add(trial.number)
            if status(trial) is Status.FAILED:
                self.failures[trial.number] = trial.user_attrs.get(ERROR, "")
            self.succeeded += status(trial) in (Status.COMPLETE, Status.PRUNED)
            progress.tell(self._study, trial)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)


class _Worker:
    """One process, whose input ends with this one."""

    def __init__(self, command: Sequence[str], n_workers: int) -> None:
        # Threads of several workers on the same cores cost more than they give.
        cores = str(max((os.cpu_count() or 1) // n_workers, 1))
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"OMP_NUM_THREADS": cores, **os.environ, _WORKER: "1"},
            # Ctrl-C reaches this process alone, which then stops the workers.
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to hand back its trial and end."""
        if self.is_running():
            self.process.terminate()

    def said(self) -> str:
        """The last line of what it said."""
        self._reader.join(timeout=1)
        return self._lines[-1].removeprefix("qhpo: ") if self._lines else "it said nothing"

    def _read(self, stream: IO[bytes] | None) -> None:
        for line in stream or ():
            text = line.decode(errors="replace").strip()
            if text:
                self._lines = [text]


def is_worker() -> bool:
    """Whether this process is a worker; what it starts itself is none."""
    return os.environ.pop(_WORKER, None) is not None


@contextmanager
def says_why_it_ends() -> Iterator[None]:
    """In a worker: its last line and its exit code say why it ends, where it can say so itself."""
    try:
        yield
    except QhpoError as error:
        click.echo(f"qhpo: {' '.join(str(error).split())}", err=True)
        code = _NO_STORAGE if isinstance(error, StorageError) else _MISTAKE
        raise click.exceptions.Exit(code) from error


def end_with_parent() -> None:
    """In a worker: ends this process, as SIGTERM does, when the one that started it is gone."""

    def watch() -> None:
        # Not through sys.stdin, whose lock would be held when this process ends by itself.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
