"""Studies whose cloud solver fails or has spent its budget: no trial is lost, no token is shown."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import dimod
import numpy as np
import optuna
import pytest
from dwave.cloud.exceptions import (
    PollingTimeout,
    RequestTimeout,
    SolverFailureError,
    SolverNotFoundError,
    SolverOfflineError,
)
from dwave.system.testing import MockDWaveSampler
from minorminer.busclique import busgraph_cache

from qhpo import QUBOSampler
from qhpo.encoding import DenseDQM
from qhpo.solvers import Reads, make_solver

SECONDS = 8550.28e-6
"""QPU access time that the mock reports for every call."""


class Machine(MockDWaveSampler):
    """A mock whose calls may fail, where a real one's do: when the answer is looked at.

    Args:
        failures: What each call in turn raises; None for a call that succeeds, and after the last.
    """

    def __init__(self, *failures: BaseException | None) -> None:
        super().__init__(
            topology_type="zephyr",
            topology_shape=[2, 4],
            exact_solver_cutoff=0,
            parameter_warnings=False,
        )
        self.calls = 0
        self._failures = failures

    def sample(self, bqm: Any, **parameters: Any) -> dimod.SampleSet:
        number, self.calls = self.calls, self.calls + 1
        failure = self._failures[number] if number < len(self._failures) else None

        def resolve(answer: Any) -> dimod.SampleSet:
            if failure is not None:
                raise failure
            return answer

        answer = super().sample(bqm, **parameters)
        return dimod.SampleSet.from_future(answer, resolve)


WEIGHTS = np.random.default_rng(0).standard_normal((6, 3, 6, 3))


def objective(trial: optuna.Trial) -> float:
    """Nothing but interactions, so that elimination leaves some of most models.

    Models of a separable function, or of few parameters, are solved by it and not sent.
    """
    x = [trial.suggest_categorical(f"x{i}", [0, 1, 2]) for i in range(6)]
    return sum(float(WEIGHTS[i, x[i], j, x[j]]) for i in range(6) for j in range(i))


def run(
    storage: Any, n_trials: int, machine: Callable[..., Any] | Machine, **options: Any
) -> optuna.Study:
    """Continues the study of that storage, as a new process would."""
    study = optuna.create_study(
        storage=storage,
        study_name="cloud",
        load_if_exists=True,
        sampler=QUBOSampler(seed=0, solver="qpu", n_startup_trials=3, **options),
    )
    name = "dwave.system.DWaveSampler"
    behaviour = (
        {"return_value": machine} if isinstance(machine, Machine) else {"side_effect": machine}
    )
    with mock.patch(name, **behaviour):
        study.optimize(objective, n_trials=n_trials)
    return study


def anneals(study: optuna.Study) -> list[dict[str, Any]]:
    """Of the trials after the startup."""
    return [trial.user_attrs["qhpo:anneals"] for trial in study.trials[3:]]


def calls_of(anneal: dict[str, Any]) -> int:
    """Models that were sent for a trial: not those that elimination solved."""
    return int(anneal.get("qpu", {"calls": 0})["calls"])


def assert_nothing_lost(study: optuna.Study, n_trials: int) -> None:
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * n_trials
    assert len({tuple(trial.params.items()) for trial in study.trials}) == n_trials


def everything(study: optuna.Study, caplog: pytest.LogCaptureFixture) -> str:
    """All that a study leaves behind."""
    attributes = [trial.user_attrs | trial.system_attrs for trial in study.trials]
    return caplog.text + json.dumps(attributes) + json.dumps(study.user_attrs)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "qhpo" and record.levelno >= logging.WARNING
    ]


FAILURES = {
    "no answer in time": (RequestTimeout(), "RequestTimeout"),
    "no network": (ConnectionError("no route to the service"), "no route to the service"),
    "rejected": (SolverFailureError("Problem not accepted because of reasons"), "not accepted"),
    "offline": (SolverOfflineError("the solver is offline"), "offline"),
    "stuck in the queue": (PollingTimeout(), "polling_timeout"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_fails(
    failure: str, credentials: str, caplog: pytest.LogCaptureFixture
) -> None:
    error, said = FAILURES[failure]
    machine = Machine(error)
    study = run(None, 8, machine)
    assert_nothing_lost(study, 8)
    first, *rest = anneals(study)
    # One trial is done by neal, then the QPU is asked again.
    assert calls_of(first) == 0
    assert said in first["neal"]["fallback"]
    assert all(set(anneal) == {"qpu"} for anneal in rest)
    assert all(calls_of(anneal) >= 1 for anneal in rest)
    assert all("fallback" not in anneal["qpu"] for anneal in rest)
    (line,) = warnings_of(caplog)
    assert line.startswith("the solver qpu: ")
    assert line.endswith("; neal takes over")
    assert said in line
    assert credentials not in everything(study, caplog)


@pytest.mark.parametrize(
    "error", [SolverNotFoundError("no solver of that name"), RequestTimeout(), ValueError("what?")]
)
def test_a_service_that_is_not_there(
    error: Exception, credentials: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def refuse(**config: Any) -> Any:
        asked.append(config)
        raise error

    study = run(None, 10, refuse)
    assert_nothing_lost(study, 10)
    assert sum(map(calls_of, anneals(study))) == 0
    assert all(type(error).__name__ in a["neal"]["fallback"] for a in anneals(study))
    # Three suggestions in a row; then it is left alone.
    assert len(asked) == 3
    first, last = warnings_of(caplog)
    assert "it is not asked again" not in first
    assert "it is not asked again" in last


def test_an_error_that_shows_the_token(credentials: str, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(ConnectionError(f"{{'X-Auth-Token': '{credentials}'}} was refused"))
    study = run(None, 6, machine)
    assert_nothing_lost(study, 6)
    first = anneals(study)[0]["neal"]["fallback"]
    assert "***" in first
    assert "was refused" in first
    (line,) = warnings_of(caplog)
    assert "***" in line
    assert credentials not in everything(study, caplog)


@pytest.mark.parametrize("encoding", ["domain-wall", "one-hot"])
def test_a_model_that_does_not_fit_is_cut(
    encoding: str, credentials: str, caplog: pytest.LogCaptureFixture
) -> None:
    def wide(trial: optuna.Trial) -> float:
        x = [trial.suggest_int(f"x{i}", 0, 9) for i in range(12)]
        return float(sum((-1) ** i * a * b for i, (a, b) in enumerate(itertools.pairwise(x))))

    machine = Machine()
    with mock.patch("dwave.system.DWaveSampler", return_value=machine):
        study = optuna.create_study(
            sampler=QUBOSampler(seed=0, solver="qpu", encoding=encoding, n_startup_trials=3)
        )
        study.optimize(wide, n_trials=8)
    assert_nothing_lost(study, 8)
    assert all(set(anneal) == {"qpu"} for anneal in anneals(study))
    assert sum(map(calls_of, anneals(study))) == machine.calls >= 1
    largest = len(busgraph_cache(machine.to_networkx_graph()).largest_clique())
    bits = max(anneal["qpu"]["variables"] for anneal in anneals(study))
    # Of 120 bits of one-hot and 108 of domain walls; the last one of one-hot may be unused.
    assert bits in (largest, largest - (encoding == "one-hot"))
    assert warnings_of(caplog) == []


class Counting:
    """Counts the models that it is asked for."""

    name = "counting"

    def __init__(self, is_costly: bool) -> None:
        self.is_costly = is_costly
        self.asked = 0
        self._solver = make_solver("neal")

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        self.asked += 1
        return self._solver.reads(tables, seed)


@pytest.mark.parametrize("is_costly", [True, False])
def test_a_remote_solver_is_asked_for_few_models(is_costly: bool) -> None:
    """A mean and a draw; where models cost nothing, more of both."""
    solver = Counting(is_costly)
    study = optuna.create_study(sampler=QUBOSampler(seed=0, solver=solver, n_startup_trials=3))
    asked = []
    for _ in range(9):
        before = solver.asked
        study.optimize(objective, n_trials=1)
        asked.append(solver.asked - before)
    assert asked[:3] == [0, 0, 0]
    if is_costly:
        assert all(1 <= n <= 2 for n in asked[3:])
    else:
        assert max(asked) > 2


@pytest.mark.parametrize("encoding", ["domain-wall", "one-hot"])
def test_a_qpu_is_called_at_most_twice_for_a_trial(encoding: str, credentials: str) -> None:
    machine = Machine()
    study = run(None, 12, machine, encoding=encoding)
    calls = [calls_of(anneal) for anneal in anneals(study)]
    assert sum(calls) == machine.calls
    assert max(calls) in (1, 2)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'cloud.db'}"


def test_calls_are_budgeted_over_runs(
    credentials: str, storage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Machine(), Machine()
    run(storage, 5, first, max_calls=12)
    assert 1 <= first.calls < 12
    study = run(storage, 13, second, max_calls=12)
    assert_nothing_lost(study, 18)
    assert first.calls + second.calls == 12
    assert sum(a["qpu"]["calls"] for a in anneals(study) if "qpu" in a) == 12
    assert set(anneals(study)[-1]) == {"neal"}
    assert anneals(study)[-1]["neal"]["fallback"] == "the budget of 12 calls is spent"
    assert warnings_of(caplog) == [
        "the solver qpu: the budget of 12 calls is spent; neal takes over"
    ]


def test_qpu_time_is_budgeted_over_runs(
    credentials: str, storage: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Machine(), Machine()
    budget = 11.5 * SECONDS
    run(storage, 5, first, qpu_seconds=budget)
    assert 1 <= first.calls < 12
    study = run(storage, 13, second, qpu_seconds=budget)
    assert_nothing_lost(study, 18)
    # The call that exceeds it is the last one.
    assert first.calls + second.calls == 12
    spent = sum(a["qpu"]["qpu_seconds"] for a in anneals(study) if "qpu" in a)
    assert spent == pytest.approx(12 * SECONDS)
    assert "s of QPU time is spent" in anneals(study)[-1]["neal"]["fallback"]
    assert len(warnings_of(caplog)) == 1
