"""Running samplers on tables: every (sampler, table, seed) once, in a fair and resumable way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.wrappers import CPU_SECONDS, TimedSampler
from qhpo_problems.benchmarks.grid import WARM_UP_TRIALS, Task, run_tasks
from qhpo_problems.benchmarks.provenance import fingerprint, package_versions
from qhpo_problems.benchmarks.records import RunCache, RunRecord
from qhpo_problems.benchmarks.samplers import SamplerFactory
from qhpo_problems.benchmarks.tabular import TabularProblem, load_table, table_names

__all__ = ["run_grid", "run_trials"]


def run_grid(
    samplers: Mapping[str, SamplerFactory],
    tables: Sequence[str],
    *,
    seeds: Sequence[int],
    trials: int,
    cache: Path,
    jobs: int = 1,
    on_record: Callable[[RunRecord], None] | None = None,
) -> list[RunRecord]:
    """Run every sampler on every table with every seed, except where the cache has the result.

    Each run is stored as soon as it ends, so an interrupted grid continues where it stopped.

    Args:
        samplers: Name -> factory; `SAMPLERS`, a part of it, or variants of your own.
        tables: Names of tables.
        seeds: The same for every sampler.
        trials: Trials per run.
        cache: Directory of finished runs.
        jobs: Worker processes, each with one thread. CPU times are cleanest with one.
        on_record: Called with every record as it becomes available, from the cache first.

    Returns:
        The records, by seed, then table, then sampler, each in the order given.

    Raises:
        QhpoError: If a table is unknown, ``trials`` is not positive, the cache is damaged, or a
            worker dies.
        MissingExtraError: If a table or a sampler needs a package that is not installed.
    """
    for table in set(tables).difference(table_names()):
        load_table(table)  # raises, naming the tables that there are
    prints = {name: fingerprint(name, factory) for name, factory in samplers.items()}
    return run_tasks(
        [
            Task(name, samplers[name], prints[name], table, seed, trials)
            for seed, table, name in product(seeds, tables, samplers)
        ],
        _run,
        cache=RunCache(cache, RunRecord),
        check=_make_once,
        warm_up=_warm_up,
        jobs=jobs,
        on_record=on_record,
    )


def run_trials(
    problem: TabularProblem,
    factory: SamplerFactory,
    *,
    name: str,
    seed: int,
    trials: int,
    fingerprint: str = "",
) -> RunRecord:
    """Optimize one table with one sampler in this thread, in an in-memory study.

    Args:
        problem: The table.
        factory: Makes the sampler from the seed.
        name: What the record calls the sampler.
        seed: For the factory.
        trials: Number of trials.
        fingerprint: For the record.
    """
    study = optuna.create_study(direction="minimize", sampler=TimedSampler(factory(seed)))
    study.optimize(problem.objective, n_trials=trials)
    finished = study.get_trials(deepcopy=False)

    seen: set[tuple[object, ...]] = set()
    repeated = []
    for trial in finished:
        configuration = tuple(trial.params[parameter] for parameter in problem.search_space)
        repeated.append(configuration in seen)
        seen.add(configuration)
    return RunRecord(
        sampler=name,
        table=problem.name,
        family=problem.family,
        seed=seed,
        optimum=problem.optimum,
        median=problem.median,
        values=tuple(float(trial.values[0]) for trial in finished),
        cpu_seconds=tuple(float(trial.system_attrs[CPU_SECONDS]) for trial in finished),
        repeated=tuple(repeated),
        versions=package_versions(),
        fingerprint=fingerprint,
    )


def _make_once(factory: SamplerFactory) -> None:
    factory(0)


def _run(task: Task[SamplerFactory]) -> RunRecord:
    return run_trials(
        load_table(task.table),
        task.maker,
        name=task.sampler,
        seed=task.seed,
        trials=task.trials,
        fingerprint=task.fingerprint,
    )


def _warm_up(factories: Sequence[SamplerFactory]) -> None:
    """Have all code imported before the clock runs, and before anyone edits it during a long grid.

    The import of torch alone would cost GPSampler's first run more than all of its suggestions.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    problem = TabularProblem(
        name="warm-up",
        family="warm-up",
        search_space={
            "number": IntDistribution(0, 9),
            "category": CategoricalDistribution(("a", "b", "c")),
        },
        values=np.arange(30.0).reshape(10, 3),
    )
    for factory in factories:
        run_trials(problem, factory, name="warm-up", seed=0, trials=WARM_UP_TRIALS)
