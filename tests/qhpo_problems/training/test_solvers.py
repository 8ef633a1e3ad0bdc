"""The search of `cnn-digits` with samplers of every kind: annealers, a mock QPU, circuits."""

from __future__ import annotations

from typing import Any
from unittest import mock

import optuna
import pytest
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system.testing import MockDWaveSampler

from qhpo import QUBOSampler
from qhpo.problem import load_problem
from qhpo.study import spent
from tests.qhpo_problems.training.trials import shorten


def _mock_qpu(**config: Any) -> MockDWaveSampler:
    return MockDWaveSampler(
        topology_type="pegasus",
        topology_shape=[6],
        substitute_sampler=SimulatedAnnealingSampler(),
        substitute_kwargs={"beta_range": [0.1, 3.0], "num_sweeps": 100},
        parameter_warnings=False,
    )


@pytest.mark.parametrize("solver", ["neal", "tabu", "sqa", "qpu", "qaoa-cirq"])
def test_a_search_is_completed(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, 1)
    monkeypatch.setenv("DWAVE_API_TOKEN", "a-token-of-nobody")
    with mock.patch("dwave.system.DWaveSampler", _mock_qpu):
        study = optuna.create_study(sampler=QUBOSampler(seed=0, solver=solver, n_startup_trials=4))
        study.optimize(load_problem("cnn-digits").objective(0), n_trials=7)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 7
    reports = spent(study.trials)
    assert set(reports) == {solver}  # nobody had to take over
    assert reports[solver].calls >= 1
    assert reports[solver].valid_reads >= 1
    assert (reports[solver].qpu_seconds > 0.0) == (solver == "qpu")
