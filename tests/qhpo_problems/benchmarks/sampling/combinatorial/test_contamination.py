"""Contamination control against its recursion, written out, and against all plans."""

from __future__ import annotations

import numpy as np
import pytest

from qhpo_problems.benchmarks.sampling.combinatorial.contamination import Contamination
from qhpo_problems.benchmarks.sampling.combinatorial.relabelled import KNOWN


def _by_hand(problem: Contamination, plan: list[int]) -> float:
    """The published sum, one simulation after the other."""
    first, spread, restored = problem.chances
    below = [0] * len(plan)
    for k, start in enumerate(first.tolist()):
        share = start
        for i, x in enumerate(plan):
            share = spread[i, k] * (1 - x) * (1 - share) + (1 - restored[i, k] * x) * share
            below[i] += share < 0.1
    short = sum((1 - 0.05) - count / len(first) for count in below)
    return sum(plan) + short + 0.01 * sum(plan)


@pytest.mark.parametrize("instance", [0, 1])
def test_the_value_is_the_published_sum(instance: int) -> None:
    problem = Contamination(7, instance)
    for plan in np.random.default_rng(0).integers(2, size=(20, 7)).tolist():
        assert problem.value(plan) == pytest.approx(_by_hand(problem, plan), abs=1e-12)


def test_prevention_everywhere_costs_its_price_and_nothing_everywhere_all_limits() -> None:
    # At most 0.05 a stage is paid back where no limit is missed, and 0.95 charged where all are.
    assert 25 * (1.01 - 0.05) <= Contamination().value([1] * 25) < 25 * 1.01
    assert 20.0 < Contamination().value([0] * 25) <= 25 * 0.95


def _least(problem: Contamination, at_most: float) -> tuple[float, str, int]:
    """Least value of all plans, the plan, and how many are as good: branch and bound.

    A share is least after prevention at all stages, and what follows grows with it. So a plan that
    ends with r stages without prevention has no less ahead than one with prevention before them.

    Args:
        problem: All of whose plans are looked at.
        at_most: Some plan's value.
    """
    first, spread, restored = problem.chances
    n = len(problem.sizes)

    def charge(share: np.ndarray) -> np.ndarray:
        return 0.95 - (share < 0.1).mean(axis=-1)

    # Shares after r stages without prevention that follow on prevention everywhere.
    after: dict[tuple[int, int], np.ndarray] = {}
    clean = first
    for start in range(n + 1):
        share = after[start, 0] = clean
        for r in range(1, n - start + 1):
            share = share + spread[start + r - 1] * (1 - share)
            after[start + r, r] = share
        if start < n:
            clean = (1 - restored[start]) * clean
    ahead = np.zeros((n + 1, n + 2))
    for s in reversed(range(n)):
        for r in range(s + 1):
            nothing = charge(after[s + 1, r + 1]) + ahead[s + 1, r + 1]
            prevention = 1.01 + charge((1 - restored[s]) * after[s, r]) + ahead[s + 1, 0]
            ahead[s, r] = min(nothing, prevention)

    shares, cost = first[None], np.zeros(1)
    plans, run = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for s in range(n):
        nothing, prevention = shares + spread[s] * (1 - shares), (1 - restored[s]) * shares
        cost = np.concatenate([cost + charge(nothing), cost + 1.01 + charge(prevention)])
        shares = np.concatenate([nothing, prevention])
        plans, run = np.concatenate([2 * plans, 2 * plans + 1]), np.concatenate([run + 1, 0 * run])
        kept = cost + ahead[s + 1, run] <= at_most + 1e-9
        shares, cost, plans, run = shares[kept], cost[kept], plans[kept], run[kept]
    best = int(cost.argmin())
    equal = int((cost <= cost[best] + 1e-9).sum())
    return float(cost[best]), f"{int(plans[best]):0{n}b}", equal


def test_the_search_for_the_optimum_is_right_where_all_plans_can_be_tried() -> None:
    problem = Contamination(10, instance=3)
    values = [problem.value([int(bit) for bit in f"{plan:010b}"]) for plan in range(2**10)]
    least, plan, _ = _least(problem, at_most=values[0])
    assert least == pytest.approx(min(values), abs=1e-12)
    assert values[int(plan, 2)] == pytest.approx(min(values), abs=1e-12)


def test_the_known_plan_is_the_only_optimum() -> None:
    known = KNOWN["contamination"]
    assert isinstance(known.problem, Contamination)
    value = known.problem.value([int(bit) for bit in known.best])
    assert _least(known.problem, at_most=value + 0.02) == (pytest.approx(value), known.best, 1)
