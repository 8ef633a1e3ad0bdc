"""What a comparison of methods on data consists of, and all of them by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from qhpo.errors import MissingExtraError, QhpoError

__all__ = ["Comparison", "Measure", "Metric", "comparison_names", "load_comparison"]

Measure = Callable[[str, str, int], Sequence[Mapping[str, float]]]
"""Runs a method on a table with a seed; returns one number per metric for every setting."""

_COMPARISONS: Mapping[str, str] = MappingProxyType(
    {
        "circuits": "qhpo_problems.benchmarks.solvers.circuits",
        "discrete": "qhpo_problems.benchmarks.formulations.discrete",
        "encodings": "qhpo_problems.benchmarks.solvers.encodings",
        "ensembles": "qhpo_problems.benchmarks.formulations.ensembles",
        "features": "qhpo_problems.benchmarks.formulations.features",
        "pruning": "qhpo_problems.benchmarks.formulations.pruning",
        "quantization": "qhpo_problems.benchmarks.formulations.quantization",
        "sindy": "qhpo_problems.benchmarks.formulations.sindy",
    }
)
"""Name -> module with a `Comparison` named COMPARISON, imported when it is asked for."""

_EXTRAS: Mapping[str, str] = MappingProxyType(
    {"cirq": "cirq", "sklearn": "torch", "torch": "torch"}
)
"""Packages that these modules import -> the extra that brings them."""


@dataclass(frozen=True)
class Metric:
    """A number that methods are compared by.

    Attributes:
        name: Header of its columns.
        show: Format of a mean, such as ``"{:.4f}"``.
        best: ``max`` or ``min``, over the methods.
        spread: Whether the standard deviation over seeds stands beside the mean.
    """

    name: str
    show: str
    best: Callable[[Sequence[float]], float]
    spread: bool = False


@dataclass(frozen=True)
class Comparison:
    """Methods on tables, each pair with the same seeds.

    Attributes:
        name: What the user types behind ``--suite``.
        tables: Name of a data set -> what it is, for the title.
        methods: Their names, those that it is about first.
        settings: What each run is measured at, such as ``"k=5"``.
        metrics: What is measured.
        measure: Does it; a function of a module, so that worker processes find it.
        sources: Files whose code decides the numbers, besides qhpo's.
        footnote: What the numbers are.
        packages: Distributions that decide the numbers, besides those of every benchmark.
    """

    name: str
    tables: Mapping[str, str]
    methods: tuple[str, ...]
    settings: tuple[str, ...]
    metrics: tuple[Metric, ...]
    measure: Measure
    sources: tuple[Path, ...]
    footnote: str
    packages: tuple[str, ...] = ("scikit-learn",)


def comparison_names() -> tuple[str, ...]:
    """Names of all comparisons."""
    return tuple(_COMPARISONS)


def load_comparison(name: str) -> Comparison:
    """The comparison of that name.

    Raises:
        QhpoError: If there is none.
        MissingExtraError: If it needs a package that is not installed.
    """
    if name not in _COMPARISONS:
        raise QhpoError(f"a comparison must be one of: {', '.join(_COMPARISONS)}; got {name!r}")
    try:
        module = importlib.import_module(_COMPARISONS[name])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingExtraError(f"the suite {name}", package, _EXTRAS[package]) from error
    comparison: Comparison = module.COMPARISON
    return comparison
