"""Who knows what beforehand, and what the peers make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import RandomSampler

from qhpo_problems.benchmarks.sampling.transfer import histories as known
from qhpo_problems.benchmarks.sampling.transfer.enqueued import (
    GivenFirst,
    best_on_average,
    bests,
)
from qhpo_problems.benchmarks.sampling.transfer.histories import (
    FAMILIES,
    histories,
    load,
    unrelated,
)
from qhpo_problems.benchmarks.sampling.transfer.rgpe import RGPESampler, _Process, _weights
from qhpo_problems.benchmarks.sampling.transfer.suite import SUITE
from qhpo_problems.benchmarks.suite import Task


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_TRIALS", 15)
    known._study.cache_clear()
    yield
    known._study.cache_clear()


def test_a_history_is_of_the_other_tables_of_a_family() -> None:
    studies = histories("car", 0)
    names = [study.study_name for study in studies]
    assert len(names) == 7
    assert "car" not in names
    assert all(FAMILIES[name] == "HPOBench" for name in names)
    for study in studies:
        table = load(study.study_name)
        trial = study.trials[3]
        assert trial.value == table.objective(optuna.trial.FixedTrial(trial.params))
    # A run has the same ones again, and another seed has others.
    assert histories("car", 0)[0].trials[9].params == studies[0].trials[9].params
    assert histories("car", 1)[0].trials[9].params != studies[0].trials[9].params


def test_an_unrelated_table_has_the_values_of_another_at_other_places() -> None:
    (study,) = unrelated("car", 0)
    other = load("phoneme")
    found = {trial.value for trial in study.trials}
    assert found <= set(other.values.ravel().tolist())
    there = [other.objective(optuna.trial.FixedTrial(t.params)) for t in study.trials]
    assert there != [trial.value for trial in study.trials]


def test_bests_come_first_and_once() -> None:
    studies = histories("car", 0)
    first = bests([studies[0], studies[1], studies[0]])
    sampler = GivenFirst(RandomSampler(seed=0), first)
    study = optuna.create_study(sampler=sampler)
    study.optimize(load("car").objective, n_trials=4)
    assert [t.params for t in study.trials[:2]] == [s.best_params for s in studies[:2]]
    assert study.trials[2].params not in [s.best_params for s in studies[:2]]


@pytest.mark.parametrize("name", ["car", "cora"])
def test_the_best_on_average_of_a_table_alone_are_its_best(name: str) -> None:
    table = load(name)
    found = best_on_average([table], 20)
    values = [table.objective(optuna.trial.FixedTrial(params)) for params in found]
    assert values == np.sort(table.values, axis=None)[:20].tolist()
    # Another table that has the opposite order leaves nothing to choose.
    opposite = replace(table, values=-table.values)
    assert best_on_average([table, opposite], 3) != found[:3]


@pytest.mark.parametrize("name", SUITE.methods)
def test_every_method_runs_and_is_the_same_again(name: str) -> None:
    task = Task(name, SUITE.methods[name], "car", 0, 6)
    rows, again = SUITE.measure(task), SUITE.measure(task)
    assert len(rows) == 6
    assert [row["value"] for row in rows] == [row["value"] for row in again]


class TestRGPE:
    def test_the_one_that_ranks_right_has_the_weight(self) -> None:
        y = np.arange(8.0)
        sure = np.full(8, 1e-3)
        weights = _weights([(y, sure), (-y, sure)], (np.zeros(8), np.ones(8)), y)
        assert weights.tolist() == [1.0, 0.0, 0.0]
        # Where the study's own is as good, it is taken.
        assert _weights([(y, sure)], (y, sure), y).tolist() == [0.0, 1.0]

    def test_left_out_is_what_a_process_without_the_trial_says(self) -> None:
        rng = np.random.default_rng(0)
        x, y = rng.random((9, 2)), rng.standard_normal(9)
        whole = _Process.fitted(x, y)
        mean, deviation = whole.left_out(y)
        from sklearn.gaussian_process import GaussianProcessRegressor

        standard = (y - whole.mean) / whole.scale
        for i in range(9):
            rest = np.arange(9) != i
            kernel: Any = whole.regressor.kernel_
            one = GaussianProcessRegressor(kernel, optimizer=None).fit(x[rest], standard[rest])
            expected = one.predict(x[i : i + 1])[0]
            assert mean[i] == pytest.approx(expected, abs=1e-6)
        assert (deviation > 0).all()

    def test_nothing_is_repeated(self) -> None:
        table = load("car")
        sampler = RGPESampler(dict(table.search_space), histories("car", 0), 0)
        study = optuna.create_study(sampler=sampler)
        study.optimize(table.objective, n_trials=8)
        assert len({tuple(t.params.values()) for t in study.trials}) == 8
