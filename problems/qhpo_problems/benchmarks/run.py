"""Many runs, each made once: what the store has is not made again, what ends is kept at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.fingerprint import Fingerprint, fingerprint
from qhpo_problems.benchmarks.store import Record, Store, slug
from qhpo_problems.benchmarks.suite import Inputs, Suite, Task
from qhpo_problems.benchmarks.workers import run_in_workers

__all__ = ["check_names", "run_suite"]

Tell = Callable[[str, str, int], None]
"""Hears of a finished run: method, table, seed."""


def run_suite(
    suite: Suite,
    methods: Sequence[str],
    tables: Sequence[str],
    *,
    seeds: Sequence[int],
    trials: int | None = None,
    cache: Path,
    jobs: int = 1,
    on_run: Tell = lambda method, table, seed: None,
) -> list[Record]:
    """Run every method on every table with every seed, except where the cache has the result.

    Each run is stored as soon as it ends, so an interrupted comparison continues where it stopped.

    Args:
        suite: What is compared.
        methods: Some of its methods.
        tables: Some of its tables.
        seeds: The same for every method.
        trials: Trials per run; None for each table's own number.
        cache: Directory of finished runs.
        jobs: Worker processes, each with one thread. CPU times are cleanest with one.
        on_run: Called with every run as it becomes available, from the cache first, and before them
            with what the runs share.

    Returns:
        The records, by seed, then table, then method, each in the order given.

    Raises:
        QhpoError: If a method or table is unknown, if ``trials`` is not positive, if the cache is
            damaged, or if a worker dies.
        MissingExtraError: If a method or a table needs a package that is not installed.
    """
    check_names("a method", methods, suite.methods)
    check_names("a table", tables, suite.tables)
    if trials is not None and trials < 1:
        raise QhpoError(f"a run needs at least one trial; got trials={trials}")
    tasks = [
        Task(name, suite.methods[name], table, seed, _trials(suite, table, trials))
        for seed, table, name in product(seeds, tables, methods)
    ]
    if suite.inputs is not None:
        tasks = _with_inputs(suite, suite.inputs, tasks, cache, jobs, on_run)
    prints = _fingerprints(suite, tasks)
    store = Store(cache)
    done: dict[Task, Record] = {}
    for task in tasks:
        found = store.load(
            method=task.name,
            table=task.table,
            seed=task.seed,
            fingerprint=prints[task].digest,
            rows=task.trials if suite.settings is None else len(_settings(suite, task)),
        )
        if found is not None:
            done[task] = found
            on_run(task.name, task.table, task.seed)

    missing = [task for task in tasks if task not in done]
    lacking = list(dict.fromkeys(task.method for task in missing))
    if suite.check is not None:
        for method in lacking:
            suite.check(method)
    prepare = _nothing if suite.warm_up is None else partial(suite.warm_up, lacking)
    with closing(run_in_workers(suite.measure, missing, jobs=jobs, prepare=prepare)) as results:
        for task, rows in results:
            digest, versions = prints[task]
            done[task] = Record(
                task.name, task.table, task.seed, versions, digest, tuple(map(dict, rows))
            )
            store.save(done[task])
            on_run(task.name, task.table, task.seed)
    return [done[task] for task in tasks]


def check_names(what: str, names: Sequence[str], known: Collection[str]) -> None:
    """Refuse a name that is not known.

    Raises:
        QhpoError: If one of the names is not.
    """
    for name in names:
        if name not in known:
            raise QhpoError(f"{what} must be among {', '.join(known)}; got {name!r}")


def _trials(suite: Suite, table: str, trials: int | None) -> int:
    if suite.trials is None:
        return 0
    return suite.trials(table) if trials is None else trials


def _settings(suite: Suite, task: Task) -> tuple[str, ...]:
    return () if suite.settings is None else tuple(suite.settings(task.table, task.trials))


def _fingerprints(suite: Suite, tasks: Sequence[Task]) -> dict[Task, Fingerprint]:
    @cache
    def without_seed(task: Task) -> Fingerprint:
        inputs = None if task.inputs is None else task.inputs.name
        return fingerprint(
            (suite.name, task.name, task.method, _settings(suite, task), inputs),
            suite.sources(task.method, task.table),
            is_peer=task.name in suite.peers,
        )

    return {task: without_seed(replace(task, seed=0)) for task in tasks}


def _with_inputs(
    suite: Suite, inputs: Inputs, tasks: Sequence[Task], cache: Path, jobs: int, on_run: Tell
) -> list[Task]:
    """The tasks with their files of inputs, which are there now."""

    def place(task: Task) -> tuple[str, int]:
        return task.table, task.seed if inputs.by_seed else 0

    made: dict[tuple[str, int], Task] = {}
    for task in tasks:
        if place(task) not in made:
            facts = (suite.name, inputs.name, _settings(suite, task))
            sources = inputs.sources(task.table)
            digest = fingerprint(facts, sources, is_peer=inputs.is_peer).digest
            path = cache / slug(inputs.name) / slug(task.table)
            table, seed = place(task)
            path /= f"{seed}-{digest}{inputs.suffix}"
            shared = replace(task, name=inputs.name, method=None, seed=seed, inputs=path)
            made[table, seed] = shared
    missing = []
    for shared in made.values():
        if shared.inputs is not None and shared.inputs.exists():
            on_run(shared.name, shared.table, shared.seed)
        else:
            missing.append(shared)
    with closing(run_in_workers(inputs.make, missing, jobs=jobs, prepare=_nothing)) as results:
        for shared, _ in results:
            on_run(shared.name, shared.table, shared.seed)
    return [replace(task, inputs=made[place(task)].inputs) for task in tasks]


def _nothing() -> None:
    """There is nothing to prepare."""
