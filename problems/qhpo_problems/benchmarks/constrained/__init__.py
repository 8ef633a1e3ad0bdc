"""Combinatorial problems with constraints and known optima, and samplers compared on them.

`run_constrained` runs samplers by name on problems by name and returns one `ConstrainedRun` per
run; `summarize_constrained`, `print_constrained` and `write_constrained` make the comparison.
"""

from qhpo_problems.benchmarks.constrained.contestants import CONTESTANTS, Declared, Told
from qhpo_problems.benchmarks.constrained.problem import Declaration, Problem
from qhpo_problems.benchmarks.constrained.records import ConstrainedRun
from qhpo_problems.benchmarks.constrained.report import print_constrained, write_constrained
from qhpo_problems.benchmarks.constrained.runner import run_constrained, run_constrained_trials
from qhpo_problems.benchmarks.constrained.suite import load_problem, problem_names
from qhpo_problems.benchmarks.constrained.summary import ConstrainedSummary, summarize_constrained

__all__ = [
    "CONTESTANTS",
    "ConstrainedRun",
    "ConstrainedSummary",
    "Declaration",
    "Declared",
    "Problem",
    "Told",
    "load_problem",
    "print_constrained",
    "problem_names",
    "run_constrained",
    "run_constrained_trials",
    "summarize_constrained",
    "write_constrained",
]
