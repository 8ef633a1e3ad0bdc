"""Running a sampler with a pruner on a table of curves, by a clock that counts training alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import optuna
from optuna.trial import TrialState

from qhpo.wrappers import CPU_SECONDS, TimedSampler
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
        A row for every unit of the budget: the gap of the best complete trial so far, how many
        trials have ended and how many of them were complete, CPU seconds per suggestion, and per
        decision of the pruner.
    """
    sampler = TimedSampler(method.told.sampler(seed, table))
    study = optuna.create_study(sampler=sampler, pruner=method.pruner())
    rows: list[Row] = []
    gap, spent, ended, complete = BEFORE, 0.0, 0, 0
    # With a zero, as the first unit may end before anything has.
    suggesting, deciding = [0.0], [0.0]
    while len(rows) < budget:
        trial = study.ask()
        curve = table.curve(table.suggest(trial))
        is_pruned = False
        for step, value, cost in curve:
            spent += cost
            # Rounding must not decide whether a unit is full.
            while len(rows) < budget and spent > len(rows) + 1 + 1e-9:
                rows.append(_row(gap, ended, complete, suggesting, deciding))
            if len(rows) == budget:
                break
            trial.report(value, step)
            start = time.thread_time()
            is_pruned = trial.should_prune()
            deciding.append(time.thread_time() - start)
            if is_pruned:
                break
        if len(rows) == budget:
            break
        ended += 1
        if is_pruned:
            over = study.tell(trial, state=TrialState.PRUNED)
        else:
            complete += 1
            over = study.tell(trial, curve[-1][1])
            gap = table.gap(study.best_value)
        suggesting.append(float(over.system_attrs[CPU_SECONDS]))
    return rows


def _row(
    gap: float, ended: int, complete: int, suggesting: list[float], deciding: list[float]
) -> Row:
    return {
        "gap": gap,
        "ended": ended,
        "complete": complete,
        "cpu_seconds": sum(suggesting) / len(suggesting),
        "decision_seconds": sum(deciding) / len(deciding),
    }


def measure_curves(load: Callable[[Task], CurveTable], task: Task) -> list[Row]:
    """The rows of a task."""
    return run_stopping(load(task), task.method, seed=task.seed, budget=task.trials)
