"""Where climbs start: in the region, allowed, distinct, and as many as can be afforded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.feasible import FeasibleSet
from qhpo.solvers import make_solver
from qhpo.space import Space
from qhpo.suggest.anneal import annealed
from qhpo.suggest.settings import Settings
from qhpo.suggest.starts import drawn, starts
from tests.qhpo.known import random_tables
from tests.qhpo.strategies import Problem
from tests.qhpo.suggest.searches import (
    Where,
    everywhere,
    make_search,
    problems,
    random_configurations,
    rugged,
)

seeds = st.integers(0, 2**32 - 1)
SOLVER = make_solver("exact")
NOTHING = np.empty((0, 8), dtype=np.intp)
NUMBERS = Space({name: IntDistribution(0, 4) for name in "abcdefgh"})


def _where(problem: Problem, observed: np.ndarray, rng: np.random.Generator) -> Where:
    d = len(problem.space)
    fixed = (rng.random(d) < rng.choice([0.0, 0.3])) & ~np.isnan(observed[0])
    return Where(observed[0], observed, fixed, int(rng.integers(d + 1)))


@given(problems(), seeds)
@settings(max_examples=60)
def test_keep_all_constraints_and_what_is_fixed(problem: Problem, seed: int) -> None:
    rng = np.random.default_rng(seed)
    observed = random_configurations(problem, 8, rng)
    where = _where(problem, observed, rng)
    tables, score = random_tables(problem.space, rng), rugged(problem.space, seed)
    extra = random_configurations(problem, 5, rng)
    extra[:, where.fixed] = where.centre[where.fixed]
    search = make_search(problem.feasible(), where, observed, tables, score, extra)
    random_ones = search.impute(drawn(search, 40, rng), rng)
    places = annealed(search, SOLVER, Settings(), 2, rng)
    found = starts(search, places, extra, Settings(), rng)
    assert len(np.unique(found, axis=0)) == len(found)
    for imputed in (random_ones, found):
        assert (imputed >= 0).all()
        x = problem.active(search.occurring.coordinates(imputed))
        assert problem.holds(x).all()
        centre = np.broadcast_to(where.centre[where.fixed], x[:, where.fixed].shape)
        is_active = ~np.isnan(x[:, where.fixed])
        np.testing.assert_array_equal(x[:, where.fixed][is_active], centre[is_active])
        assert len(imputed) or not problem.feasible().is_plain


@pytest.mark.parametrize("radius", [0, 2, 8])
def test_random_ones_lie_in_the_region(radius: int) -> None:
    rng = np.random.default_rng(0)
    centre = NUMBERS.at_levels(rng.integers(NUMBERS.n_levels))
    fixed = np.arange(8) < 3
    where = Where(centre, centre[None, :], fixed, radius)
    search = make_search(FeasibleSet(NUMBERS), where, centre[None, :], random_tables(NUMBERS, rng))
    x = search.occurring.coordinates(drawn(search, 500, rng))
    assert x.shape == (500, 8)
    distance = where.distance(x)
    assert distance.max() == min(radius, 5)
    np.testing.assert_array_equal(x[:, fixed], np.tile(centre[fixed], (500, 1)))
    if radius == 8:
        counts = [np.unique(column, return_counts=True)[1] for column in x[:, 3:].T]
        assert np.min(counts) > 60


def test_are_of_every_origin() -> None:
    rng = np.random.default_rng(1)
    tables = random_tables(NUMBERS, rng)
    problem = Problem(NUMBERS, [], ())
    observed, extra = (random_configurations(problem, n, rng) for n in (10, 6))
    search = make_search(FeasibleSet(NUMBERS), everywhere(NUMBERS, observed[0]), observed, tables)
    of_each = Settings(random_starts=2, incumbents=3, draws=0)
    places = annealed(search, SOLVER, of_each, 1, rng)
    found = search.occurring.coordinates(starts(search, places, extra, of_each, rng)).tolist()
    energies = tables.energies(np.array([NUMBERS.nearest_levels(x) for x in observed]))
    for best in observed[np.argsort(energies)[:3]].tolist():
        assert best in found
    energies = tables.energies(np.array([NUMBERS.nearest_levels(x) for x in extra]))
    for best in extra[np.argsort(energies)[:2]].tolist():
        assert best in found
    (read,) = SOLVER.reads(tables, 0).cases[:1]
    assert NUMBERS.at_levels(read).tolist() in found
    assert len(found) == 3 + 2 + 1 + 2


def test_incumbents_outside_of_the_region_are_none() -> None:
    rng = np.random.default_rng(0)
    observed = random_configurations(Problem(NUMBERS, [], ()), 20, rng)
    where = Where(observed[0], observed, np.zeros(8, dtype=bool), 3)
    search = make_search(FeasibleSet(NUMBERS), where, observed, random_tables(NUMBERS, rng))
    only = Settings(random_candidates=0, incumbents=20)
    found = search.occurring.coordinates(starts(search, NOTHING, observed[:0], only, rng))
    assert where.distance(observed).max() > 3
    inside = observed[where.distance(observed) <= 3]
    assert sorted(found.tolist()) == sorted(inside.tolist())


@pytest.mark.parametrize(("n", "many"), [(20, True), (3000, False)])
def test_are_few_where_a_step_of_a_climb_takes_long(n: int, many: bool) -> None:
    space = Space({f"x{i:02}": CategoricalDistribution(list("abcde")) for i in range(12)})
    rng = np.random.default_rng(0)
    tables = random_tables(space, rng)
    observed = np.repeat(random_configurations(Problem(space, [], ()), 20, rng), n // 20, axis=0)
    search = make_search(FeasibleSet(space), everywhere(space, observed[0]), observed, tables)
    places = annealed(search, make_solver("neal"), Settings(), 2, rng)
    found = starts(search, places, observed[:0], Settings(), rng)
    assert (len(found) > 3) is many
    # The best of them are kept.
    if not many:
        assert len(found) == 3
        energies = tables.energies(
            np.array([space.nearest_levels(x) for x in observed[:: n // 20]])
        )
        assert tables.energies(found).max() <= np.sort(energies)[2]
