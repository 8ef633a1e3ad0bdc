"""Weighted MaxSAT: its clauses, its weights, and the hidden solution among all assignments."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from qhpo_problems.benchmarks.sampling.combinatorial.maxsat import MaxSat


def test_the_published_size_has_the_published_clauses() -> None:
    problem = MaxSat()
    assert len(problem.sizes) == 60
    # 10 groups with 15 pairs each, and 64 pairs of groups with 9 clauses each.
    assert len(problem.pairs) == 150 + 64 * 9
    assert problem.weight == 61
    own = {(int(a), int(b)) for a, b in problem.pairs if a // 6 == b // 6}
    assert own == {pair for k in range(10) for pair in combinations(range(6 * k, 6 * k + 6), 2)}


def test_the_hidden_solution_breaks_no_clause_of_two_variables() -> None:
    for instance in range(5):
        problem = MaxSat(instance=instance)
        assert [sum(problem.hidden[6 * k : 6 * k + 6]) for k in range(10)] == [1] * 10
        assert problem.value(problem.hidden) == 50


def test_the_value_is_the_weight_of_broken_clauses() -> None:
    problem = MaxSat(4, instance=1)
    n = len(problem.sizes)
    clauses = [(1, (variable,), 1) for variable in range(n)]
    clauses += [(n + 1, (int(a), int(b)), 0) for a, b in problem.pairs]
    for levels in np.random.default_rng(0).integers(2, size=(20, n)).tolist():
        broken = [w for w, of, literal in clauses if all(levels[i] != literal for i in of)]
        assert problem.value(levels) == sum(broken)


@pytest.mark.parametrize("instance", range(3))
def test_no_assignment_is_better_than_the_hidden_one(instance: int) -> None:
    problem = MaxSat(3, instance=instance)
    assert len(problem.sizes) == 6
    values = [problem.value(levels) for levels in product((0, 1), repeat=6)]
    assert min(values) == problem.value(problem.hidden) == 3
