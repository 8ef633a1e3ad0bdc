"""What is chosen when nothing is left: the best again, in turns, and never part of a trial."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, IntDistribution
from qhpo.acquisition.choice import Choice, Chooser
from qhpo.acquisition.settings import Settings

from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import make_solver
from qhpo.space import Space, declared_conditions

FloatArray = NDArray[np.float64]

SPACE = Space({"child": IntDistribution(0, 1), "on": CategoricalDistribution([False, True])})
CONDITIONS = declared_conditions({"child": {"on": True}}, SPACE.search_space)
WHOLE = np.array([[np.nan, 0.0], [0.0, 1.0], [1.0, 1.0]])
# One that asked for too little, and one that asked for too much.
PARTS = np.array([[np.nan, 1.0], [0.0, 0.0], [1.0, np.nan]])


def _history(coordinates: FloatArray) -> History:
    """Trials of which each is worse than the one before."""
    values = np.arange(len(coordinates), dtype=float)
    return History(coordinates, values, np.empty((0, 2)), coordinates)


def _choices(domain: FeasibleSet, history: History, frozen: FloatArray, n: int) -> list[Choice]:
    chooser = Chooser(make_solver("neal"), 100, 0, Settings())
    return [
        chooser.choose(domain, history, frozen, number, np.random.default_rng(number))
        for number in range(n)
    ]


def test_parts_of_trials_are_not_whole() -> None:
    domain = FeasibleSet(SPACE, (), CONDITIONS)
    assert all(domain.is_whole(configuration) for configuration in WHOLE)
    assert not any(domain.is_whole(configuration) for configuration in PARTS)


def test_without_conditions_everything_is_active() -> None:
    domain = FeasibleSet(SPACE)
    assert [domain.is_whole(c) for c in [*WHOLE, *PARTS]] == [False, True, True, False, True, False]


def test_the_best_again_are_whole() -> None:
    domain = FeasibleSet(SPACE, (), CONDITIONS)
    choices = _choices(domain, _history(np.vstack([PARTS, WHOLE])), np.full(2, np.nan), 6)
    assert all(choice.is_proof and not choice.is_new for choice in choices)
    keys = [SPACE.key(choice.coordinates) for choice in choices]
    assert keys == [SPACE.key(configuration) for configuration in WHOLE] * 2


def test_what_is_fixed_stays_where_only_parts_agree_with_it() -> None:
    domain = FeasibleSet(SPACE, (), CONDITIONS)
    # All that is whole is running, so that nothing of it has a value.
    parts = _history(PARTS)
    history = History(parts.coordinates, parts.values, WHOLE, np.vstack([PARTS, WHOLE]))
    frozen = np.array([np.nan, 1.0])
    for choice in _choices(domain, history, frozen, 4):
        assert not choice.is_new
        assert domain.is_whole(choice.coordinates)
        assert choice.coordinates[1] == 1.0


@pytest.mark.parametrize("left", range(3))
def test_what_is_left_is_chosen_first(left: int) -> None:
    domain = FeasibleSet(SPACE, (), CONDITIONS)
    history = _history(np.vstack([PARTS, np.delete(WHOLE, left, axis=0)]))
    for choice in _choices(domain, history, np.full(2, np.nan), 3):
        assert choice.is_new
        assert SPACE.key(choice.coordinates) == SPACE.key(WHOLE[left])
