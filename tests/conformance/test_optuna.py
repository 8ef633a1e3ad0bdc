"""Optuna's own suites for samplers, and what they leave out: determinism, resuming, workers."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from qhpo import QUBOSampler

Factory = Callable[[], BaseSampler]


class TestBasic(BasicSamplerTestCase):
    @pytest.fixture(params=[0, 1, 10], ids=lambda n: f"{n} startup trials")
    def sampler(self, request: pytest.FixtureRequest) -> Factory:
        return lambda: QUBOSampler(seed=0, n_startup_trials=request.param)


class TestRelative(RelativeSamplerTestCase):
    @pytest.fixture(params=[0, 1], ids=lambda n: f"{n} startup trials")
    def sampler(self, request: pytest.FixtureRequest) -> Factory:
        return lambda: QUBOSampler(seed=0, n_startup_trials=request.param)


class TestMultiObjective(MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=[0, 1], ids=lambda n: f"{n} startup trials")
    def sampler(self, request: pytest.FixtureRequest) -> Factory:
        return lambda: QUBOSampler(seed=0, n_startup_trials=request.param)


SPACE: dict[str, BaseDistribution] = {
    "depth": IntDistribution(1, 6),
    "drop": FloatDistribution(0.0, 0.9, step=0.1),
    "kind": CategoricalDistribution(["relu", "gelu", None, True]),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
}
DECLARED = pytest.mark.parametrize("declared", [None, SPACE], ids=["inferred", "declared"])


def objective(trial: optuna.Trial) -> float:
    depth = trial.suggest_int("depth", 1, 6)
    drop = trial.suggest_float("drop", 0.0, 0.9, step=0.1)
    kind = trial.suggest_categorical("kind", ["relu", "gelu", None, True])
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    return (depth - 4) ** 2 + (drop - 0.3) ** 2 + (kind is not None) + abs(rate - 1e-3) * 100


def _params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def _run(
    n_trials: int,
    function: Callable[[optuna.Trial], float] = objective,
    direction: str = "minimize",
    storage: BaseStorage | None = None,
    **arguments: Any,
) -> list[dict[str, Any]]:
    arguments = {"seed": 3, "n_startup_trials": 4, **arguments}
    sampler = QUBOSampler(**arguments)
    study = optuna.create_study(sampler=sampler, direction=direction, storage=storage)
    study.optimize(function, n_trials=n_trials)
    return _params(study)


def _make_storage(kind: str, folder: Path) -> BaseStorage:
    if kind == "memory":
        return InMemoryStorage()
    if kind == "sqlite":
        return RDBStorage(f"sqlite:///{folder / 'study.db'}")
    return JournalStorage(JournalFileBackend(str(folder / "study.log")))


class TestDeterminism:
    @DECLARED
    def test_the_same_seed_gives_the_same_trials(self, declared: Any) -> None:
        one, other = (_run(16, search_space=declared) for _ in range(2))
        assert one == other

    def test_another_seed_gives_others(self) -> None:
        assert _run(12, seed=1) != _run(12, seed=2)
        assert _run(2, seed=None) != _run(2, seed=None)

    def test_the_storage_does_not_matter(self, tmp_path: Path) -> None:
        kinds = ("memory", "sqlite", "journal")
        memory, sqlite, journal = (
            _run(12, storage=_make_storage(kind, tmp_path), search_space=SPACE) for kind in kinds
        )
        assert memory == sqlite == journal

    def test_maximizing_is_minimizing_the_negative(self) -> None:
        def negative(trial: optuna.Trial) -> float:
            return -objective(trial)

        assert _run(16, negative, "maximize") == _run(16)

    def test_reseeding_changes_nothing(self) -> None:
        def reseeding(trial: optuna.Trial) -> float:
            trial.study.sampler.reseed_rng()
            return objective(trial)

        assert _run(12, reseeding) == _run(12)

    def test_the_global_generators_are_neither_used_nor_moved(self) -> None:
        import random

        import numpy as np

        state, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        one = _run(8)
        assert random.getstate() == state
        assert np.random.get_state()[1].tolist() == legacy[1].tolist()  # type: ignore[index] # noqa: NPY002
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        assert _run(8) == one

    def test_the_order_in_which_parameters_are_declared_does_not_matter(self) -> None:
        backwards = dict(reversed(SPACE.items()))
        assert _run(10, search_space=SPACE) == _run(10, search_space=backwards)


class TestResuming:
    @DECLARED
    def test_a_fresh_sampler_goes_on_where_the_old_one_stopped(self, declared: Any) -> None:
        study = optuna.create_study()
        for _ in range(16):
            study.sampler = QUBOSampler(declared, seed=3, n_startup_trials=4)
            study.optimize(objective, n_trials=1)
        assert _params(study) == _run(16, search_space=declared)

    @pytest.mark.parametrize("kind", ["sqlite", "journal"])
    def test_a_loaded_study_goes_on_too(self, kind: str, tmp_path: Path) -> None:
        for n_trials in (7, 5):
            study = optuna.create_study(
                study_name="study",
                storage=_make_storage(kind, tmp_path),
                sampler=QUBOSampler(seed=3, n_startup_trials=4),
                load_if_exists=True,
            )
            study.optimize(objective, n_trials=n_trials)
        assert _params(study) == _run(12)

    @pytest.mark.parametrize("n_before", [0, 2, 9])
    @DECLARED
    def test_a_pickled_sampler_suggests_what_the_original_would(
        self, n_before: int, declared: Any
    ) -> None:
        sampler = QUBOSampler(declared, seed=3, n_startup_trials=4)
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=n_before)
        study.sampler = pickle.loads(pickle.dumps(sampler))
        study.optimize(objective, n_trials=12 - n_before)
        assert _params(study) == _run(12, search_space=declared)

    def test_one_sampler_serves_study_after_study(self) -> None:
        sampler = QUBOSampler(SPACE, seed=3, n_startup_trials=4)
        for _ in range(2):
            # Trials of different in-memory studies share their identifiers.
            optuna.create_study(sampler=sampler).optimize(
                lambda trial: -objective(trial), n_trials=10
            )
            study = optuna.create_study(sampler=sampler)
            study.optimize(objective, n_trials=12)
            assert _params(study) == _run(12, search_space=SPACE)


def _python(code: str, *arguments: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _outputs(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


ASK = """
import json, sys, optuna
from optuna.distributions import json_to_distribution
from qhpo import QUBOSampler
space = {name: json_to_distribution(text) for name, text in json.loads(sys.argv[2]).items()}
study = optuna.load_study(
    study_name="study", storage=sys.argv[1], sampler=QUBOSampler(seed=3, n_startup_trials=4)
)
print(json.dumps([study.ask(space).params for _ in range(2)]))
"""

WORK = """
import sys, optuna
from qhpo import QUBOSampler
from optuna.distributions import CategoricalDistribution
space = {"a": CategoricalDistribution(list("abcd")), "b": CategoricalDistribution(list("xyz")),
         "c": CategoricalDistribution([True, False])}
