"""The pest control problem against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.trial import FixedTrial

from qhpo_problems.benchmarks.sampling.pest_control import PestControl


def test_without_measures_nothing_is_paid_and_the_pest_only_spreads() -> None:
    costs = [PestControl(stages).value([0] * stages) for stages in (1, 10, 25)]
    # Each stage adds the share of infested simulations, at most 1.
    assert costs[0] < 1.0
    assert costs[1] < 10.0
    assert 20.0 < costs[2] < 25.0


def test_the_cheapest_pesticide_alone_costs_its_price() -> None:
    # Without a discount, 0.5 a stage; it keeps the pest down, so little else is paid.
    assert 12.5 <= PestControl().value([4] * 25) < 13.0


def test_a_discount_grows_with_the_uses() -> None:
    # One stage: the price is 1 - 0.2, and the pest at first costs the same as with nothing.
    problem = PestControl(1)
    assert problem.value([1]) - problem.value([0]) == pytest.approx(0.8)
    assert problem.value([3]) - problem.value([0]) == pytest.approx(0.7 * 0.7)


def test_the_value_is_that_of_the_plan() -> None:
    problem = PestControl()
    plan = np.random.default_rng(0).integers(5, size=25).tolist()
    params = {f"stage_{i}": measure for i, measure in enumerate(plan)}
    assert problem.objective(FixedTrial(params)) == problem.value(plan) == PestControl().value(plan)
    assert PestControl(instance=1).value(plan) != problem.value(plan)


def test_the_order_of_measures_matters() -> None:
    problem = PestControl()
    assert problem.value([4] * 12 + [0] * 13) != problem.value([0] * 13 + [4] * 12)
