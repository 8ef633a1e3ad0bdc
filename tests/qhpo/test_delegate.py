"""Samplers that leave the work to another one leave all of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
from optuna.samplers import BaseSampler

from qhpo.cli.samplers import WorkerSampler
from qhpo.delegate import DelegatingSampler
from qhpo.timing import TimedSampler

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
