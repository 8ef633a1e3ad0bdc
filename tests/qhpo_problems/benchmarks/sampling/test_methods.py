"""Each sampler is told of the constraints in the way it understands, and of nothing else."""

from __future__ import annotations

import pickle
from itertools import permutations, product
from typing import Any

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from qhpo import QUBOSampler
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration
from qhpo_problems.benchmarks.sampling.cardinality import CardinalityBenchmark
from qhpo_problems.benchmarks.sampling.constrained import SUITE
from qhpo_problems.benchmarks.sampling.knapsack import Knapsack
from qhpo_problems.benchmarks.sampling.layers import Layers
from qhpo_problems.benchmarks.sampling.methods import Declared, Told
from qhpo_problems.benchmarks.sampling.ordering import Ordering
from qhpo_problems.benchmarks.sampling.tables import SUITE as TABLES
from qhpo_problems.benchmarks.suite import Suite


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("qubo", QUBOSampler),
        ("tpe", TPESampler),
        ("gp", GPSampler),
        ("nsga2", NSGAIISampler),
        ("random", RandomSampler),
    ],
)
def test_names_are_the_samplers_they_say(name: str, kind: type, four: Benchmark[int]) -> None:
    assert type(SUITE.methods[name].sampler(0, four)) is kind
    assert isinstance(SUITE.methods[name], Declared if name == "qubo" else Told)
    assert len(SUITE.methods) == 5
    if name in TABLES.default:
        assert type(TABLES.methods[name].sampler(0, four)) is kind
        assert isinstance(TABLES.methods[name], Told)


def test_tables_have_four_samplers_and_the_ablations_of_one() -> None:
    assert TABLES.default == ("qubo", "tpe", "gp", "random")
    ablations = [name for name in TABLES.methods if name not in TABLES.default]
    assert TABLES.aliases["ablation"] == ("qubo", *ablations)
    assert all(name.startswith("qubo:") for name in ablations)


@pytest.mark.parametrize("suite", [SUITE, TABLES], ids=lambda suite: suite.name)
def test_methods_reach_a_worker(suite: Suite) -> None:
    for method in suite.methods.values():
        copy = pickle.loads(pickle.dumps(method))
        assert pickle.dumps(copy) == pickle.dumps(method)


def test_told_samplers_get_plain_parameters_and_violations(four: Benchmark[int]) -> None:
    study = optuna.create_study()
    study.enqueue_trial({"plain": 3})
    trial = study.ask()
    assert Told(RandomSampler).ask(four, trial) == 3
    assert trial.params == {"plain": 3}
    assert study.get_trials()[0].constraints == {"low": -2.0, "high": 1.0}


def test_declared_samplers_get_the_declaration_and_no_violations(four: Benchmark[int]) -> None:
    made: list[tuple[int, Declaration]] = []

    def factory(seed: int, declaration: Declaration) -> BaseSampler:
        made.append((seed, declaration))
        return RandomSampler(seed)

    Declared(factory).sampler(4, four)
    assert made == [(4, Declaration({"declared": IntDistribution(1, 2)}))]
    study = optuna.create_study()
    study.enqueue_trial({"declared": 2})
    trial = study.ask()
    assert Declared(factory).ask(four, trial) == 2
    assert trial.params == {"declared": 2}
    assert study.get_trials()[0].constraints == {}


def _kept(problem: Benchmark[Any], params: dict[str, Any]) -> bool:
    return all(constraint.satisfied(params) for constraint in problem.declaration().constraints)


def test_what_is_declared_is_the_truth() -> None:
    cardinality, knapsack = CardinalityBenchmark(6, 2), Knapsack(6, 2)
    verdicts = []
    for on in product((False, True), repeat=6):
        params = {f"x{i}": bit for i, bit in enumerate(on)}
        assert _kept(cardinality, params) == cardinality.feasible(on)
        packed = tuple(map(int, on))
        params = {f"item_{i}": bit for i, bit in enumerate(packed)}
        assert _kept(knapsack, params) == knapsack.feasible(packed)
        verdicts.append((cardinality.feasible(on), knapsack.feasible(packed)))
    assert len(set(verdicts)) == 4


def test_declared_orders_are_the_permutations() -> None:
    problem = Ordering(3)
    names = list(problem.declaration().search_space or {})
    assert len(names) == 3
    kept = {
        order
        for order in product(range(3), repeat=3)
        if _kept(problem, dict(zip(names, order, strict=True)))
    }
    assert kept == set(permutations(range(3)))
    trial = optuna.trial.FixedTrial(dict(zip(names, (2, 0, 1), strict=True)))
    assert problem.suggest_declared(trial) == (2, 0, 1)


def test_layers_declare_nothing() -> None:
    assert Layers().declaration() == Declaration()


@pytest.mark.parametrize(
    "problem",
    [CardinalityBenchmark(6, 2), Knapsack(5, 2), Ordering(4), Layers(2)],
    ids=lambda p: p.name,
)
def test_declared_parameters_are_those_that_a_trial_is_asked_for(problem: Benchmark[Any]) -> None:
    trial = optuna.create_study(sampler=RandomSampler(0)).ask()
    problem.suggest_declared(trial)
    declared = problem.declaration().search_space
    assert declared is None or dict(declared) == trial.distributions
