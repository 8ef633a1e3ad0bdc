"""Batches are asked for whole, and told whole."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.samplers import RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo_problems.benchmarks.sampling.batches import SUITE, InBatches
from qhpo_problems.benchmarks.sampling.tables import small
from qhpo_problems.benchmarks.sampling.trials import run_trials
from qhpo_problems.benchmarks.suite import Task


class _Watching(RandomSampler):
    """Notes how many trials have ended, and how many run, whenever one is asked for."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seen: list[tuple[int, int]] = []

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        states = [each.state for each in study.get_trials(deepcopy=False)]
        self.seen.append((states.count(TrialState.COMPLETE), states.count(TrialState.RUNNING) - 1))


@pytest.mark.parametrize(
    ("at_once", "seen"),
    [
        (1, [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        (3, [(0, 0), (0, 1), (0, 2), (3, 0), (3, 1)]),
        (9, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]),
    ],
)
def test_none_is_told_before_all_are_asked_for(at_once: int, seen: list[tuple[int, int]]) -> None:
    samplers: list[_Watching] = []

    def make(seed: int) -> _Watching:
        samplers.append(_Watching(seed))
        return samplers[-1]

    rows = run_trials(small()[0], InBatches(make, at_once), seed=0, trials=5, at_once=at_once)
    assert len(rows) == 5
    assert samplers[0].seen == seen


@pytest.mark.parametrize("name", ["qubo:5", "qubo-alone:5", "tpe:10"])
def test_methods_do_as_they_are_called(name: str) -> None:
    method: Any = SUITE.methods[name]
    assert method.at_once == int(name.partition(":")[2])
    task = Task(name, method, "segment", 0, 12)
    rows = SUITE.measure(task)
    assert len(rows) == 12
    assert {**rows[-1], "cpu_seconds": 0} == {**SUITE.measure(task)[-1], "cpu_seconds": 0}


def test_a_function_has_an_instance_for_each_seed() -> None:
    first, second = (
        SUITE.measure(Task("random", SUITE.methods["random"], "bbob-d5-f2", seed, 3))
        for seed in (0, 1)
    )
    assert [row["value"] for row in first] != [row["value"] for row in second]
