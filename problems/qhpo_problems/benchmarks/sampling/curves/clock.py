"""A clock that counts training alone, and what a run has come to at its strokes."""

from __future__ import annotations

import time
from collections.abc import Callable

import optuna
from optuna.trial import TrialState

from qhpo.wrappers import CPU_SECONDS
from qhpo_problems.benchmarks.store import Row

__all__ = ["Ledger", "TimeIsUp"]


class TimeIsUp(Exception):
    """The budget of a run is spent: the trial under way is cut off, and counts for nothing."""


class Ledger:
    """Counts the training time of a run in units, and keeps a row for every full one.

    Suggestions and decisions of the pruner take none of it.

    Args:
        budget: Units of the run.
        best: What rows say of the best complete trial, before there is one.
    """

    def __init__(self, budget: int, best: Row) -> None:
        self._budget, self._best = budget, best
        self._rows: list[Row] = []
        self._spent, self._ended, self._complete = 0.0, 0, 0
        # With a zero, as the first unit may end before anything has.
        self._suggesting, self._deciding = [0.0], [0.0]

    def spend(self, units: float) -> None:
        """Let training time pass.

        Raises:
            TimeIsUp: If that is more than is left.
        """
        self._spent += units
        # Rounding must not decide whether a unit is full.
        while len(self._rows) < self._budget and self._spent > len(self._rows) + 1 + 1e-9:
            self._rows.append(self._row())
        if len(self._rows) == self._budget:
            raise TimeIsUp

    def decide(self, prune: Callable[[], bool]) -> bool:
        """What the pruner decides, whose CPU seconds are kept."""
        start = time.thread_time()
        is_pruned = prune()
        self._deciding.append(time.thread_time() - start)
        return is_pruned

    def fill(
        self,
        study: optuna.Study,
        train: Callable[[optuna.Trial], float],
        best: Callable[[], Row],
    ) -> list[Row]:
        """Ask for trials and train them until the time is up.

        Args:
            study: Its sampler is timed, as that of `methods.Stopping.study`.
            train: Spends the time of a trial here and returns its value; raises
                ``optuna.TrialPruned`` if the pruner stops it.
            best: What rows say of the best complete trial; called after every complete one.

        Returns:
            A row for every unit of the budget: what is known of the best complete trial by then,
            how many trials have ended and how many of them were complete, CPU seconds per
            suggestion, and per decision of the pruner.
        """
        while True:
            trial = study.ask()
            try:
                value = train(trial)
            except TimeIsUp:
                return self._rows
            except optuna.TrialPruned:
                over = study.tell(trial, state=TrialState.PRUNED)
            else:
                over = study.tell(trial, value)
            self._ended += 1
            if over.state == TrialState.COMPLETE:
                self._complete += 1
                self._best = best()
            self._suggesting.append(float(over.system_attrs[CPU_SECONDS]))

    def _row(self) -> Row:
        return {
            **self._best,
            "ended": self._ended,
            "complete": self._complete,
            "cpu_seconds": sum(self._suggesting) / len(self._suggesting),
            "decision_seconds": sum(self._deciding) / len(self._deciding),
        }
