"""What solvers did and what they cost: kept in the trials, and summed over a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.solvers import MeteredSolver, SolverReport, merge
from qhpo.study.trials import Trials, note_for_user, reread

__all__ = ["ANNEALS", "metered", "spent"]

ANNEALS = "qhpo:anneals"
"""User attribute of a trial: what each solver did for it, see `SolverReport.as_attribute`."""


def spent(trials: Iterable[FrozenTrial]) -> dict[str, SolverReport]:
    """What each solver did for some trials together, by name."""
    total: dict[str, SolverReport] = {}
    for trial in trials:
        for name, attribute in trial.user_attrs.get(ANNEALS, {}).items():
            both = merge(total.get(name), SolverReport.from_attribute(attribute))
            if both is not None:
                total[name] = both
    return total


@contextmanager
def metered(
    solver: MeteredSolver, study: Study, trial: FrozenTrial, trials: Trials
) -> Iterator[None]:
    """Notes in the trial what the solver does within the context, and holds it to its budget.

    The budget is that of the study: what other processes and earlier runs have spent counts.

    Args:
        solver: The solver.
        study: The study.
        trial: The trial that it is asked for.
        trials: The study's trials.
    """
    before = spent(trials.all) if solver.budget.is_limited else {}
    solver.begin(before.get(solver.name))
    try:
        yield
    finally:
        taken = solver.take()
        if taken:
            # A trial may come here again for a parameter that is suggested on its own.
            known = spent([reread(study, trial)])
            both = {n: merge(known.get(n), taken.get(n)) for n in {**known, **taken}}
            attribute = {n: report.as_attribute() for n, report in both.items() if report}
            note_for_user(study, trial, ANNEALS, attribute)
