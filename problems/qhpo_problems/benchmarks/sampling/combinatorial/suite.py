"""The suite of combinatorial problems that papers compare on, with the methods of these papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    Group,
    Results,
    each_method,
    mean,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.combinatorial.factorization import fmqa
from qhpo_problems.benchmarks.sampling.combinatorial.labs import Labs
from qhpo_problems.benchmarks.sampling.combinatorial.relabelled import (
    KNOWN,
    Known,
    Relabelled,
    load_relabelled,
)
from qhpo_problems.benchmarks.sampling.combinatorial.sparse import bocs
from qhpo_problems.benchmarks.sampling.gaps import checkpoints, hits, rank, ranks
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS, Method, Told
from qhpo_problems.benchmarks.sampling.trials import run_trials, warm_up
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task

__all__ = ["SUITE"]


_METHODS: Mapping[str, Told] = MappingProxyType(
    {
        "qubo": LEARNING["qubo"],
        "tpe": PEERS["tpe"],
        "gp": PEERS["gp"],
        "fmqa": Told(fmqa),
        "bocs": Told(bocs),
        "random": PEERS["random"],
    }
)


def _small() -> list[Relabelled]:
    return [Relabelled("warm-up", Known(Labs(6), "000101", True), 0)]


def _measure(task: Task) -> list[Row]:
    benchmark = load_relabelled(task.table, task.seed)
    return run_trials(benchmark, task.method, seed=task.seed, trials=task.trials)


def _sources(method: Told, table: str) -> list[Any]:
    return [run_trials, method.factory, Relabelled, type(KNOWN[table].problem)]


def _check(method: Method) -> None:
    method.sampler(0, _small()[0])


def _groups(results: Results) -> list[Group]:
    """All problems, by ranks alone: values have no mean over problems; then each by its values."""
    seeds = plural(len(results.seeds), "seed")
    trials = results.rows(results.tables)
    points = checkpoints(Relabelled.checkpoints, trials)
    size = f"{plural(trials, 'evaluation')}, {seeds}"
    group = results.group(
        f"{plural(len(results.tables), 'problem')}; {size}", results.tables, points
    )
    groups = [replace(group, data={**group.data, "ranked": group.data["gap"]})]
    for table in results.tables:
        benchmark = load_relabelled(table, 0)
        known = "optimum" if KNOWN[table].is_optimum else "best known"
        title = f"{table}: {benchmark.description}; {size}, {known} {benchmark.optimum:.4f}"
        group = results.group(title, [table], points)
        best = np.minimum.accumulate(group.data["value"], axis=-1)
        groups.append(replace(group, data={**group.data, "best": best}))
    return groups


def _rank_error(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard error over seeds of the mean rank."""
    return standard_error(ranks(gaps))


SUITE = Suite(
    name="combinatorial",
    tables={name: known.problem.description for name, known in KNOWN.items()},
    methods=_METHODS,
    peers=tuple(name for name in _METHODS if name in PEERS),
    measure=_measure,
    sources=_sources,
    seeds=10,
    trials=lambda table: Relabelled.trials,
    metrics=(
        Metric("rank", "{:.2f}".format, min, "ranked", rank, _rank_error),
        Metric(
            *("best", "{:.2f}".format, min, "best", mean, standard_error),
            label="mean of the best value",
        ),
        Metric("found", "{:.0f}".format, max, "gap", hits, each=False, of_runs=True),
        Metric("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum), each=False),
        Metric("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean, each=False),
    ),
    groups=_groups,
    check=_check,
    warm_up=partial(warm_up, _small, optuna.logging.WARNING),
    plot="curves",
    drawn_as="best",
    footnote=(
        "Rank: mean among these methods within a problem and seed, ties shared. Best: mean of the "
        "lowest value after the number of evaluations behind the @, ± one standard error over "
        "seeds. Found: runs that reached the optimum, or the best value known. Every seed permutes "
        "the levels of every variable, the same for all methods. fmqa and bocs are qhpo's own, "
        "with ten random evaluations first, as many as the others have. CPU time is the "
        "suggesting thread's."
    ),
)
"""Samplers on combinatorial problems of the literature, without rules."""
