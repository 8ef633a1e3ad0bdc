"""Proposals from whole histories: legal, off what is taken, decided by the generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from qhpo.acquisition.proposal import Proposer

from qhpo.acquisition import Settings
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import make_solver
from qhpo.space import Space

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


def _history(space: Space, observe: Any, n: int, pending: int = 0, seed: int = 0) -> History:
    coordinates = observe(space, n, seed)
    values = ((coordinates - 0.6) ** 2).sum(axis=1)
    running = observe(space, pending, seed + 1) if pending else np.empty((0, len(space)))
    failed = observe(space, 2, seed + 2)
    taken = np.concatenate([coordinates, failed, running])
    return History(coordinates, values, running, taken)


def _ranked(space: Space, history: History, frozen: np.ndarray | None = None, seed: int = 0) -> Any:
    nothing = np.full(len(space), np.nan)
    proposer = Proposer(make_solver("neal"), 4, Settings())
    return proposer.ranked(
        FeasibleSet(space),
        history,
        nothing if frozen is None else frozen,
        np.random.default_rng(seed),
    )


@pytest.mark.parametrize(("n", "pending"), [(1, 0), (2, 1), (12, 0), (12, 3)])
def test_are_legal_and_not_taken(space: Space, observe: Any, n: int, pending: int) -> None:
    history = _history(space, observe, n, pending)
    proposals = _ranked(space, history)
    assert proposals.ndim == 2
    assert proposals.shape[1] == len(space)
    assert len(proposals) >= 1
    taken = {space.key(configuration) for configuration in history.taken}
    for proposal in proposals:
        for axis, coordinate in zip(space.axes, proposal.tolist(), strict=True):
            assert axis.contains(axis.value(coordinate))
            snapped = axis.snap(np.array([coordinate]))[0]
            assert snapped == pytest.approx(coordinate, abs=1e-12)
        assert space.key(proposal) not in taken


def test_keep_what_is_frozen(space: Space, observe: Any) -> None:
    history = _history(space, observe, 12, 2)
    frozen = observe(space, 1, 77)[0]
    frozen[1:] = np.nan
    for proposal in _ranked(space, history, frozen):
        assert proposal[0] == frozen[0]


def test_everything_frozen_leaves_one(space: Space, observe: Any) -> None:
    frozen = observe(space, 1, 77)[0]
    proposals = _ranked(space, _history(space, observe, 6), frozen)
    np.testing.assert_array_equal(proposals, np.tile(frozen, (len(proposals), 1)))


def test_generator_and_history_decide(space: Space, observe: Any) -> None:
    history = _history(space, observe, 8, 1)
    np.testing.assert_array_equal(_ranked(space, history), _ranked(space, history))


def test_a_used_proposer_proposes_what_a_fresh_one_does(space: Space, observe: Any) -> None:
    nothing = np.full(len(space), np.nan)
    used = Proposer(make_solver("neal"), 4, Settings())
    for n in (3, 9, 5, 9):
        history = _history(space, observe, n)
        proposals = used.ranked(FeasibleSet(space), history, nothing, np.random.default_rng(0))
        np.testing.assert_array_equal(proposals, _ranked(space, history))


def test_pending_configurations_are_kept_away_from(observe: Any) -> None:
    space = Space({"x": FloatDistribution(0, 1)})
    x = np.array([[0.0], [0.2], [0.4], [0.6], [0.8], [1.0]])
    values = np.abs(x[:, 0] - 0.5)
    alone = _ranked(space, History(x, values, x[:0], x))[0]
    running = alone[None, :]
    spread = _ranked(space, History(x, values, running, np.concatenate([x, running])))[0]
    assert abs(spread[0] - alone[0]) > 0.01


def test_infinite_values_are_avoided(observe: Any) -> None:
    space = Space({"kind": CategoricalDistribution(list("abcd")), "x": FloatDistribution(0, 1)})
    coordinates = observe(space, 24, 0)
    bad = coordinates[:, 0] == 1
    values = np.where(bad, np.inf, coordinates[:, 1])
    proposals = _ranked(space, History(coordinates, values, coordinates[:0], coordinates))
    assert proposals[0, 0] != 1


def test_the_solver_proposes(observe: Any) -> None:
    class Counting:
        name = "counting"
        is_costly = False
        calls = 0

        def reads(self, tables: Any, seed: int) -> Any:
            self.calls += 1
            return make_solver("exact").reads(tables, seed)

    space = Space({name: CategoricalDistribution(list("abc")) for name in "pqrst"})
    solver = Counting()
    proposer = Proposer(solver, 4, Settings())
    history = _history(space, observe, 8)
    nothing = np.full(len(space), np.nan)
    assert len(proposer.ranked(FeasibleSet(space), history, nothing, np.random.default_rng(0))) >= 1
    assert solver.calls >= 1


def test_polish_does_not_lead_back_to_what_is_taken(observe: Any) -> None:
    space = Space({"n": IntDistribution(0, 100), "m": IntDistribution(0, 50)})
    coordinates = observe(space, 8, 0)
    for seed in range(20):
        values = ((coordinates - 0.4) ** 2).sum(axis=1)
        history = History(coordinates, values, coordinates[:0], coordinates)
        proposals = _ranked(space, history, seed=seed)
        taken = {space.key(configuration) for configuration in coordinates}
        assert [space.decode(p) for p in proposals if space.key(p) in taken] == []
        coordinates = np.concatenate([coordinates, proposals[:1]])
