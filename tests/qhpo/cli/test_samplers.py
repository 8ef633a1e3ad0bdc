from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase

from qhpo.cli.samplers import WorkerSampler, build_sampler, check_sampler
from qhpo.errors import MissingExtraError, SolverError

KINDS = {"tpe": TPESampler, "gp": GPSampler, "random": RandomSampler}


class TestWorkerSampler(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: WorkerSampler(lambda first: TPESampler(n_startup_trials=1, seed=first))


def values(sampler: BaseSampler, n: int, study: optuna.Study | None = None) -> list[Any]:
    study = study or optuna.create_study()
    study.sampler = sampler
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=n)
    return [trial.params["x"] for trial in study.trials[-n:]]


@pytest.mark.parametrize("name", KINDS)
def test_a_new_study_is_what_the_seed_gives(name: str) -> None:
    sampler = build_sampler(name, "neal", seed=5, first_number=0)

    assert type(sampler) is KINDS[name]
    assert values(sampler, 3) == values(KINDS[name](seed=5), 3)


@pytest.mark.parametrize("name", KINDS)
def test_a_continued_study_does_not_start_over(name: str) -> None:
    again = values(build_sampler(name, "neal", seed=5, first_number=3), 3)

    assert not set(again) & set(values(build_sampler(name, "neal", seed=5, first_number=0), 3))
    assert again == values(build_sampler(name, "neal", seed=5, first_number=3), 3)


def test_two_workers_differ_from_their_first_trial_on() -> None:
    study = optuna.create_study()
    drawn = []
    for _ in range(2):
        worker = WorkerSampler(lambda first: build_sampler("random", "neal", 0, first))
        drawn += values(worker, 2, study)

    assert len(set(drawn)) == 4


def test_the_qubo_sampler_gets_the_study_s_seed() -> None:
    # It draws from the seed and the storage's content, so that another worker continues the same
    # search: the seed must not depend on the trial.
    from qhpo import QUBOSampler

    def third(first_number: int) -> Any:
        study = optuna.create_study()
        values(QUBOSampler(seed=7), 2, study)
        return values(build_sampler("qubo", "neal", 7, first_number), 1, study)

    assert third(0) == third(2)


def test_the_qubo_sampler_keeps_constraints_from_its_first_trial_on() -> None:
    from optuna.distributions import IntDistribution

    from qhpo.constraints import relation

    sampler = build_sampler(
        "qubo",
        "neal",
        seed=0,
        first_number=0,
        search_space={"a": IntDistribution(0, 3), "b": IntDistribution(0, 3)},
        constraints=[relation(("a", "b"), lambda a, b: a + b == 3)],
    )
    study = optuna.create_study(sampler=sampler)

    study.optimize(lambda trial: trial.suggest_int("a", 0, 3) - trial.suggest_int("b", 0, 3), 4)

    assert sorted(trial.params["a"] for trial in study.trials) == [0, 1, 2, 3]
    assert all(sum(trial.params.values()) == 3 for trial in study.trials)


def test_an_unknown_solver() -> None:
    with pytest.raises(SolverError, match=r"neal.*got 'nael'; did you mean 'neal'"):
        check_sampler("qubo", "nael")
    with pytest.raises(SolverError, match="see `qhpo solvers`"):
        build_sampler("qubo", "zzz", seed=0, first_number=0)


def test_gp_needs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )

    with pytest.raises(MissingExtraError, match=r"sampler gp .*torch.*qhpo\[torch\]"):
        check_sampler("gp", "neal")
    check_sampler("tpe", "neal")
