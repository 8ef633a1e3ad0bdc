"""From whole histories to what is worth a trial: legal, not avoided, decided by the generator."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import dimod
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qhpo import constraints as c
from qhpo.acquisition import LogEI
from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import make_solver
from qhpo.space import Space
from qhpo.suggest.optimize import Candidates
from qhpo.suggest.settings import Settings
from qhpo.suggest.trust_region import trust_radius
from qhpo.surrogate.base import Surrogate
from qhpo.surrogate.ensemble import EnsembleFitter
from qhpo.surrogate.hyperparameters import ENSEMBLE
from qhpo.surrogate.transform import rank_gaussian
from tests.qhpo.known import KnownValues, random_tables
from tests.qhpo.strategies import Problem, every_place, small_problems
from tests.qhpo.suggest.searches import random_configurations

FloatArray = NDArray[np.float64]

LIGHT = Settings(priors=ENSEMBLE[:2], random_candidates=60)

SPACES = {
    "mixed": None,
    "categories": Space({name: CategoricalDistribution(list("abc")) for name in "pqr"}),
    "integers": Space({"n": IntDistribution(0, 100), "m": IntDistribution(1, 1000, log=True)}),
    "one axis": Space({"x": FloatDistribution(0, 1)}),
    "many axes": Space({f"x{i:02}": IntDistribution(0, 2) for i in range(30)}),
}


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest, mixed_space: Space) -> Space:
    return SPACES[request.param] or mixed_space


def _history(space: Space, observe: Any, n: int, n_pending: int = 0) -> History:
    x, pending, failed = observe(space, n, 0), observe(space, n_pending, 1), observe(space, 2, 2)
    values = ((x - 0.6) ** 2).sum(axis=1)
    return History(x, values, pending, np.concatenate([x, failed, pending]))


def _ranked(
    space: Space,
    history: History,
    fixed: FloatArray | None = None,
    seed: int = 0,
    solver: Any = "neal",
    feasible: FeasibleSet | None = None,
    fitter: Any = None,
) -> FloatArray:
    return Candidates(
        feasible or FeasibleSet(space),
        history,
        np.full(len(space), np.nan) if fixed is None else fixed,
        fitters=[fitter or LIGHT.fitter()],
        outcome_fitter=LIGHT.outcome_fitter(),
        solver=make_solver(solver),
        settings=LIGHT,
        n_startup=4,
        rng=np.random.default_rng(seed),
    ).ranked(history)


@pytest.mark.parametrize(("n", "n_pending"), [(1, 0), (2, 1), (12, 0), (12, 3)])
def test_are_legal_new_and_decided_by_the_generator(
    space: Space, observe: Any, n: int, n_pending: int
) -> None:
    history = _history(space, observe, n, n_pending)
    found = _ranked(space, history)
    assert found.shape == (len(found), len(space))
    assert len(found) >= 1
    avoid = {space.key(one) for one in history.avoid}
    for one in found:
        for axis, coordinate in zip(space.axes, one.tolist(), strict=True):
            assert axis.coordinate(axis.value(coordinate)) == pytest.approx(coordinate, abs=1e-12)
        assert space.key(one) not in avoid
    np.testing.assert_array_equal(found, _ranked(space, history))


def test_the_highest_score_comes_first(space: Space, observe: Any) -> None:
    for n in (7, 11):
        history = _history(space, observe, n)
        found = _ranked(space, history)
        fitter = LIGHT.fitter()
        surrogate = fitter.fit(space, history.coordinates, history.values)
        scores = LogEI([surrogate]).score(found)
        assert scores[0] >= scores.max() - 1e-7


def test_keep_what_is_fixed(space: Space, observe: Any) -> None:
    fixed = observe(space, 1, 77)[0]
    found = _ranked(space, _history(space, observe, 6), fixed)
    np.testing.assert_array_equal(found, np.tile(fixed, (len(found), 1)))
    fixed[1:] = np.nan
    found = _ranked(space, _history(space, observe, 12, 2), fixed)
    np.testing.assert_array_equal(found[:, 0], np.full(len(found), fixed[0]))


def test_keep_away_from_what_is_pending() -> None:
    space = Space({"x": FloatDistribution(0, 1)})
    x = np.array([[0.0], [0.2], [0.4], [0.6], [0.8], [1.0]])
    values = np.abs(x[:, 0] - 0.5)
    alone = _ranked(space, History(x, values, x[:0], x))[0]
    running = alone[None, :]
    spread = _ranked(space, History(x, values, running, np.concatenate([x, running])))[0]
    assert abs(spread[0] - alone[0]) > 0.01


def _peak(space: Space, history: History) -> int:
    """Most bytes that a suggestion holds at a time."""
    fitter = EnsembleFitter(ENSEMBLE[:1], (rank_gaussian,))
    gc.collect()
    tracemalloc.start()
    try:
        _ranked(space, history, fitter=fitter)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_neither_the_square_of_trials_nor_trials_times_levels(
    observe: Any,
) -> None:
    # Every trial has values of its own; what is kept of a trial is its row.
    space = Space({f"x{i}": FloatDistribution(0, 1) for i in range(5)})
    few, many = (_peak(space, _history(space, observe, n)) for n in (300, 3000))
    assert many - few < 200 * 3000 * len(space)
    assert many < 60e6


class _Known:
    """Fits what is known already."""

    def __init__(self, tables: DenseDQM) -> None:
        self._tables = tables

    def fit(
        self, space: Space, x: FloatArray, values: FloatArray, worth: FloatArray | None = None
    ) -> Surrogate:
        return KnownValues(space, x, [self._tables])


class TestKnownValues:
    """A surrogate that is sure of everything leaves the search alone to be judged."""

    @given(small_problems(), st.integers(0, 2**32 - 1))
    @settings(max_examples=60)
    def test_the_best_that_is_allowed_comes_first(self, problem: Problem, seed: int) -> None:
        space, rng = problem.space, np.random.default_rng(seed)
        tables = random_tables(space, rng)
        every = every_place(space.n_levels.tolist())
        x = problem.active(space.at_levels(every))
        x, kept = x[problem.holds(x)], every[problem.holds(x)]
        energies = problem.energies(tables, kept)
        # The best of all would be known, but for what has been tried.
        tried = np.unique(rng.integers(len(x), size=2)) if len(x) else np.arange(0)
        new = [i for i in range(len(x)) if space.key(x[i]) not in {space.key(x[t]) for t in tried}]
        assume(len(new))
        history = History(x[tried], energies[tried], x[:0], x[tried])
        found = _ranked(
            space, history, solver="exact", feasible=problem.feasible(), fitter=_Known(tables)
        )
        assert len(found) or not problem.feasible().is_plain
        assert problem.holds(found).all()
        avoid = {space.key(one) for one in history.avoid}
        found = np.array([one for one in found if space.key(one) not in avoid])
        least = energies[new].min()
        if len(found) and least < energies[tried].min() - 1e-6:
            chosen = [i for i in new if space.key(x[i]) == space.key(found[0])]
            assert energies[chosen[0]] == pytest.approx(least, abs=1e-9)

    @pytest.mark.parametrize("seed", range(5))
    def test_two_changes_at_once_lead_on_where_one_breaks_a_sum(self, seed: int) -> None:
        space = Space({name: IntDistribution(0, 1) for name in "abcde"})
        feasible = FeasibleSet(space, [c.exactly(2, dict.fromkeys("abcde", 1))])
        tables = random_tables(space, np.random.default_rng(seed))
        x = np.array([[1.0, 1.0, 0.0, 0.0, 0.0]])
        history = History(x, np.zeros(1), x[:0], x)
        # Nothing is annealed.
        nothing = dimod.NullSampler()
        first = _ranked(space, history, solver=nothing, feasible=feasible, fitter=_Known(tables))[0]
        every = every_place([2] * 5)
        swaps = every[(every.sum(axis=1) == 2) & ((every != first).sum(axis=1) == 2)]
        swaps = swaps[(swaps != x[0]).any(axis=1)]
        assert tables.energies(first[None, :].astype(int))[0] <= tables.energies(swaps).min()

    def test_many_axes_keep_to_the_trust_region(self) -> None:
        space = Space({f"x{i:02}": IntDistribution(0, 1) for i in range(20)})
        rng = np.random.default_rng(0)
        x = random_configurations(Problem(space, [], ()), 28, rng)
        tables = random_tables(space, rng)
        best = x[tables.energies(x.astype(int)).argmin()]
        # Nothing has become better for long.
        values = np.arange(28.0)
        radius = trust_radius(values, 20, 4)
        assert radius == 4
        found = _ranked(space, History(x, values, x[:0], x), fitter=_Known(tables))
        assert 1 <= (found != best).sum(axis=1).max() <= radius
