"""A benchmark with no more than four solutions."""

from __future__ import annotations

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import BaseTrial

from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration


class Four(Benchmark[int]):
    """A number from 0 to 3 that must not be 0 or 3; asked for in two ways."""

    name = "four"
    trials = 6
    checkpoints = (2, 4)
    reference_name = "the worst number"
    description = "a number"
    optimum = 5.0
    reference = 15.0

    def declaration(self) -> Declaration:
        return Declaration({"declared": IntDistribution(1, 2)})

    def suggest(self, trial: BaseTrial) -> int:
        return trial.suggest_int("plain", 0, 3)

    def suggest_declared(self, trial: BaseTrial) -> int:
        return trial.suggest_int("declared", 1, 2)

    def violations(self, solution: int) -> dict[str, float]:
        return {"low": 1 - solution, "high": solution - 2}

    def value(self, solution: int) -> float:
        return [0.0, 15.0, 5.0, 1.0][solution]


@pytest.fixture
def four() -> Four:
    return Four()
