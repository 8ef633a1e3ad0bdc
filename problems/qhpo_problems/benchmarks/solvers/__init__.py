"""Solvers compared on the quadratic models of real studies.

`run_solvers` takes the models of studies by name, runs solvers on them and returns one `SolverRun`
per solver, study and seed; `summarize_solvers`, `print_solvers` and `write_solvers` make the
comparison.
"""

from qhpo_problems.benchmarks.solvers.contestants import (
    BASELINE,
    Contestant,
    contestants,
    default_contestants,
)
from qhpo_problems.benchmarks.solvers.records import SolverRun
from qhpo_problems.benchmarks.solvers.report import print_solvers, write_solvers
from qhpo_problems.benchmarks.solvers.runner import run_solvers
from qhpo_problems.benchmarks.solvers.studies import load_study, study_names
from qhpo_problems.benchmarks.solvers.summary import SolversSummary, summarize_solvers

__all__ = [
    "BASELINE",
    "Contestant",
    "SolverRun",
    "SolversSummary",
    "contestants",
    "default_contestants",
    "load_study",
    "print_solvers",
    "run_solvers",
    "study_names",
    "summarize_solvers",
    "write_solvers",
]
