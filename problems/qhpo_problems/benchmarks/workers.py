"""Worker processes whose CPU time may be quoted: one thread each, and gone when their parent is."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from typing import TypeVar

from qhpo.errors import QhpoError

__all__ = ["peak_megabytes", "run_alone", "run_in_workers"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

# Read once, when NumPy, SciPy or torch are first imported, so a worker must be born with them.
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def run_in_workers(
    function: Callable[[TaskT], ResultT],
    tasks: Sequence[TaskT],
    *,
    jobs: int,
    prepare: Callable[[], None],
) -> Generator[tuple[TaskT, ResultT], None, None]:
    """Apply a function to every task in spawned processes, yielding in order of completion.

    Close the iterator (`contextlib.closing`) to stop early: the workers are then ended at once.
    A script that calls this needs the usual ``if __name__ == "__main__":`` of spawned processes.

    Args:
        function: Picklable.
        tasks: Picklable, too.
        jobs: Number of processes.
        prepare: Picklable; called once in every worker before its first task. What it raises is
            dropped, for the tasks will raise it again.

    Yields:
        Each task with its result.

    Raises:
        QhpoError: If a worker dies.
    """
    others = set(multiprocessing.active_children())
    with (
        _single_threaded(),
        ProcessPoolExecutor(
            max_workers=jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(prepare,),
        ) as pool,
    ):
        try:
            futures = {pool.submit(function, task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise QhpoError(
                f"worker processes must live until their work is done; one of {jobs} died, perhaps "
                "for lack of memory; finished runs are kept, so repeat the command with fewer jobs"
            ) from error
        except BaseException:
            # The executor alone would wait for the runs under way; so it finds itself broken and
            # waits for nothing but its own clean end.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def run_alone(
    function: Callable[[TaskT], ResultT], task: TaskT, prepare: Callable[[], None]
) -> ResultT:
    """What a function returns in a process that does nothing else, for `peak_megabytes`.

    On Linux a new process starts with the peak of the one that starts it: do nothing else there.

    Args:
        function: Picklable.
        task: What it is called with; picklable.
        prepare: See `run_in_workers`.

    Raises:
        QhpoError: If the process dies.
    """
    with closing(run_in_workers(function, [task], jobs=1, prepare=prepare)) as results:
        return next(results)[1]


def peak_megabytes() -> float:
    """The most resident memory that this process has ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (20 if sys.platform == "darwin" else 10)


@contextmanager
def _single_threaded() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker(prepare: Callable[[], None]) -> None:
    # Ctrl-C in a terminal reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(Exception):
        prepare()


def _exit_with_parent() -> None:
    # A worker holds both ends of its task queue, so a killed parent would leave it waiting forever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
