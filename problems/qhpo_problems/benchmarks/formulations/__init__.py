"""Formulations compared with what a practitioner would use instead.

Each comparison is a `Comparison`, found by name through `load_comparison`; `run_comparison` makes
its runs, `print_comparison` and `write_comparison` its tables, and `plot_comparison` its picture.
"""

from qhpo_problems.benchmarks.formulations.comparison import (
    Comparison,
    Metric,
    comparison_names,
    load_comparison,
)
from qhpo_problems.benchmarks.formulations.plot import plot_comparison
from qhpo_problems.benchmarks.formulations.report import print_comparison, write_comparison
from qhpo_problems.benchmarks.formulations.runner import ComparisonRun, run_comparison

__all__ = [
    "Comparison",
    "ComparisonRun",
    "Metric",
    "comparison_names",
    "load_comparison",
    "plot_comparison",
    "print_comparison",
    "run_comparison",
    "write_comparison",
]
