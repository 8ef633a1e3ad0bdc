"""Benchmarks with known optima, and the runner that compares samplers on them.

`run_grid` runs samplers by name, also variants of your own, on tables by name and returns one
`RunRecord` per run; `summarize`, `print_report` and `write_report` make the comparison of them.
"""

from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.report import print_report, write_report
from qhpo_problems.benchmarks.runner import run_grid, run_trials
from qhpo_problems.benchmarks.samplers import SAMPLERS, SamplerFactory
from qhpo_problems.benchmarks.summary import Summary, summarize
from qhpo_problems.benchmarks.tabular import TabularProblem, load_table, table_names

__all__ = [
    "SAMPLERS",
    "RunRecord",
    "SamplerFactory",
    "Summary",
    "TabularProblem",
    "load_table",
    "print_report",
    "run_grid",
    "run_trials",
    "summarize",
    "table_names",
    "write_report",
]
