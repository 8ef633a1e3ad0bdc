"""The studies whose quadratic models solvers are compared on, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import optuna

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration
from qhpo_problems.benchmarks.sampling.knapsack import Knapsack
from qhpo_problems.benchmarks.sampling.ordering import Ordering
from qhpo_problems.benchmarks.sampling.pest_control import PestControl
from qhpo_problems.benchmarks.sampling.tabular import TABLES, load_table

__all__ = ["SourceStudy", "load_study", "study_names"]


@dataclass(frozen=True)
class SourceStudy:
    """What is optimized, and when a model is taken of it.

    Attributes:
        objective: Asks a trial, and gives the value to be minimized.
        declaration: What the sampler is told.
        checkpoints: Numbers of finished trials whose models are taken, ascending.
    """

    objective: Callable[[optuna.Trial], float]
    declaration: Declaration
    checkpoints: tuple[int, ...]


_MANY, _FEW = (20, 50, 100), (20, 40)
"""Trials after which models are taken; fewer where a suggestion takes long."""


def _table(name: str) -> SourceStudy:
    table = load_table(name)
    return SourceStudy(table.objective, table.declaration(), _MANY)


def _pest_control(stages: int, checkpoints: tuple[int, ...]) -> SourceStudy:
    problem = PestControl(stages)
    return SourceStudy(problem.objective, Declaration(problem.search_space), checkpoints)


def _constrained(
    kind: Callable[[int], Benchmark[Any]], size: int, checkpoints: tuple[int, ...]
) -> SourceStudy:
    benchmark = kind(size)
    return SourceStudy(benchmark.objective, benchmark.declaration(), checkpoints)


_STUDIES: Mapping[str, Callable[[], SourceStudy]] = MappingProxyType(
    {
        **{name: partial(_table, name) for name in TABLES},
        "knapsack": partial(_constrained, Knapsack, 50, _MANY),
        "ordering": partial(_constrained, Ordering, 8, _MANY),
        "pest-control": partial(_pest_control, 25, _MANY),
        "knapsack-100": partial(_constrained, Knapsack, 100, _FEW),
        "ordering-14": partial(_constrained, Ordering, 14, _FEW),
        "pest-control-50": partial(_pest_control, 50, _FEW),
        "pest-control-80": partial(_pest_control, 80, _FEW),
    }
)
"""All tables, and combinatorial problems from the published sizes upwards."""


def study_names() -> tuple[str, ...]:
    """Names of all studies, by the size of their models."""
    return tuple(_STUDIES)


@cache
def load_study(name: str) -> SourceStudy:
    """The study of that name, the same in every process.

    Raises:
        QhpoError: If there is no such study.
        MissingExtraError: If its table needs a package that is not installed.
    """
    if name not in _STUDIES:
        raise QhpoError(f"a study must be one of: {', '.join(_STUDIES)}; got {name!r}")
    return _STUDIES[name]()
