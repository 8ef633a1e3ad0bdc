"""Budgets and failures: where a solver cannot be used another one samples, and no trial is lost."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.errors import SolverError
from qhpo.solvers.base import JointSolver, Reads, Solver, seeds_of
from qhpo.solvers.report import SolverReport, merge

__all__ = ["Budget", "MeteredSolver"]

_logger = logging.getLogger("qhpo")

_MAX_FAILURES = 3
"""Suggestions in a row that a solver may fail before it is not asked again: one may be an accident,
and each may have waited minutes for a service that is gone."""


@dataclass(frozen=True)
class Budget:
    """What a study may spend on its solver, all its processes and resumed runs together.

    Args:
        qpu_seconds: QPU access time, in seconds; None for no limit. The last call may exceed it.
        max_calls: Calls of the solver; None for no limit. Those that fail count: a service may
            have taken the model, and charge for it, before the answer was lost. The QPU time of
            such a call is not known, and not counted.

    Raises:
        SolverError: If a limit is not a number, 0 or more.
    """

    qpu_seconds: float | None = None
    max_calls: int | None = None

    def __post_init__(self) -> None:
        seconds, calls = self.qpu_seconds, self.max_calls
        if seconds is not None and not (_is_number(seconds) and 0.0 <= seconds < math.inf):
            raise SolverError(f"qpu_seconds must be a finite number, 0 or more; got {seconds!r}")
        if calls is not None and not (_is_number(calls) and calls >= 0 and calls == int(calls)):
            raise SolverError(f"max_calls must be a whole number, 0 or more; got {calls!r}")

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.qpu_seconds is not None or self.max_calls is not None

    def spent_by(self, report: SolverReport | None) -> str:
        """Which limit has been reached, in words; empty if none."""
        calls, seconds = 0, 0.0
        if report is not None:
            calls, seconds = report.calls + report.failed, report.qpu_seconds
        if self.max_calls is not None and calls >= self.max_calls:
            return f"the budget of {self.max_calls} calls is spent"
        if self.qpu_seconds is not None and seconds >= self.qpu_seconds:
            return f"the budget of {self.qpu_seconds:g} s of QPU time is spent"
        return ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class MeteredSolver:
    """A solver within a budget, and another one for where it ends.

    Args:
        solver: Asked first.
        fallback: Asked where the budget is spent or the solver fails.
        budget: What may be spent on ``solver``.
    """

    def __init__(self, solver: Solver, fallback: Solver, budget: Budget) -> None:
        self.name = solver.name
        self.is_costly = solver.is_costly
        self.budget = budget
        self._solver, self._fallback = solver, fallback
        self._spent: SolverReport | None = None
        self._taken: dict[str, SolverReport] = {}
        self._reason = ""
        self._failures = 0
        self._told: set[str] = set()

    def begin(self, spent: SolverReport | None) -> None:
        """Starts a suggestion.

        Args:
            spent: What the study has spent on ``solver`` so far; None for nothing.
        """
        self._spent, self._taken = spent, {}
        if self._failures < _MAX_FAILURES:
            self._reason = ""

    def take(self) -> dict[str, SolverReport]:
        """What was done since `begin`, by name of the solver."""
        taken, self._taken = self._taken, {}
        return taken

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`; never fails where the fallback does not."""
        found = self._asked(lambda: [self._solver.reads(tables, seed)])
        if found is not None:
            return found[0]
        reads = self._fallback.reads(tables, seed)
        self._add(self._fallback.name, replace(reads.report, fallback=self._reason))
        return reads

    def reads_of_many(self, models: Sequence[DenseDQM], seed: int) -> list[Reads]:
        """See `JointSolver.reads_of_many`; never fails where the fallback does not."""
        solver, seeds = self._solver, seeds_of(seed, len(models))
        # One by one, the budget is looked at before each; a joint call may be several after all.
        if isinstance(solver, JointSolver) and self._calls_left() >= len(models):
            found = self._asked(lambda: solver.reads_of_many(models, seed))
            if found is not None:
                return found
        return [self.reads(tables, s) for tables, s in zip(models, seeds, strict=True)]

    def _calls_left(self) -> float:
        """Calls that the budget still has."""
        if self.budget.max_calls is None:
            return math.inf
        spent = merge(self._spent, self._taken.get(self.name))
        return self.budget.max_calls - (spent.calls + spent.failed if spent else 0)

    def _asked(self, ask: Callable[[], list[Reads]]) -> list[Reads] | None:
        """What the solver answers; None where the budget is spent or it fails."""
        if not self._reason:
            self._reason = self.budget.spent_by(merge(self._spent, self._taken.get(self.name)))
            if self._reason:
                self._tell(self._reason, self._reason)
        if not self._reason:
            try:
                found = ask()
            except Exception as error:
                self._failures += 1
                self._add(self.name, SolverReport(self.name, 0, 0, 0, 0, 0, failed=1))
                self._reason = f"{type(error).__name__}: {error}"
                more = "" if self._failures < _MAX_FAILURES else "; it is not asked again"
                self._tell(self._reason + more, type(error).__name__ + more)
            else:
                # A model that was solved without a call says nothing about the service.
                if any(reads.report.calls for reads in found):
                    self._failures = 0
                for reads in found:
                    self._add(self.name, reads.report)
                return found
        return None

    def _add(self, name: str, report: SolverReport) -> None:
        both = merge(self._taken.get(name), report)
        self._taken = {**self._taken, name: both} if both else self._taken

    def _tell(self, reason: str, kind: str) -> None:
        """Logs once for each kind of reason."""
        if kind not in self._told:
            self._told.add(kind)
            _logger.warning(
                "the solver %s: %s; %s takes over", self.name, reason, self._fallback.name
            )
