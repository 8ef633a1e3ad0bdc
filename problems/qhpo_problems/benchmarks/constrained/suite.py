"""The problems of the comparison by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.constrained.cardinality import Cardinality
from qhpo_problems.benchmarks.constrained.knapsack import Knapsack
from qhpo_problems.benchmarks.constrained.layers import Layers
from qhpo_problems.benchmarks.constrained.ordering import Ordering
from qhpo_problems.benchmarks.constrained.problem import Problem

__all__ = ["load_problem", "problem_names"]

_PROBLEMS: Mapping[str, type[Problem[Any]]] = MappingProxyType(
    {problem.name: problem for problem in (Cardinality, Knapsack, Ordering, Layers)}
)


def problem_names() -> tuple[str, ...]:
    """Names of all problems."""
    return tuple(_PROBLEMS)


@cache
def load_problem(name: str) -> Problem[Any]:
    """The instance of that name that everyone is compared on, the same in every process.

    Raises:
        QhpoError: If there is no such problem.
    """
    if name not in _PROBLEMS:
        raise QhpoError(f"a problem must be one of: {', '.join(_PROBLEMS)}; got {name!r}")
    return _PROBLEMS[name]()
