"""The suite of batches: several trials at a time, told of when all of them have ended.

Functions of numbers and tables of choices, as Optuna measured its own batches on BBOB. At equal
numbers of trials a batch knows less than as many trials one after another; what it costs is the
distance to the same sampler asked one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, TPESampler

from qhpo_problems.benchmarks.results import (
    LOG_FLOOR,
    Reduce,
    each_method,
    mean,
    median,
    standard_error,
)
from qhpo_problems.benchmarks.sampling import functions, tables
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark
from qhpo_problems.benchmarks.sampling.functions import FunctionBenchmark, load_function
from qhpo_problems.benchmarks.sampling.gaps import behind_first, grouped, rank
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS, Told
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark, load_table
from qhpo_problems.benchmarks.sampling.trials import run_trials, warm_up
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task, check_as

__all__ = ["SUITE", "InBatches"]

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        **{f"bbob-d5-f{number}": "functions" for number in (2, 8, 11, 16, 22)},
        **dict.fromkeys(("segment", "parkinsons_telemonitoring", "cifar100"), "tables"),
    }
)
"""One function of each kind and one table of each family, of the parts kept for reporting."""

_SIZES = (5, 10, 50)
"""Trials at a time."""

_TRIALS = 100
_CHECKPOINTS = (25, 50, 100)


@dataclass(frozen=True)
class InBatches(Told):
    """A sampler that is asked for several trials before it is told of any.

    Args:
        at_once: How many.
    """

    at_once: int = 1


def _qubo(seed: int, batch_size: int) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(seed=seed, batch_size=batch_size)


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, constant_liar=True)


def _methods() -> dict[str, Told]:
    found: dict[str, Told] = {"qubo": LEARNING["qubo"]}
    for n in _SIZES:
        found[f"qubo:{n}"] = InBatches(partial(_qubo, batch_size=n), at_once=n)
        # A fit and an anneal for every trial, which reckons with those that run.
        found[f"qubo-alone:{n}"] = InBatches(partial(_qubo, batch_size=1), at_once=n)
        found[f"tpe:{n}"] = InBatches(_tpe, at_once=n)
        found[f"gp:{n}"] = InBatches(PEERS["gp"].factory, at_once=n)
    return {**found, "random": PEERS["random"]}


_METHODS: Mapping[str, Told] = MappingProxyType(_methods())


def _load(table: str, seed: int) -> Benchmark[Any]:
    return load_table(table) if _TABLES[table] == "tables" else load_function(table, seed + 1)


def _measure(task: Task) -> list[Row]:
    at_once = getattr(task.method, "at_once", 1)
    return run_trials(
        _load(task.table, task.seed),
        task.method,
        seed=task.seed,
        trials=task.trials,
        at_once=at_once,
    )


def _sources(method: Told, table: str) -> list[Any]:
    kind = TabularBenchmark if _TABLES[table] == "tables" else FunctionBenchmark
    return [run_trials, method.factory, InBatches, kind]


def _title(chosen: Sequence[str]) -> str:
    return f"{_TABLES[chosen[0]]}: {', '.join(chosen)}; "


def _of_log10(reduce: Reduce) -> Reduce:
    return lambda gaps: reduce(np.log10(np.maximum(gaps, LOG_FLOOR)))


_last = partial(Metric, each=False, heading="repeated suggestions, CPU seconds per suggestion")

SUITE = Suite(
    name="batches",
    tables=_TABLES,
    methods=_METHODS,
    default=("qubo", *(f"{name}:10" for name in ("qubo", "tpe", "gp")), "random"),
    peers=tuple(name for name in _METHODS if not name.startswith("qubo")),
    measure=_measure,
    sources=_sources,
    seeds=20,
    trials=lambda table: _TRIALS,
    metrics=(
        Metric(
            *("log10 gap", "{:.2f}".format, min, "gap"),
            *(_of_log10(mean), _of_log10(standard_error)),
            heading="mean log10 of the gap",
            label="mean log10 of the gap to the optimum",
        ),
        Metric(
            *("behind", "{:.2f}".format, min, "gap"),
            *(_of_log10(behind_first(mean)), _of_log10(behind_first(standard_error))),
            heading="log10 gap less that of the first method, run by run",
        ),
        Metric(
            *("gap", "{:.4g}".format, min, "gap", mean, standard_error),
            heading="mean gap",
        ),
        Metric("rank", "{:.2f}".format, min, "gap", rank, heading="mean rank"),
        _last("repeats", "{:.0f}".format, min, "repeated", each_method(np.sum)),
        _last("median CPU s", "{:.4f}".format, min, "cpu_seconds", median),
        _last("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean),
    ),
    groups=partial(grouped, kind=_TABLES.__getitem__, title=_title, at=_CHECKPOINTS),
    by={"family": _TABLES.__getitem__, "table": str},
    check=check_as(functions.SUITE, tables.SUITE),
    warm_up=partial(warm_up, tables.small, optuna.logging.ERROR),
    plot="curves",
    footnote=(
        "The number behind a method is how many trials are asked for before any of them is told; "
        "qubo and random are asked one by one. The gap is the best value less the optimum, of "
        "tables in units of their median, after the number of trials behind the @, ± one standard "
        f"error over seeds; its log10 is floored at {LOG_FLOOR:g}; CPU time is the suggesting "
        "thread's."
    ),
)
"""Samplers that are asked for several trials at a time."""
