"""Stated optima are what brute force finds, and feasible means what the problem says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, permutations, product
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark
from qhpo_problems.benchmarks.sampling.cardinality import CardinalityBenchmark
from qhpo_problems.benchmarks.sampling.constrained import SUITE, load_benchmark
from qhpo_problems.benchmarks.sampling.knapsack import Knapsack
from qhpo_problems.benchmarks.sampling.layers import Layers
from qhpo_problems.benchmarks.sampling.ordering import Ordering, order_of

SMALL: list[Benchmark[Any]] = [
    *(CardinalityBenchmark(7, k, instance) for k in (1, 3) for instance in range(3)),
    *(Knapsack(8, m, tightness, i) for m, tightness in ((1, 0.5), (3, 0.3)) for i in range(3)),
    *(Ordering(n, instance) for n in (2, 5) for instance in range(3)),
    *(Layers(depth, 2, 3, 2, instance=i) for depth in (1, 3) for i in range(3)),
    # The middle depth pays, and no depth but the first.
    Layers(3, 2, 2, 1, cost=60, instance=0),
    Layers(3, 2, 2, 1, cost=1000),
]
IDS = [f"{problem.name}-{i}" for i, problem in enumerate(SMALL)]


class _Odometer(optuna.trial.BaseTrial):
    """Enumerates everything that a function can ask of a trial.

    ``digits`` are the positions of the answers so far; an answer not yet given is the first.
    """

    def __init__(self, digits: list[int]) -> None:
        self.digits = digits
        self.sizes: list[int] = []

    def _answer(self, choices: Any) -> Any:
        position = len(self.sizes)
        self.sizes.append(len(choices))
        if position == len(self.digits):
            self.digits.append(0)
        return choices[self.digits[position]]

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._answer(choices)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: Any = 0) -> int:
        return int(self._answer(range(low, high + 1, step)))


_Odometer.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


def _all_solutions(ask: Any) -> Iterator[Any]:
    digits: list[int] = []
    while True:
        trial = _Odometer(digits)
        yield ask(trial)
        digits = trial.digits
        while digits and digits[-1] + 1 == trial.sizes[len(digits) - 1]:
            digits.pop()
        if not digits:
            return
        digits[-1] += 1


@pytest.mark.parametrize("problem", SMALL, ids=IDS)
def test_optimum_is_the_best_feasible_value(problem: Benchmark[Any]) -> None:
    solutions = list(_all_solutions(problem.suggest))
    assert len(set(solutions)) == len(solutions)
    feasible = [solution for solution in solutions if problem.feasible(solution)]
    assert problem.optimum == min(problem.value(solution) for solution in feasible)
    assert type(problem.optimum) is float
    assert problem.optimum <= problem.reference


@pytest.mark.parametrize("name", SUITE.tables)
def test_the_instances_compared_on_have_whole_values_above_their_optimum(name: str) -> None:
    problem = load_benchmark(name)
    assert load_benchmark(name) is problem
    assert problem.name == name
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    solutions = [problem.suggest(study.ask()) for _ in range(300)]
    values = [problem.value(solution) for solution in solutions]
    assert all(type(value) is float and value.is_integer() for value in values)
    feasible = [v for v, s in zip(values, solutions, strict=True) if problem.feasible(s)]
    assert all(value >= problem.optimum for value in feasible)
    assert problem.optimum < problem.reference
    assert list(problem.checkpoints) == sorted(problem.checkpoints)
    assert problem.checkpoints[-1] == problem.trials


def test_two_processes_would_load_the_same_instance() -> None:
    for name in SUITE.tables:
        one, other = type(load_benchmark(name))(), type(load_benchmark(name))()
        solution = one.suggest(optuna.create_study().ask())
        assert one.value(solution) == other.value(solution)
        assert (one.optimum, one.reference) == (other.optimum, other.reference)


def test_unknown_problem_names_the_known() -> None:
    with pytest.raises(QhpoError, match=r"one of: cardinality, .*, layers; got 'sat'"):
        load_benchmark("sat")


# --- exactly k of n


def test_cardinality_counts() -> None:
    problem = CardinalityBenchmark(5, 2)
    for on in product((False, True), repeat=5):
        assert problem.feasible(on) == (on.count(True) == 2)
    assert problem.violations((True,) * 5) == {"at most": 3, "at least": -3}
    assert problem.violations((False,) * 5) == {"at most": -2, "at least": 2}


def test_cardinality_value_has_every_term_once() -> None:
    problem = CardinalityBenchmark(6, 2, instance=5)

    def value(*on: int) -> float:
        return problem.value(tuple(i in on for i in range(6)))

    assert value() == 0
    single = [value(i) for i in range(6)]
    pairs = {(i, j): value(i, j) - single[i] - single[j] for i in range(6) for j in range(i)}
    assert len({*single}) == 6
    assert len({*pairs.values()}) == 15
    assert value(0, 2, 5) == sum(single[i] for i in (0, 2, 5)) + sum(
        pairs[pair] for pair in ((2, 0), (5, 0), (5, 2))
    )


def test_cardinality_reference_is_the_median_of_the_feasible() -> None:
    problem = CardinalityBenchmark(6, 3)
    feasible = [on for on in product((False, True), repeat=6) if sum(on) == 3]
    assert problem.reference == np.median([problem.value(on) for on in feasible])


# --- knapsack


def test_knapsack_is_the_generator_of_the_literature() -> None:
    problem = Knapsack(n=2000, m=5, tightness=0.5, instance=1)
    weights = np.array([problem._weights[i] for i in range(5)])
    assert (weights.min(), weights.max()) == (1, 1000)
    assert weights.mean() == pytest.approx(500.5, abs=10)
    capacities = {
        f"capacity {i}": float(weights[i].sum() // 2 - weights[i].sum()) for i in range(5)
    }
    all_in = problem.violations((1,) * 2000)
    assert {name: -amount for name, amount in all_in.items()} == capacities
    surplus = problem._worth - weights.mean(axis=0)
    assert surplus.min() == pytest.approx(0, abs=3)
    assert surplus.max() == pytest.approx(500, abs=3)
    assert abs(np.corrcoef(surplus, weights.mean(axis=0))[0, 1]) < 0.1


def test_knapsack_needs_every_capacity() -> None:
    problem = Knapsack(6, 2)
    for packed in product((0, 1), repeat=6):
        loads = problem._weights @ np.array(packed)
        fits = bool((loads <= np.floor(problem._weights.sum(axis=1) / 2)).all())
        assert problem.feasible(packed) == fits
        assert problem.value(packed) == -(problem._worth * packed).sum()
    at_capacity = Knapsack(6, 1, tightness=1.0)
    assert at_capacity.violations((1,) * 6) == {"capacity 0": 0.0}
    assert at_capacity.feasible((1,) * 6)


# --- orders


@pytest.mark.parametrize("n", range(2, 7))
def test_lehmer_decoding_is_a_bijection(n: int) -> None:
    codes = list(product(*(range(size) for size in range(n, 1, -1))))
    orders = [order_of(code) for code in codes]
    assert len(codes) == math.factorial(n)
    # In the same order, too: codes and permutations are both sorted.
    assert orders == list(permutations(range(n)))


def test_ordering_asks_for_the_digits_of_a_code() -> None:
    problem = Ordering(4)
    trial = FixedTrial({"digit_0": 3, "digit_1": 0, "digit_2": 1})
    assert problem.suggest(trial) == (3, 0, 2, 1)
    assert trial.distributions["digit_0"] == optuna.distributions.IntDistribution(0, 3)
    assert trial.distributions["digit_2"] == optuna.distributions.IntDistribution(0, 1)


def test_ordering_value_is_flow_times_distance() -> None:
    problem = Ordering(3)
    flow, distance = problem._flow, problem._distance
    expected = sum(
        flow[stage, other] * distance[place, there]
        for place, stage in enumerate((2, 0, 1))
        for there, other in enumerate((2, 0, 1))
        if place != there
    )
    assert problem.value((2, 0, 1)) == expected


def test_ordering_has_one_optimum_and_knows_all_orders() -> None:
    problem = load_benchmark("ordering")
    assert isinstance(problem, Ordering)
    assert len(problem._all_values) == math.factorial(8)
    assert (problem._all_values == problem.optimum).sum() == 1
    for index in (0, 12345, 40319):
        order = list(permutations(range(8)))[index]
        assert problem.value(order) == problem._all_values[index]


# --- layers


def test_layers_are_asked_for_by_depth() -> None:
    problem = load_benchmark("layers")
    params = {"n_layers": 2}
    for i in range(4):
        params |= {f"kind_{i}": "dense", f"width_{i}": 48, f"activation_{i}": "tanh"}
    trial = FixedTrial(params)
    assert problem.suggest(trial) == (("dense", 48, "tanh"),) * 2
    assert len(trial.distributions) == 1 + 2 * 3
    assert "up to 13 parameters" in problem.description


def test_layers_pay_neither_at_one_nor_at_the_most() -> None:
    by_depth = []
    for depth in range(1, 5):
        shallow = Layers(depth)
        by_depth.append(shallow.optimum)
        # The first layers of a deeper problem are the same.
        layers = (("attention", 32, "gelu"), ("dense", 64, "relu"))[:depth]
        assert shallow.value(layers) == Layers().value(layers)
    assert (
        by_depth[0] > by_depth[1] > by_depth[2] == by_depth[3] == load_benchmark("layers").optimum
    )
    # By a margin that a sampler can see, a twentieth of the way to random configurations.
    assert by_depth[1] - by_depth[2] > 0.05 * (load_benchmark("layers").reference - by_depth[2])


def test_layers_value_is_a_sum_over_layers_and_neighbours() -> None:
    problem = Layers(3)
    a, b, c = ("attention", 16, "relu"), ("dense", 48, "tanh"), ("recurrent", 64, "gelu")
    other_b = ("convolution", 16, "relu")
    levels = {a: (1, 0, 0), b: (3, 2, 2), c: (2, 3, 1), other_b: (0, 0, 0)}

    def by_hand(*layers: Any) -> float:
        total = 100.0 * len(layers)
        for i, layer in enumerate(layers):
            total += sum(problem._main[k][i, level] for k, level in enumerate(levels[layer]))
        for i, (before, layer) in enumerate(pairwise(layers), start=1):
            total += problem._kinds_of_two[i, levels[before][0], levels[layer][0]]
            total += problem._widths_of_two[i, levels[before][1], levels[layer][1]]
        return total

    for layers in ((a,), (a, b), (a, b, c), (c, other_b, a)):
        assert problem.value(layers) == by_hand(*layers)


def test_layers_reference_is_the_median_of_a_random_sampler() -> None:
    problem = load_benchmark("layers")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(7))
    values = [problem.value(problem.suggest(study.ask())) for _ in range(2000)]
    below = np.mean([value <= problem.reference for value in values])
    assert below == pytest.approx(0.5, abs=0.05)
