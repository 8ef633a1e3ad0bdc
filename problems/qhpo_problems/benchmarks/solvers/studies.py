"""The studies whose quadratic models solvers are compared on, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import optuna

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks import tabular
from qhpo_problems.benchmarks.constrained.knapsack import Knapsack
from qhpo_problems.benchmarks.constrained.ordering import Ordering
from qhpo_problems.benchmarks.constrained.problem import Declaration, Problem
from qhpo_problems.benchmarks.pest_control import PestControl
from qhpo_problems.benchmarks.tabular import load_table

__all__ = ["Study", "load_study", "study_names"]


@dataclass(frozen=True)
class Study:
    """What is optimized, and when a model is taken of it.

    Attributes:
        objective: Asks a trial, and gives the value to be minimized.
        declaration: What the sampler is told.
        checkpoints: Numbers of finished trials whose models are taken, ascending.
        sources: Files whose code is the study.
    """

    objective: Callable[[optuna.Trial], float]
    declaration: Declaration
    checkpoints: tuple[int, ...]
    sources: tuple[Path, ...]


_MANY, _FEW = (20, 50, 100), (20, 40)


def _table(name: str) -> Study:
    table = load_table(name)
    return Study(table.objective, Declaration(table.search_space), _MANY, (Path(tabular.__file__),))


def _pest_control(stages: int, checkpoints: tuple[int, ...]) -> Study:
    problem = PestControl(stages)
    return Study(
        problem.objective, Declaration(problem.search_space), checkpoints, _sources(PestControl)
    )


def _constrained(
    kind: Callable[[int], Problem[Any]], size: int, checkpoints: tuple[int, ...]
) -> Study:
    problem = kind(size)

    def objective(trial: optuna.Trial) -> float:
        return problem.value(problem.suggest_declared(trial))

    sources = _sources(Problem, type(problem))
    return Study(objective, problem.declaration(), checkpoints, sources)


def _sources(*kinds: type[Any]) -> tuple[Path, ...]:
    return tuple(Path(inspect.getfile(kind)) for kind in kinds)


# Written out, for the package that knows them may be missing.
_TABLES = (
    *("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g"),
    *("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
    *("cifar10", "cifar100", "imagenet"),
)

_STUDIES: Mapping[str, Callable[[], Study]] = MappingProxyType(
    {
        **{name: partial(_table, name) for name in _TABLES},
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
def load_study(name: str) -> Study:
    """The study of that name, the same in every process.

    Raises:
        QhpoError: If there is no such study.
        MissingExtraError: If its table needs a package that is not installed.
    """
    if name not in _STUDIES:
        raise QhpoError(f"a study must be one of: {', '.join(_STUDIES)}; got {name!r}")
    return _STUDIES[name]()
