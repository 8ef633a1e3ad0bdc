"""Many runs, each made once: what the cache has is not made again, what ends is kept at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import RunCache, RunT
from qhpo_problems.benchmarks.workers import run_in_workers

__all__ = ["WARM_UP_TRIALS", "Task", "run_tasks"]

MakerT = TypeVar("MakerT", bound=Hashable)

WARM_UP_TRIALS = 12
"""Enough trials to have all code of a sampler imported: two more than its random startup."""


@dataclass(frozen=True)
class Task(Generic[MakerT]):
    """One run to be made.

    Attributes:
        sampler: Name in the comparison.
        maker: Makes the sampler.
        fingerprint: Of all that decides the run's values, but what follows.
        table: Name of the table or problem.
        seed: Seed of the sampler.
        trials: Number of trials.

    Raises:
        QhpoError: If ``trials`` is not positive.
    """

    sampler: str
    maker: MakerT
    fingerprint: str
    table: str
    seed: int
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise QhpoError(f"a run needs at least one trial; got trials={self.trials}")


def run_tasks(
    tasks: Sequence[Task[MakerT]],
    run: Callable[[Task[MakerT]], RunT],
    *,
    cache: RunCache[RunT],
    check: Callable[[MakerT], object],
    warm_up: Callable[[Sequence[MakerT]], None],
    jobs: int = 1,
    on_record: Callable[[RunT], None] | None = None,
) -> list[RunT]:
    """Make every run, except where the cache has the result.

    Each run is stored as soon as it ends, so an interrupted grid continues where it stopped.

    Args:
        tasks: All different, and picklable.
        run: Makes one run; picklable.
        cache: Finished runs.
        check: Called here with every maker whose runs are missing; raises what the maker lacks,
            which is better reported now than from a worker.
        warm_up: Called in every worker with the same makers; picklable.
        jobs: Worker processes, each with one thread.
        on_record: Called with every record as it becomes available, from the cache first.

    Returns:
        The records, in the order of the tasks.

    Raises:
        QhpoError: If the cache is damaged or a worker dies.
    """
    done: dict[Task[MakerT], RunT] = {}

    def take(task: Task[MakerT], record: RunT) -> None:
        done[task] = record
        if on_record is not None:
            on_record(record)

    missing = []
    for task in tasks:
        record = cache.load(
            sampler=task.sampler,
            table=task.table,
            seed=task.seed,
            trials=task.trials,
            fingerprint=task.fingerprint,
        )
        if record is None:
            missing.append(task)
        else:
            take(task, record)

    makers = tuple(dict.fromkeys(task.maker for task in missing))
    for maker in makers:
        check(maker)
    prepare = partial(warm_up, makers)
    with closing(run_in_workers(run, missing, jobs=jobs, prepare=prepare)) as results:
        for task, made in results:
            cache.store(made)
            take(task, made)
    return [done[task] for task in tasks]
