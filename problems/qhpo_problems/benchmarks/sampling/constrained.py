"""The suite of combinatorial problems with constraints and known optima."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from qhpo.cli.report import plural
from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.results import Group, Results, median
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark
from qhpo_problems.benchmarks.sampling.cardinality import CardinalityBenchmark
from qhpo_problems.benchmarks.sampling.gaps import checkpoints, hits, show_gap
from qhpo_problems.benchmarks.sampling.knapsack import Knapsack
from qhpo_problems.benchmarks.sampling.layers import Layers
from qhpo_problems.benchmarks.sampling.methods import PEERS, QUBO_DECLARED, Method
from qhpo_problems.benchmarks.sampling.ordering import Ordering
from qhpo_problems.benchmarks.sampling.trials import measure_trials, run_trials, warm_up
from qhpo_problems.benchmarks.suite import Metric, Suite

__all__ = ["SUITE", "load_benchmark"]

_BENCHMARKS: Mapping[str, type[Benchmark[Any]]] = MappingProxyType(
    {benchmark.name: benchmark for benchmark in (CardinalityBenchmark, Knapsack, Ordering, Layers)}
)


@cache
def load_benchmark(name: str) -> Benchmark[Any]:
    """The instance of that name that everyone is compared on, the same in every process.

    Raises:
        QhpoError: If there is no such benchmark.
    """
    if name not in _BENCHMARKS:
        raise QhpoError(f"a problem must be one of: {', '.join(_BENCHMARKS)}; got {name!r}")
    return _BENCHMARKS[name]()


def _small() -> list[Benchmark[Any]]:
    return [CardinalityBenchmark(8, 2), Knapsack(8, 2), Ordering(4), Layers(2)]


def _sources(method: Method, table: str) -> list[Any]:
    return [run_trials, method.factory, type(load_benchmark(table))]


def _groups(results: Results) -> list[Group]:
    groups = []
    for table in results.tables:
        benchmark, trials = load_benchmark(table), results.rows([table])
        title = (
            f"{table}: {benchmark.description}; {plural(trials, 'trial')}, "
            f"{plural(len(results.seeds), 'seed')}, gap 1 is {benchmark.reference_name}"
        )
        points = checkpoints(benchmark.checkpoints, trials)
        groups.append(results.group(title, [table], points))
    return groups


def _median_share(flags: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median over seeds of the share of a run's trials."""
    return median(flags.mean(axis=-1))


SUITE = Suite(
    name="constrained",
    tables={name: load_benchmark(name).description for name in _BENCHMARKS},
    methods={"qubo": QUBO_DECLARED, **PEERS},
    peers=tuple(PEERS),
    measure=partial(measure_trials, load_benchmark),
    sources=_sources,
    trials=lambda table: load_benchmark(table).trials,
    metrics=(
        Metric("feasible", "{:.1%}".format, max, value=_median_share, each=False),
        Metric("repeats", "{:.1%}".format, min, "repeated", _median_share, each=False),
        Metric("gap", show_gap, min, value=median, label="median gap (0 = optimum)"),
        Metric("optimum", "{:.0f}".format, max, "gap", hits, each=False, of_runs=True),
        Metric("CPU s", "{:.4f}".format, min, "cpu_seconds", median, each=False),
    ),
    groups=_groups,
    plot="curves",
    drawn_as="gap",
    # GPSampler lacks what it needs already when it is made.
    check=lambda method: method.sampler(0, CardinalityBenchmark(4, 2)),
    # Of conditional parameters GPSampler would tell with every trial that it leaves them to chance.
    warm_up=partial(warm_up, _small, optuna.logging.ERROR),
    footnote=(
        "Shares of trials that are feasible and that repeat an earlier one; gap of the best "
        "feasible value after the number of trials behind the @, 0 at the optimum, none without a "
        "feasible trial; runs that found the optimum; CPU seconds of the suggesting thread per "
        "suggestion. Medians over seeds. qubo knows the constraints before the first trial, the "
        "others are told of violations by trial.set_constraint."
    ),
)
"""Samplers that know the constraints against samplers that are told of violations."""
