"""Records without running anything, and a problem with no more than four solutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import BaseTrial

from qhpo_problems.benchmarks.constrained import ConstrainedRun, Declaration, Problem

MakeRun = Callable[..., ConstrainedRun]


class Four(Problem[int]):
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


@pytest.fixture
def make_run() -> MakeRun:
    """A run with optimum 0 and reference 1, feasible throughout unless told otherwise."""

    def make(
        values: Sequence[float],
        feasible: Sequence[bool] | None = None,
        *,
        sampler: str = "tpe",
        table: str = "cardinality",
        seed: int = 0,
        repeated: Sequence[bool] | None = None,
        cpu_seconds: Sequence[float] | None = None,
        version: str = "1.0",
    ) -> ConstrainedRun:
        n = len(values)
        return ConstrainedRun(
            sampler=sampler,
            table=table,
            seed=seed,
            optimum=0.0,
            values=tuple(values),
            cpu_seconds=tuple([0.5] * n if cpu_seconds is None else cpu_seconds),
            repeated=tuple([False] * n if repeated is None else repeated),
            versions={"optuna": version},
            fingerprint="f00d",
            reference=1.0,
            feasible=tuple([True] * n if feasible is None else feasible),
        )

    return make
