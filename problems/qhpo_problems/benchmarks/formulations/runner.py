"""Running the methods of a comparison, each run once, in a resumable way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import ClassVar

from qhpo_problems.benchmarks.formulations.comparison import Comparison, Measure
from qhpo_problems.benchmarks.grid import Task, run_tasks
from qhpo_problems.benchmarks.provenance import fingerprint, package_versions
from qhpo_problems.benchmarks.records import Record, RunCache

__all__ = ["ComparisonRun", "run_comparison"]


@dataclass(frozen=True)
class ComparisonRun(Record):
    """A method on a table with a seed; setting takes the place of trial.

    Attributes:
        settings: Names of the settings.
        numbers: Metric -> number, for every setting.
    """

    settings: tuple[str, ...]
    numbers: tuple[dict[str, float], ...]

    _by_trial: ClassVar[tuple[str, ...]] = ("settings", "numbers")


def run_comparison(
    comparison: Comparison,
    methods: Sequence[str],
    tables: Sequence[str],
    *,
    seeds: Sequence[int],
    cache: Path,
    jobs: int = 1,
    on_record: Callable[[ComparisonRun], None] | None = None,
) -> list[ComparisonRun]:
    """Run every method on every table with every seed, except where the cache has the result.

    Args:
        comparison: What is compared.
        methods: Some of its methods.
        tables: Some of its tables.
        seeds: The same for every method.
        cache: Directory of finished runs.
        jobs: Worker processes, each with one thread. CPU times are cleanest with one.
        on_record: Called with every record as it becomes available, from the cache first.

    Returns:
        The records, by seed, then table, then method, each in the order given.

    Raises:
        QhpoError: If the cache is damaged or a worker dies.
    """
    packages = _versions(comparison)
    tasks = [
        Task(
            sampler=method,
            maker=comparison.measure,
            fingerprint=fingerprint(
                f"{comparison.name}, {method}, {comparison.settings}, {packages}",
                comparison.measure,
                comparison.sources,
            ),
            table=table,
            seed=seed,
            trials=len(comparison.settings),
        )
        for seed, table, method in product(seeds, tables, methods)
    ]
    return run_tasks(
        tasks,
        partial(_run, comparison.settings, packages),
        cache=RunCache(cache, ComparisonRun),
        check=_nothing,
        warm_up=_nothing,
        jobs=jobs,
        on_record=on_record,
    )


def _versions(comparison: Comparison) -> dict[str, str]:
    return {package: version(package) for package in comparison.packages}


def _run(settings: tuple[str, ...], packages: dict[str, str], task: Task[Measure]) -> ComparisonRun:
    numbers = task.maker(task.table, task.sampler, task.seed)
    return ComparisonRun(
        sampler=task.sampler,
        table=task.table,
        seed=task.seed,
        versions={**package_versions(), **packages},
        fingerprint=task.fingerprint,
        settings=settings,
        numbers=tuple(dict(number) for number in numbers),
    )


def _nothing(_: object) -> None:
    """Methods need no check, and their times are long enough without a warm-up."""
