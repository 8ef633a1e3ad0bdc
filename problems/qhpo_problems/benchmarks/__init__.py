"""Benchmarks with known optima, and the suites that compare methods on them.

`load_suite` gives a `Suite` by name; with ``dataclasses.replace(suite, methods={...})`` it compares
variants of your own. `run_suite` runs methods by name on tables by name and returns one `Record`
per run; `print_report`, `write_report` and `draw` show the `Results` of them.
"""

from qhpo_problems.benchmarks.plot import draw
from qhpo_problems.benchmarks.report import print_report, write_report
from qhpo_problems.benchmarks.results import Results
from qhpo_problems.benchmarks.run import run_suite
from qhpo_problems.benchmarks.store import Record
from qhpo_problems.benchmarks.suite import Metric, Suite, Task, load_suite, suite_names

__all__ = [
    "Metric",
    "Record",
    "Results",
    "Suite",
    "Task",
    "draw",
    "load_suite",
    "print_report",
    "run_suite",
    "suite_names",
    "write_report",
]
