"""Running a sampler with a pruner on a table of curves, by a clock that counts training alone."""

from __future__ import annotations

from collections.abc import Callable

import optuna

from qhpo_problems.benchmarks.sampling.curves.clock import Ledger
from qhpo_problems.benchmarks.sampling.curves.methods import Stopping
from qhpo_problems.benchmarks.sampling.curves.table import CurveTable
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Task

__all__ = ["BEFORE", "measure_curves", "run_stopping"]

BEFORE = 1.0
"""Gap before the first trial has gone to its end: that of the median configuration."""


def run_stopping(table: CurveTable, method: Stopping, *, seed: int, budget: int) -> list[Row]:
    """Optimize one table until its clock has counted so many trainings, in an in-memory study.

    A training costs what the table says, step by step; suggestions and decisions cost nothing. A
    trial that the clock cuts off counts for nothing.

    Args:
        table: The table.
        method: Sampler and pruner.
        seed: For the sampler.
        budget: Training time, in trainings to the end of the mean configuration.

    Returns:
        The rows of `Ledger.fill`, with the gap of the best complete trial so far.
    """
    study = method.study(seed)
    ledger = Ledger(budget, {"gap": BEFORE})

    def train(trial: optuna.Trial) -> float:
        curve = table.curve(table.suggest(trial))
        for step, value, cost in curve:
            ledger.spend(cost)
            trial.report(value, step)
            if ledger.decide(trial.should_prune):
                raise optuna.TrialPruned
        return curve[-1][1]

    return ledger.fill(study, train, lambda: {"gap": table.gap(study.best_value)})


def measure_curves(load: Callable[[Task], CurveTable], task: Task) -> list[Row]:
    """The rows of a task."""
    return run_stopping(load(task), task.method, seed=task.seed, budget=task.trials)
