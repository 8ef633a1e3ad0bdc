"""Running solvers on the models of studies: each once, in a fair and resumable way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import optuna

from qhpo.encoding import DenseDQM
from qhpo.encoding.reduction import eliminate
from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.grid import Task, run_tasks
from qhpo_problems.benchmarks.provenance import fingerprint, package_versions
from qhpo_problems.benchmarks.records import RunCache
from qhpo_problems.benchmarks.solvers import measure as measure_module
from qhpo_problems.benchmarks.solvers import models as models_module
from qhpo_problems.benchmarks.solvers import studies as studies_module
from qhpo_problems.benchmarks.solvers.contestants import Contestant
from qhpo_problems.benchmarks.solvers.measure import Tapped, measure
from qhpo_problems.benchmarks.solvers.models import (
    Model,
    checkpoints_of,
    load_models,
    store_models,
    take_models,
)
from qhpo_problems.benchmarks.solvers.records import SolverRun
from qhpo_problems.benchmarks.solvers.studies import load_study
from qhpo_problems.benchmarks.workers import run_in_workers

__all__ = ["ModelFile", "run_solvers"]


@dataclass(frozen=True)
class ModelFile:
    """Models of one run of one study, in a file.

    Attributes:
        table: Name of the study.
        seed: Of the sampler.
        checkpoints: Numbers of finished trials whose models are taken.
        path: The file; it may have to be made first.
    """

    table: str
    seed: int
    checkpoints: tuple[int, ...]
    path: Path

    @property
    def sampler(self) -> str:
        """What stands for the name of a contestant."""
        return "models"


def run_solvers(
    contestants: Mapping[str, Contestant],
    studies: Sequence[str],
    *,
    seeds: Sequence[int],
    trials: int | None = None,
    cache: Path,
    jobs: int = 1,
    on_models: Callable[[ModelFile], None] | None = None,
    on_record: Callable[[SolverRun], None] | None = None,
) -> list[SolverRun]:
    """Run every solver on the models of every study with every seed, except what the cache has.

    The models are made first, by `qhpo.QUBOSampler` from the seeds, and kept in the cache too.
    Whatever ends is stored at once, so an interrupted comparison continues where it stopped.

    Args:
        contestants: Name -> solver; what `contestants` returns, a part of it, or solvers of your
            own.
        studies: Names of studies.
        seeds: Of the studies, and of the solvers on their models.
        trials: Finished trials of the last models; None for each study's own number.
        cache: Directory of models and finished runs.
        jobs: Worker processes, each with one thread. CPU times are cleanest with one.
        on_models: Called when the models of a study are there, from the cache first.
        on_record: Called with every record as it becomes available, from the cache first.

    Returns:
        The records, by seed, then study, then solver, each in the order given.

    Raises:
        QhpoError: If a study is unknown, if ``trials`` ends within the first trials, which no model
            is made for, if the cache is damaged, or if a worker dies.
        MissingExtraError: If a study or a solver needs a package that is not installed.
    """
    files = {
        (study, seed): _file(study, seed, trials, cache) for study, seed in product(studies, seeds)
    }
    _make_missing(list(files.values()), jobs, on_models)
    tasks = []
    for seed, study, (name, contestant) in product(seeds, studies, contestants.items()):
        file = files[study, seed]
        tasks.append(
            Task(
                sampler=name,
                maker=contestant,
                # The file's name tells of all that the models depend on.
                fingerprint=fingerprint(
                    f"{name}, {file.path.name}",
                    contestant,
                    [Path(measure_module.__file__)],
                ),
                table=study,
                seed=seed,
                trials=2 * len(file.checkpoints),
            )
        )
    return run_tasks(
        tasks,
        partial(_run, files),
        cache=RunCache(cache, SolverRun),
        check=_make_once,
        warm_up=_warm_up,
        jobs=jobs,
        on_record=on_record,
    )


def _file(study: str, seed: int, trials: int | None, cache: Path) -> ModelFile:
    loaded = load_study(study)
    if trials is not None and trials < 1:
        raise QhpoError(f"models need at least one finished trial; got trials={trials}")
    checkpoints = checkpoints_of(loaded, trials)
    sources = [*loaded.sources, Path(studies_module.__file__), Path(models_module.__file__)]
    what = f"models of {study} after {checkpoints}"
    name = f"{seed}-{fingerprint(what, take_models, sources)}.npz"
    return ModelFile(study, seed, checkpoints, cache / "models" / study / name)


def _make_missing(
    files: Sequence[ModelFile], jobs: int, on_models: Callable[[ModelFile], None] | None
) -> None:
    missing = [file for file in files if not file.path.exists()]
    for file in files:
        if on_models is not None and file not in missing:
            on_models(file)
    with closing(run_in_workers(_make, missing, jobs=jobs, prepare=_quiet)) as results:
        for file, _ in results:
            if on_models is not None:
                on_models(file)


def _make(file: ModelFile) -> None:
    models = take_models(load_study(file.table), file.checkpoints, file.seed)
    store_models(models, file.path)


def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _make_once(contestant: Contestant) -> None:
    contestant()


def _run(files: Mapping[tuple[str, int], ModelFile], task: Task[Contestant]) -> SolverRun:
    models = _models(files[task.table, task.seed].path)
    left = [eliminate(model.tables).tables for model in models]
    solver = Tapped(task.maker())
    outcomes = [measure(solver, model.tables, task.seed) for model in models]
    energy, raw, valid, seconds = zip(*map(astuple, outcomes), strict=True)
    return SolverRun(
        sampler=task.sampler,
        table=task.table,
        seed=task.seed,
        versions=package_versions(),
        fingerprint=task.fingerprint,
        parameters=tuple(model.tables.n_variables for model in models),
        axes=tuple(tables.n_variables for tables in left),
        levels=tuple(len(tables.linear) for tables in left),
        made_of=tuple(model.trials for model in models),
        scale=tuple(model.tables.field_scale for model in models),
        lowest=tuple(model.lowest for model in models),
        proven=tuple(model.is_proven for model in models),
        energy=energy,
        raw=raw,
        valid=valid,
        cpu_seconds=seconds,
    )


@cache
def _models(path: Path) -> list[Model]:
    return load_models(path)


def _warm_up(contestants: Sequence[Contestant]) -> None:
    """Have all code imported before the clock runs."""
    _quiet()
    # No case is better than another everywhere: elimination leaves all of them.
    case = np.arange(9) % 3
    quadratic = np.add.outer(case, case) % 3.0
    tables = DenseDQM.from_upper(np.arange(0, 12, 3), np.zeros(9), quadratic, 0.0)
    for contestant in contestants:
        contestant().reads(tables, 0)
