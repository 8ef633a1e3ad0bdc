"""Running a sampler with a pruner on a problem whose trials are real trainings.

The clock counts the CPU seconds of the thread that trains, for machines are shared. On a free core
they are wall-clock seconds; on a GPU they are not, and the comparison is one of trainings on a CPU.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import optuna

from qhpo.cli.files import written
from qhpo.problem import Problem, suggest
from qhpo_problems.benchmarks.sampling.curves.clock import Ledger
from qhpo_problems.benchmarks.sampling.curves.methods import Stopping
from qhpo_problems.benchmarks.sampling.methods import PEERS
from qhpo_problems.benchmarks.sampling.tuning import run_training
from qhpo_problems.benchmarks.store import Row

__all__ = ["BEFORE", "load_unit", "run_trained", "store_unit", "warm_up_training"]

BEFORE = 1.0
"""Validation and test error before the first trial has gone to its end: every example is wrong."""

_TRAININGS = 10
"""Random configurations whose mean training time is the unit."""


def run_trained(
    problem: Problem, method: Stopping, *, seed: int, budget: int, unit: float
) -> list[Row]:
    """Tune one problem until its clock has counted so many units, in an in-memory study.

    The clock runs from the start of a training to each of its reports, and from there to the next
    or to its end, in CPU seconds of this thread. Suggestions and decisions cost nothing. A trial
    that the clock cuts off counts for nothing.

    Args:
        problem: Of one objective, to be minimized, which declares its search space, asks its trial
            whether to stop after each report, and gives it the attribute ``test_error``.
        method: Sampler and pruner.
        seed: Of the data, the trainings and the sampler.
        budget: Training time, in units.
        unit: CPU seconds.

    Returns:
        The rows of `Ledger.fill`, with the lowest validation error of complete trials so far, and
        the test error that belongs to it.
    """
    objective, study = problem.objective(seed), method.study(seed)
    ledger = Ledger(budget, {"validation": BEFORE, "test": BEFORE})

    def train(trial: optuna.Trial) -> float:
        # The objective will be given the same values, at no cost.
        suggest(trial, problem.search_space or {}, problem.conditions)
        clocked = _Clocked(trial, ledger, unit)
        value = objective(clocked)
        clocked.spend()
        assert isinstance(value, float)
        return value

    def best() -> Row:
        trial = study.best_trial
        return {"validation": trial.value, "test": float(trial.user_attrs["test_error"])}

    return ledger.fill(study, train, best)


class _Clocked(optuna.Trial):
    """A trial whose training time is spent whenever its objective asks whether to stop.

    Args:
        trial: The trial that the study has asked for.
        ledger: Where the time is spent.
        unit: CPU seconds.
    """

    def __init__(self, trial: optuna.Trial, ledger: Ledger, unit: float) -> None:
        # Optuna's constructor would announce the trial to the sampler for a second time.
        vars(self).update(vars(trial))
        self._ledger, self._unit = ledger, unit
        self._since = time.thread_time()

    def spend(self) -> None:
        """Spend what has passed since the last decision, or since the start.

        Raises:
            TimeIsUp: If that is more than is left.
        """
        self._ledger.spend((time.thread_time() - self._since) / self._unit)

    def should_prune(self) -> bool:
        self.spend()
        is_pruned = self._ledger.decide(super().should_prune)
        self._since = time.thread_time()
        return is_pruned


def store_unit(problem: Problem, path: Path) -> None:
    """Train some random configurations of a problem to their end, and write how long each took.

    Args:
        problem: As in `run_trained`.
        path: The file, which appears complete or not at all: a JSON list of CPU seconds.
    """
    warm_up_training()
    rows = run_training(problem, PEERS["random"], seed=0, trials=_TRAININGS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        file.write_text(json.dumps([row["trial_seconds"] for row in rows]) + "\n", encoding="utf-8")


def load_unit(path: Path) -> float:
    """Mean CPU seconds of a training to its end, from the file that `store_unit` has written."""
    return float(np.mean(json.loads(path.read_text(encoding="utf-8"))))


def warm_up_training() -> None:
    """Train next to nothing: what torch does once in a process takes as long as a training."""
    import torch
    from torch import nn

    from qhpo_problems.training.fit.loop import fit
    from qhpo_problems.training.fit.settings import TrainingSettings
    from qhpo_problems.training.fit.split import Part, Split

    part = Part(torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64))
    settings = TrainingSettings("adam", 1e-3, 0.0, batch_size=2, epochs=1)
    fit(lambda: nn.Linear(2, 2), Split(part, part, part), settings, seed=0)
