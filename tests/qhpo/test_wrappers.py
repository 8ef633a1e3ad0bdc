"""Samplers that leave the work to another one leave all of it, and time it where they say so."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler

from qhpo.cli.samplers import WorkerSampler
from qhpo.wrappers import CPU_SECONDS, WALL_SECONDS, DelegatingSampler, TimedSampler

CALLS = sorted(
    name for name, _ in inspect.getmembers(BaseSampler, inspect.isfunction) if name[0] != "_"
)
KINDS: dict[str, Callable[[BaseSampler], DelegatingSampler]] = {
    "plain": DelegatingSampler,
    "timed": TimedSampler,
    "worker": lambda sampler: WorkerSampler(lambda first: sampler),
}


@pytest.fixture
def delegate() -> Any:
    return MagicMock(spec=BaseSampler)


@pytest.fixture(params=KINDS)
def sampler(request: pytest.FixtureRequest, delegate: Any) -> DelegatingSampler:
    made = KINDS[request.param](delegate)
    made.before_trial(MagicMock(), MagicMock())
    delegate.reset_mock()
    return made


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_passed_on(sampler: DelegatingSampler, delegate: Any, name: str) -> None:
    n_arguments = len(inspect.signature(getattr(sampler, name)).parameters)
    arguments = [MagicMock() for _ in range(n_arguments)]
    answer = getattr(sampler, name)(*arguments)
    getattr(delegate, name).assert_called_once_with(*arguments)
    assert len(delegate.method_calls) == 1
    if name.startswith(("infer", "sample")):
        assert answer is getattr(delegate, name).return_value


def test_the_name_is_that_of_the_sampler_that_works(
    sampler: DelegatingSampler, delegate: Any
) -> None:
    delegate.__str__.return_value = "TPESampler"
    assert str(sampler) == "TPESampler"


class Sleeper(RandomSampler):
    """Sleeps in every call that concerns a trial, and works in one of them."""

    def before_trial(self, *args: Any) -> None:
        time.sleep(0.02)

    def infer_relative_search_space(self, *args: Any) -> dict[str, Any]:
        time.sleep(0.02)
        return {}

    def sample_relative(self, *args: Any) -> dict[str, Any]:
        time.sleep(0.02)
        return {}

    def sample_independent(self, study: optuna.Study, trial: Any, *args: Any) -> Any:
        end = time.thread_time() + 0.02 * trial.number
        while time.thread_time() < end:
            pass
        time.sleep(0.02)
        return super().sample_independent(study, trial, *args)

    def after_trial(self, *args: Any) -> None:
        time.sleep(0.02)


def test_every_call_is_timed_and_the_objective_is_not() -> None:
    study = optuna.create_study(sampler=TimedSampler(Sleeper(seed=0)))

    def objective(trial: optuna.Trial) -> float:
        time.sleep(0.1)
        return trial.suggest_float("x", 0.0, 1.0)

    study.optimize(objective, n_trials=2)

    for trial in study.trials:
        cpu, wall = trial.system_attrs[CPU_SECONDS], trial.system_attrs[WALL_SECONDS]
        assert trial.duration is not None
        worked, slept, trained, rounding = 0.02 * trial.number, 0.1, 0.1, 0.01
        assert worked <= cpu <= wall - slept + rounding
        assert worked + slept <= wall <= trial.duration.total_seconds() - trained + rounding
