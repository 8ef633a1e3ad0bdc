from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

from qhpo.history import History
from qhpo.suggest.plateau import explores


def _history(values: list[float], n_pending: int = 0, **others: Any) -> History:
    x = np.arange(float(len(values)))[:, None]
    nothing = x[:0]
    return History(x, np.array(values), np.zeros((n_pending, 1)), nothing, **others)


@pytest.mark.parametrize("least", [0.5, 0.0, -3.0, 1.7e308, -1.7e308, math.inf, -math.inf])
def test_of_a_shared_best_value_every_second_trial_explores(least: float) -> None:
    turns = [explores(_history([least] * n)) for n in range(2, 9)]
    assert turns == [False, False, True, False, True, False, True]


def test_so_do_parallel_trials() -> None:
    values = [1.0] * 6
    assert [explores(_history(values, n)) for n in range(4)] == [True, False, True, False]


def test_what_running_trials_are_expected_to_end_with_is_no_plateau() -> None:
    """They are held to be no better than the best, so that several may share its value."""
    values = [1.0, 2.0, *[1.0] * 4]
    assert explores(_history(values))
    assert not explores(_history(values, n_running=4))


def test_two_equal_values_are_no_plateau() -> None:
    assert not explores(_history([1.0, 1.0, 2.0, 3.0]))


def test_few_ties_of_many_trials_are_no_plateau() -> None:
    others = [2.0 + k for k in range(97)]
    assert not explores(_history([*[1.0] * 3, *others]))
    assert explores(_history([*[1.0] * 10, *others[:90]]))


def test_rounding_does_not_tell_values_apart() -> None:
    values = [0.1 + 0.2, 0.3, 0.30000000000000004, 0.3, 1.0, 2.0]
    assert explores(_history(values))
    assert not explores(_history([0.3, 0.3001, 0.3002, 0.3, 1.0, 2.0]))


def test_weighted_sums_of_objectives_are_left_alone() -> None:
    assert not explores(_history([1.0] * 6, objectives=np.ones((6, 2))))


def test_the_largest_floats_are_told_apart() -> None:
    largest = sys.float_info.max
    assert not explores(_history([-largest, largest] * 2 + [0.0] * 2))
    assert explores(_history([-largest] * 3 + [largest] * 3))


def test_broken_constraints_share_no_best_value() -> None:
    broken = np.zeros(6, dtype=bool)
    assert not explores(_history([1.0] * 6, is_feasible=broken))
    few_feasible = np.array([True] * 2 + [False] * 4)
    assert not explores(_history([1.0] * 6, is_feasible=few_feasible))
    assert explores(_history([1.0] * 6, is_feasible=~few_feasible))