sampler = QUBOSampler(space, seed=int(sys.argv[2]), n_startup_trials=4)
study = optuna.load_study(study_name="study", storage=sys.argv[1], sampler=sampler)
def objective(trial):
    params = {name: trial.suggest_categorical(name, d.choices) for name, d in space.items()}
    return (params["a"] != "b") + (params["b"] != "z") + params["c"]
study.optimize(objective, n_trials=8)
"""


class TestProcesses:
    def test_another_process_with_another_hash_seed_suggests_the_same(self, tmp_path: Path) -> None:
        asked = []
        space = {name: optuna.distributions.distribution_to_json(d) for name, d in SPACE.items()}
        for hash_seed in ("1", "2"):
            folder = tmp_path / hash_seed
            folder.mkdir()
            storage = _make_storage("sqlite", folder)
            sampler = QUBOSampler(seed=3, n_startup_trials=4)
            study = optuna.create_study(study_name="study", storage=storage, sampler=sampler)
            study.optimize(objective, n_trials=9)
            url = f"sqlite:///{folder / 'study.db'}"
            process = _python(ASK, url, json.dumps(space), hash_seed=hash_seed)
            asked.append(json.loads(_outputs(process)[0]))
        assert asked[0] == asked[1]
        # Nor does it matter that a process of its own asked, and which storage it read.
        memory = optuna.create_study(sampler=QUBOSampler(seed=3, n_startup_trials=4))
        memory.optimize(objective, n_trials=9)
        assert asked[0] == [memory.ask(SPACE).params for _ in range(2)]

    @pytest.mark.parametrize("same_seed", [True, pytest.param(False, marks=pytest.mark.slow)])
    def test_parallel_processes_share_a_space_out(self, tmp_path: Path, same_seed: bool) -> None:
        url = f"sqlite:///{tmp_path / 'study.db'}"
        study = optuna.create_study(study_name="study", storage=url)
        workers = [_python(WORK, url, str(0 if same_seed else worker)) for worker in range(3)]
        for worker in workers:
            assert "has been tried" not in _outputs(worker)[1]
        configurations = {tuple(sorted(params.items())) for params in _params(study)}
        assert len(study.trials) == len(configurations) == 24


class TestThreads:
    SPACE = {  # noqa: RUF012
        "a": CategoricalDistribution(list("abcd")),
        "b": CategoricalDistribution(list("xyz")),
        "c": IntDistribution(0, 1),
    }

    @pytest.mark.parametrize("n_startup_trials", [0, 5])
    def test_parallel_threads_share_a_space_out(self, n_startup_trials: int) -> None:
        sampler = QUBOSampler(self.SPACE, seed=0, n_startup_trials=n_startup_trials)
        study = optuna.create_study(sampler=sampler)

        def function(trial: optuna.Trial) -> float:
            a = trial.suggest_categorical("a", list("abcd"))
            b = trial.suggest_categorical("b", list("xyz"))
            return (a != "c") + (b != "y") + trial.suggest_int("c", 0, 1)

        study.optimize(function, n_trials=24, n_jobs=4)
        assert all(trial.state.name == "COMPLETE" for trial in study.trials)
        assert len({tuple(sorted(params.items())) for params in _params(study)}) == 24

    def test_a_batch_of_asked_trials_does_not_repeat(self) -> None:
        study = optuna.create_study(sampler=QUBOSampler(self.SPACE, seed=0, n_startup_trials=2))
        for _ in range(3):
            trial = study.ask(self.SPACE)
            study.tell(trial, float(trial.params["c"]))
        batch = [study.ask(self.SPACE) for _ in range(21)]
        assert len({tuple(sorted(params.items())) for params in _params(study)}) == 24
        assert {trial.number for trial in batch} == set(range(3, 24))

    def test_running_trials_are_known_before_they_ask_for_everything(self) -> None:
        study = optuna.create_study(sampler=QUBOSampler(self.SPACE, seed=0, n_startup_trials=2))
        trials = [study.ask() for _ in range(24)]
        for trial in trials:
            trial.suggest_categorical("a", list("abcd"))
        for trial in trials:
            trial.suggest_categorical("b", list("xyz"))
            trial.suggest_int("c", 0, 1)
        assert len({tuple(sorted(params.items())) for params in _params(study)}) == 24
