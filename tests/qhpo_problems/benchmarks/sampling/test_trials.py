"""Trials are judged by the benchmark's own rules, and are the same every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, BruteForceSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo_problems.benchmarks.sampling import constrained, tables
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration
from qhpo_problems.benchmarks.sampling.cardinality import CardinalityBenchmark
from qhpo_problems.benchmarks.sampling.knapsack import Knapsack
from qhpo_problems.benchmarks.sampling.layers import Layers
from qhpo_problems.benchmarks.sampling.methods import QUBO_DECLARED, Declared, Method, Told
from qhpo_problems.benchmarks.sampling.ordering import Ordering
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark, load_table
from qhpo_problems.benchmarks.sampling.trials import run_trials
from qhpo_problems.benchmarks.suite import Suite


class Scripted(BaseSampler):
    """Suggests a list of values for whatever it is asked."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self.values[trial.number]


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _without_times(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "cpu_seconds": 0.0} for row in rows]


def test_a_told_run_is_what_its_sampler_did(four: Benchmark[int]) -> None:
    method = Told(lambda seed: Scripted([0, 3, 1, 3, 2, 1]))
    rows = run_trials(four, method, seed=8, trials=6)
    assert _column(rows, "value") == [0.0, 1.0, 15.0, 1.0, 5.0, 15.0]
    assert _column(rows, "feasible") == [False, False, True, False, True, True]
    assert _column(rows, "repeated") == [False, False, False, True, False, True]
    # Values below the optimum do not count, for their trials are infeasible.
    assert _column(rows, "gap") == [None, None, 1.0, 1.0, 0.0, 0.0]
    assert min(_column(rows, "cpu_seconds")) > 0


def test_a_declared_run_is_judged_by_the_benchmark_not_by_what_was_declared() -> None:
    class Liar(CardinalityBenchmark):
        """Declares that any number may be on."""

        reference = 1_000.0  # its one solution is the optimum, too

        def declaration(self) -> Declaration:
            return replace(super().declaration(), constraints=())

    method = Declared(lambda seed, _: Scripted([True, False]))
    rows = run_trials(Liar(3, 3), method, seed=0, trials=2)
    assert _column(rows, "feasible") == [True, False]


def test_gaps_of_a_table_are_its_normalized_regret(table: TabularBenchmark) -> None:
    rows = run_trials(table, Told(RandomSampler), seed=3, trials=20)
    values = _column(rows, "value")
    best = [min(values[: i + 1]) for i in range(20)]
    assert _column(rows, "gap") == [value / 5.5 for value in best]
    # The table's values are all different, so a repeated value is a repeated configuration.
    assert _column(rows, "repeated") == [v in values[:i] for i, v in enumerate(values)]
    assert sum(_column(rows, "repeated")) >= 20 - 12


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_sampler_without_repeats_has_none(table: TabularBenchmark) -> None:
    rows = run_trials(table, Told(BruteForceSampler), seed=0, trials=12)
    assert not any(_column(rows, "repeated"))
    assert sorted(_column(rows, "value")) == list(range(12))


@pytest.mark.parametrize(
    "benchmark",
    [CardinalityBenchmark(7, 2), Knapsack(7, 2), Ordering(4), Layers(3, 2, 2, 2)],
    ids=lambda benchmark: benchmark.name,
)
def test_qubo_keeps_the_constraints_and_repeats_nothing(benchmark: Benchmark[Any]) -> None:
    rows = run_trials(benchmark, QUBO_DECLARED, seed=1, trials=16)
    assert _column(rows, "feasible") == [True] * 16
    assert _column(rows, "repeated") == [False] * 16


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        *((constrained.SUITE, name) for name in constrained.SUITE.methods),
        *((tables.SUITE, name) for name in tables.SUITE.default),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_same_seed_same_run_and_a_prefix_is_a_shorter_run(suite: Suite, name: str) -> None:
    table = load_table("cifar10") if suite is tables.SUITE else CardinalityBenchmark(6, 3)
    long, short = (run_trials(table, suite.methods[name], seed=1, trials=n) for n in (15, 12))
    other = run_trials(table, suite.methods[name], seed=2, trials=12)
    assert _without_times(long[:12]) == _without_times(short)
    assert _column(other, "value") != _column(short, "value")


@pytest.mark.parametrize(
    ("suite", "benchmarks"),
    [
        (constrained.SUITE, {"cardinality", "knapsack", "ordering", "layers"}),
        (tables.SUITE, {"warm-up"}),
    ],
    ids=["constrained", "tables"],
)
def test_warm_up_runs_everyone_on_everything_beyond_the_random_start(
    monkeypatch: pytest.MonkeyPatch, suite: Suite, benchmarks: set[str]
) -> None:
    runs = set()

    def recorded(benchmark: Benchmark[Any], method: Method, *, seed: int, trials: int) -> None:
        assert trials > 10
        runs.add((benchmark.name, method))

    monkeypatch.setattr("qhpo_problems.benchmarks.sampling.trials.run_trials", recorded)
    monkeypatch.setattr(optuna.logging, "set_verbosity", lambda level: None)
    assert suite.warm_up is not None
    methods = [suite.methods[name] for name in ("tpe", "random")]
    suite.warm_up(methods)
    assert runs == {(name, method) for name in benchmarks for method in methods}
