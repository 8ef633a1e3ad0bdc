"""The next configuration: a design, then the search, then what is left, then the best again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import make_solver
from qhpo.space import Space, declared_conditions
from qhpo.suggest import Settings, Suggestion, SuggestionPolicy
from qhpo.surrogate.hyperparameters import ENSEMBLE
from tests.qhpo.strategies import Problem, every_place, small_problems
from tests.qhpo.suggest.searches import random_configurations

FloatArray = NDArray[np.float64]

LIGHT = Settings(priors=ENSEMBLE[:1], draws=1, random_candidates=40)

SPACE = Space({"child": IntDistribution(0, 1), "on": CategoricalDistribution([False, True])})
CONDITIONAL = FeasibleSet(
    SPACE, (), declared_conditions({"child": {"on": True}}, SPACE.search_space)
)
WHOLE = np.array([[np.nan, 0.0], [0.0, 1.0], [1.0, 1.0]])
# One that asked for too little, and one that asked for too much.
PARTS = np.array([[np.nan, 1.0], [0.0, 0.0], [1.0, np.nan]])


def _history(x: FloatArray) -> History:
    """Trials of which each is worse than the one before."""
    return History(x, np.arange(len(x), dtype=float), x[:0], x)


def _suggestions(
    feasible: FeasibleSet,
    history: History,
    n: int,
    fixed: FloatArray | None = None,
    n_startup: int = 100,
    settings: Settings = LIGHT,
) -> list[Suggestion]:
    policy = SuggestionPolicy(make_solver("neal"), n_startup, 0, settings)
    fixed = np.full(len(feasible.space), np.nan) if fixed is None else fixed
    return [
        policy.suggest(feasible, history, fixed, number, np.random.default_rng(number))
        for number in range(n)
    ]


class TestFirstTrials:
    SPACE = Space({name: CategoricalDistribution(list("abcde")) for name in "pqrs"})

    def test_have_every_level_as_often(self) -> None:
        nothing = _history(np.empty((0, 4)))
        found = _suggestions(FeasibleSet(self.SPACE), nothing, 10, n_startup=10)
        x = np.array([suggestion.coordinates for suggestion in found])
        for column in x.T:
            assert np.bincount(column.astype(int)).tolist() == [2] * 5

    def test_may_be_random(self) -> None:
        nothing = _history(np.empty((0, 4)))
        found = _suggestions(
            FeasibleSet(self.SPACE), nothing, 40, settings=Settings(balanced_design=False)
        )
        x = np.array([suggestion.coordinates for suggestion in found])
        counts = np.array([np.bincount(column.astype(int), minlength=5) for column in x.T])
        assert counts.min() >= 1
        assert counts.std() > 1.0

    def test_are_repaired_as_little_as_the_constraints_ask(self) -> None:
        nothing = _history(np.empty((0, 4)))
        plain = FeasibleSet(self.SPACE)
        feasible = FeasibleSet(self.SPACE, [c.forbid(p=["a", "b"], q="c")])
        for one, other in zip(
            _suggestions(plain, nothing, 20, n_startup=20),
            _suggestions(feasible, nothing, 20, n_startup=20),
            strict=True,
        ):
            assert feasible.satisfied(other.coordinates)
            differs = (one.coordinates != other.coordinates).sum()
            assert differs == (not feasible.satisfied(one.coordinates))


@given(small_problems(), st.integers(0, 2**32 - 1), st.sampled_from([0, 100]))
@settings(max_examples=40)
def test_is_allowed_and_new_or_nothing_is_left(problem: Problem, seed: int, n_startup: int) -> None:
    rng = np.random.default_rng(seed)
    history = _history(random_configurations(problem, int(rng.integers(1, 30)), rng))
    every = problem.space.at_levels(every_place(problem.space.n_levels.tolist()))
    if not problem.holds(every).any():
        with pytest.raises(QhpoError, match="no configuration keeps"):
            _suggestions(problem.feasible(), history, 1, n_startup=n_startup)
        return
    (found,) = _suggestions(problem.feasible(), history, 1, n_startup=n_startup)
    x = found.coordinates
    np.testing.assert_array_equal(problem.active(np.nan_to_num(x)[None, :])[0], x)
    assert problem.holds(x[None, :])[0]
    avoid = {problem.space.key(one) for one in history.avoid}
    assert (problem.space.key(x) not in avoid) is found.is_new
    left = {problem.space.key(one) for one in problem.active(every[problem.holds(every)])} - avoid
    assert found.is_new is bool(left)
    assert found.is_proof is not found.is_new


def test_without_anything_allowed_the_conflict_is_named() -> None:
    feasible = FeasibleSet(SPACE, [c.forbid(child=[0, 1])])
    with pytest.raises(QhpoError, match=r"no configuration keeps forbid\({'child': \[0, 1\]}\)"):
        _suggestions(feasible, _history(WHOLE[:1]), 1)


class TestNothingLeft:
    def test_the_best_again_in_turns_and_never_part_of_a_trial(self) -> None:
        found = _suggestions(CONDITIONAL, _history(np.vstack([PARTS, WHOLE])), 6)
        assert all(one.is_proof and not one.is_new for one in found)
        keys = [SPACE.key(one.coordinates) for one in found]
        assert keys == [SPACE.key(one) for one in WHOLE] * 2

    def test_the_best_again_agree_with_what_is_fixed(self) -> None:
        found = _suggestions(CONDITIONAL, _history(WHOLE), 4, np.array([np.nan, 1.0]))
        keys = [SPACE.key(one.coordinates) for one in found]
        assert keys == [SPACE.key(one) for one in WHOLE[1:]] * 2

    def test_what_is_fixed_stays_where_only_parts_agree_with_it(self) -> None:
        # All that is whole is running, so that nothing of it has a value.
        parts = _history(PARTS)
        history = History(parts.coordinates, parts.values, WHOLE, np.vstack([PARTS, WHOLE]))
        for one in _suggestions(CONDITIONAL, history, 4, np.array([np.nan, 1.0])):
            assert not one.is_new
            assert CONDITIONAL.is_whole(one.coordinates)
            assert one.coordinates[1] == 1.0

    @pytest.mark.parametrize("left", range(3))
    def test_what_is_left_comes_first(self, left: int) -> None:
        history = _history(np.vstack([PARTS, np.delete(WHOLE, left, axis=0)]))
        for one in _suggestions(CONDITIONAL, history, 3):
            assert one.is_new
            assert SPACE.key(one.coordinates) == SPACE.key(WHOLE[left])

    def test_is_no_proof_where_the_search_ends_before(self) -> None:
        space = Space({"x": FloatDistribution(0.0, 1.0)})
        feasible = FeasibleSet(space, [c.linear({"x": 1}, "==", 0.25)])
        (again,) = _suggestions(feasible, _history(space.encode({"x": 0.25})[None, :]), 1)
        assert not again.is_new
        assert not again.is_proof
        assert space.decode(again.coordinates) == {"x": 0.25}
