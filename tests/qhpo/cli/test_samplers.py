from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase

from qhpo.cli import main
from qhpo.cli.samplers import WorkerSampler, build_sampler
from qhpo.cli.studies import Choices
from qhpo.problem import Problem

PROBLEM = Problem("line", "", "minimize", lambda seed: lambda trial: trial.number)
KINDS = {"tpe": TPESampler, "gp": GPSampler, "random": RandomSampler}


class TestWorkerSampler(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: WorkerSampler(lambda first: TPESampler(n_startup_trials=1, seed=first))


def build(name: str, seed: int, first_number: int = 0) -> BaseSampler:
    return build_sampler(PROBLEM, Choices(name, "neal", seed), first_number)


def values(sampler: BaseSampler, n: int, study: optuna.Study | None = None) -> list[Any]:
    study = study or optuna.create_study()
    study.sampler = sampler
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=n)
    return [trial.params["x"] for trial in study.trials[-n:]]


@pytest.mark.parametrize("name", KINDS)
def test_a_new_study_is_what_the_seed_gives(name: str) -> None:
    sampler = build(name, seed=5)

    assert type(sampler) is KINDS[name]
    assert values(sampler, 3) == values(KINDS[name](seed=5), 3)


@pytest.mark.parametrize("name", KINDS)
def test_a_continued_study_does_not_start_over(name: str) -> None:
    again = values(build(name, seed=5, first_number=3), 3)

    assert not set(again) & set(values(build(name, seed=5), 3))
    assert again == values(build(name, seed=5, first_number=3), 3)


def test_two_workers_differ_from_their_first_trial_on() -> None:
    study = optuna.create_study()
    drawn = []
    for _ in range(2):
        worker = WorkerSampler(lambda first: build("random", 0, first))
        drawn += values(worker, 2, study)

    assert len(set(drawn)) == 4


def test_the_qubo_sampler_gets_the_study_s_seed() -> None:
    # It draws from the seed and the storage's content, so that another worker continues the same
    # search: the seed must not depend on the trial.
    from qhpo import QUBOSampler

    def third(first_number: int) -> Any:
        study = optuna.create_study()
        values(QUBOSampler(seed=7), 2, study)
        return values(build("qubo", 7, first_number), 1, study)

    assert third(0) == third(2)


def test_gp_needs_torch(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed

    assert main(["run", "parabola", "--sampler", "gp"]) == 2

    err = capsys.readouterr().err
    assert err.startswith("qhpo: the sampler gp needs the package torch, which is not installed;")
    assert 'pip install "qhpo[torch]"' in err
    assert main(["run", "parabola", "--sampler", "tpe", "--trials", "1"]) == 0
