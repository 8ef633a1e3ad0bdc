"""Batches: one anneal for several trials, handed out in any process, and never a trial twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import optuna
import pytest
from dwave.samplers import SimulatedAnnealingSampler
from optuna.distributions import FloatDistribution
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from qhpo import QhpoError, QUBOSampler
from tests.qhpo.promises.cases import (
    CASES,
    LIGHT,
    Space,
    ask_all,
    count_feasible,
    keys,
    objective_of,
    score,
)

STARTUP = 4


class _Counting(dimod.Sampler):  # type: ignore[misc]
    """Counts calls."""

    def __init__(self) -> None:
        self.n_calls = 0

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(SimulatedAnnealingSampler().parameters)

    @property
    def properties(self) -> dict[str, Any]:
        return {}

    def sample(self, bqm: dimod.BinaryQuadraticModel, **parameters: Any) -> dimod.SampleSet:
        self.n_calls += 1
        return SimulatedAnnealingSampler().sample(bqm, **parameters)


def _sampler(space: Space | None = None, **arguments: Any) -> QUBOSampler:
    return QUBOSampler(
        space,
        **{
            "seed": 0,
            "batch_size": 5,
            "n_startup_trials": STARTUP,
            "_settings": LIGHT,
            **arguments,
        },
    )


def _rugged(trial: optuna.Trial) -> float:
    """Interactions that leave something to anneal."""
    names = "abcdefgh"
    x = [trial.suggest_categorical(name, [0, 1, 2]) for name in names]
    return float(sum(np.sin(3.0 * x[i] * x[i - 1] + i) + np.cos(i + x[i]) for i in range(len(x))))


def _ask_and_tell(study: optuna.Study, n: int, objective: Any = _rugged) -> None:
    trials = [study.ask() for _ in range(n)]
    for trial, value in [(trial, objective(trial)) for trial in trials]:
        study.tell(trial, value)


def test_one_anneal_serves_all_of_a_batch() -> None:
    solver = _Counting()
    study = optuna.create_study(sampler=_sampler(solver=solver))
    _ask_and_tell(study, STARTUP)
    calls = []
    for _ in range(4):
        before = solver.n_calls
        _ask_and_tell(study, 1)
        first, before = solver.n_calls - before, solver.n_calls
        _ask_and_tell(study, 4)
        calls.append((first, solver.n_calls - before))
    assert {rest for _, rest in calls} == {0}
    # A model that elimination solves needs no call.
    assert max(first for first, _ in calls) > 0
    assert len(set(keys(study))) == STARTUP + 20


@pytest.mark.parametrize("name", ["requires", "linear of floats", "subset"])
def test_all_keep_the_constraints_and_differ(name: str) -> None:
    space, rules, truth = CASES[name]
    study = optuna.create_study(sampler=_sampler(space, constraints=rules))
    n = int(min(22, count_feasible(space, truth)))
    study.optimize(objective_of(space), n_trials=n)
    assert [t.params for t in study.trials if not truth(t.params)] == []
    assert len(set(keys(study))) == n


def test_a_batch_is_asked_for_at_once_or_one_by_one() -> None:
    together, one_by_one = (optuna.create_study(sampler=_sampler()) for _ in range(2))
    for study in (together, one_by_one):
        for _ in range(STARTUP + 6):
            _ask_and_tell(study, 1)
    _ask_and_tell(together, 4)
    for _ in range(4):
        _ask_and_tell(one_by_one, 1)
    assert keys(together) == keys(one_by_one)


def test_another_sampler_takes_what_is_left() -> None:
    studies = []
    for n_samplers in (1, 2):
        solver = _Counting()
        study = optuna.create_study(sampler=_sampler(solver=solver))
        _ask_and_tell(study, STARTUP)
        _ask_and_tell(study, 2)
        if n_samplers == 2:
            solver = _Counting()
            study.sampler = _sampler(solver=solver)
        before = solver.n_calls
        _ask_and_tell(study, 3)
        assert solver.n_calls == before
        studies.append(keys(study))
    assert studies[0] == studies[1]


def test_the_rest_of_a_batch_keeps_away_from_the_first() -> None:
    space: Space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}

    def bowl(trial: optuna.Trial) -> float:
        params = ask_all(trial, space)
        return float((params["x"] - 0.4) ** 2 + (params["y"] - 0.6) ** 2)

    study = optuna.create_study(sampler=_sampler(n_startup_trials=8))
    _ask_and_tell(study, 8, bowl)
    _ask_and_tell(study, 5, bowl)
    found = np.array([[t.params["x"], t.params["y"]] for t in study.trials[8:]])
    apart = np.linalg.norm(found[:, None] - found, axis=2)[np.triu_indices(5, 1)]
    assert apart.min() > 0.01
    assert np.median(apart) > 0.05


def test_an_enqueued_trial_takes_nothing_of_a_batch() -> None:
    solver = _Counting()
    study = optuna.create_study(sampler=_sampler(solver=solver))
    _ask_and_tell(study, STARTUP)
    _ask_and_tell(study, 2)
    plain = optuna.create_study(sampler=_sampler())
    _ask_and_tell(plain, STARTUP)
    _ask_and_tell(plain, 2)
    study.enqueue_trial(dict.fromkeys("abcdefgh", 1))
    _ask_and_tell(study, 1)
    assert set(study.trials[-1].params.values()) == {1}
    for each in (study, plain):
        _ask_and_tell(each, 3)
    taken = [dict.fromkeys("abcdefgh", 1), *(t.params for t in plain.trials[-3:])]
    assert [t.params for t in study.trials[-3:]] == [p for p in taken[1:] if p != taken[0]][:3]


def test_what_was_cut_off_comes_before_the_batch() -> None:
    study = optuna.create_study(sampler=_sampler())
    _ask_and_tell(study, STARTUP)
    _ask_and_tell(study, 1)
    cut_off = study.ask()
    _rugged(cut_off)
    # What marks it is its storage, as after a crash.
    study._storage.set_trial_state_values(cut_off._trial_id, TrialState.FAIL)
    _ask_and_tell(study, 1)
    assert study.trials[-1].params == cut_off.params


def test_a_batch_of_long_ago_is_over() -> None:
    study = optuna.create_study(sampler=_sampler(batch_size=3))
    _ask_and_tell(study, STARTUP)
    _ask_and_tell(study, 1)
    left = optuna.create_study(sampler=_sampler(batch_size=3))
    _ask_and_tell(left, STARTUP)
    _ask_and_tell(left, 3)
    planned = [t.params for t in left.trials[-2:]]
    distributions = study.trials[0].distributions
    for k in range(7):
        params = {name: (k + i) % 3 for i, name in enumerate("abcdefgh")}
        assert params not in planned
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=distributions, value=50.0 + k)
        )
    solver = _Counting()
    study.sampler = _sampler(batch_size=3, solver=solver)
    _ask_and_tell(study, 1)
    assert solver.n_calls > 0 or study.trials[-1].params not in planned


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_threads_share_batches_without_repeats(kind: str, tmp_path: Path) -> None:
    storage: str | BaseStorage = InMemoryStorage()
    if kind == "sqlite":
        storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(sampler=_sampler(), storage=storage, study_name="s")
    barrier = threading.Barrier(2)

    def work() -> None:
        mine = optuna.load_study(study_name="s", storage=storage, sampler=_sampler())
        barrier.wait()
        mine.optimize(_rugged, n_trials=30, callbacks=[MaxTrialsCallback(24)])

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert len(done) >= 24
    assert len({tuple(sorted(t.params.items())) for t in done}) == len(done)


def test_the_last_of_a_small_space_end_a_batch() -> None:
    space: Space = {"x": optuna.distributions.IntDistribution(0, 8)}
    study = optuna.create_study(sampler=_sampler(space))
    study.optimize(lambda trial: score(ask_all(trial, space)), n_trials=9)
    assert sorted(t.params["x"] for t in study.trials) == list(range(9))


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2"])
def test_a_batch_has_a_whole_number_of_trials(wrong: Any) -> None:
    with pytest.raises(QhpoError, match="batch_size must be a whole number, 1 or more; got"):
        QUBOSampler(batch_size=wrong)
