"""What a suite of comparisons consists of, and all suites by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from qhpo.errors import MissingExtraError, QhpoError
from qhpo_problems.benchmarks.results import Group, Reduce, Results, mean
from qhpo_problems.benchmarks.store import Row

__all__ = ["PARTS", "Inputs", "Metric", "Suite", "Task", "check_as", "load_suite", "suite_names"]

PARTS = ("all", "choosing", "reporting")
"""A change is chosen on one part of a suite's tables and reported on the other."""

_SUITES: Mapping[str, str] = MappingProxyType(
    {
        "tables": "qhpo_problems.benchmarks.sampling.tables",
        "batches": "qhpo_problems.benchmarks.sampling.batches",
        "curves": "qhpo_problems.benchmarks.sampling.curves.suite",
        "lcdb": "qhpo_problems.benchmarks.sampling.curves.lcdb",
        "combinatorial": "qhpo_problems.benchmarks.sampling.combinatorial.suite",
        "constrained": "qhpo_problems.benchmarks.sampling.constrained",
        "functions": "qhpo_problems.benchmarks.sampling.functions",
        "graph": "qhpo_problems.benchmarks.sampling.graph",
        "importance": "qhpo_problems.benchmarks.sampling.importances",
        "noisy": "qhpo_problems.benchmarks.sampling.noisy",
        "objectives": "qhpo_problems.benchmarks.sampling.objectives",
        "scale": "qhpo_problems.benchmarks.sampling.scale",
        "searchcv": "qhpo_problems.benchmarks.sampling.searchcv.suite",
        "training": "qhpo_problems.benchmarks.sampling.training",
        "stopping": "qhpo_problems.benchmarks.sampling.curves.stopping",
        "transfer": "qhpo_problems.benchmarks.sampling.transfer.suite",
        "solvers": "qhpo_problems.benchmarks.solving.solvers",
        "circuits": "qhpo_problems.benchmarks.solving.circuits",
        "discrete": "qhpo_problems.benchmarks.formulations.discrete",
        "encodings": "qhpo_problems.benchmarks.solving.encodings",
        "ensembles": "qhpo_problems.benchmarks.formulations.ensembles",
        "features": "qhpo_problems.benchmarks.formulations.features",
        "pruning": "qhpo_problems.benchmarks.formulations.pruning",
        "quantization": "qhpo_problems.benchmarks.formulations.quantization",
        "sindy": "qhpo_problems.benchmarks.formulations.sindy",
    }
)
"""Name -> module with a `Suite` named SUITE, imported when it is asked for."""

_EXTRAS: Mapping[str, str] = MappingProxyType(
    {"cirq": "cirq", "sklearn": "torch", "torch": "torch"}
)
"""Packages that these modules import -> the extra that brings them."""


@dataclass(frozen=True)
class Task:
    """One run to be made; it reaches a worker process, so all of it can be pickled.

    Attributes:
        name: Of the method.
        method: What the suite has under this name.
        table: Name of the table.
        seed: Seed of the method.
        trials: Number of trials; 0 in a suite without trials.
        inputs: File that all methods share on this table with this seed, if the suite has one.
    """

    name: str
    method: Any
    table: str
    seed: int
    trials: int
    inputs: Path | None = None


@dataclass(frozen=True)
class Metric:
    """A number that methods are compared by.

    Attributes:
        name: Header of its columns.
        show: Text of a number, such as ``"{:.4f}".format``.
        best: ``max`` or ``min``, over the methods; None where none is better.
        field: Of the rows, or of a group's data; the name if empty.
        value: Makes the number of each method.
        error: What stands behind a "±", in the same way; not shown where it is NaN.
        each: Whether there is a column for each point of a group, made of its row alone.
        of_runs: Whether the number counts runs, and all of them are to be shown beside it.
        heading: Metrics with the same heading stand in one table, under it.
        label: Of the axis of its curves; the name if empty.
        floor: Curves have a logarithmic axis, and smaller numbers are drawn as this much; None
            where they have a linear one.
    """

    name: str
    show: Callable[[float], str]
    best: Callable[[Sequence[float]], float] | None
    field: str = ""
    value: Reduce = mean
    error: Reduce | None = None
    each: bool = True
    of_runs: bool = False
    heading: str = ""
    label: str = ""
    floor: float | None = None


@dataclass(frozen=True)
class Inputs:
    """What all methods share on a table with a seed: made once, before their runs, and kept.

    Attributes:
        name: What the progress bar and the folder call it.
        suffix: Of the files.
        make: Makes the file ``task.inputs``, which appears complete or not at all; picklable.
        sources: Table -> objects whose code decides what is in the file.
        by_seed: Whether every seed has a file of its own, or all share that of seed 0.
        is_peer: Whether the code of qhpo cannot change what is in the file. What is measured must
            not be measured anew while runs that were made with it are kept.
    """

    name: str
    suffix: str
    make: Callable[[Task], None]
    sources: Callable[[str], Sequence[Any]]
    by_seed: bool = True
    is_peer: bool = False


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Methods on tables, each pair with the same seeds.

    Attributes:
        name: What the user types behind ``--suite``.
        tables: Name of a table, problem, study or data set -> what it is, for a title.
        methods: Name that the user types -> what `measure` needs of it; picklable. Variants of your
            own are compared with ``dataclasses.replace(suite, methods={...})``.
        measure: Makes the rows of a run; picklable, so a function of a module or a partial of one.
        sources: Method, table -> objects (functions, classes, modules) whose code decides the rows.
        metrics: What is shown of the rows, the first one above all.
        groups: Makes the tables of the report.
        footnote: What the numbers are; ``{tables}`` and ``{seeds}`` stand for those compared.
        peers: Names of methods that the code of qhpo cannot change.
        seeds: Number of seeds unless told otherwise.
        trials: Table -> number of trials unless told otherwise; None in a suite without trials.
        settings: Table, trials -> what each row of a run was measured at. None where a row is a
            trial, so that a longer run answers for a shorter one.
        inputs: What all methods share on a table with a seed, if anything.
        default: Names of the methods that are compared unless told otherwise; all if empty.
        default_tables: Names of the tables that they are compared on unless told otherwise; all if
            empty.
        always: Names of methods that stand in every comparison.
        aliases: What the user may type in place of names of methods -> these names.
        families: What the user may type in place of names of tables -> these names.
        reporting: The tables that results are reported on. The others are for choosing between
            variants. Empty where the suite has no such parts.
        by: Kind of row, such as ``"family"`` -> the row that a table belongs to. For each kind a
            table shows the first metric at the last point.
        check: Called with every method whose runs are missing; raises what the method lacks, which
            is better reported before the first run than from a worker.
        warm_up: Called in every worker with the same methods, so that all code is imported before a
            clock runs; picklable.
        plot: What its picture is: curves over rows, or dots with bars.
        row: What a row of a run is, as its picture says it.
        drawn_as: Name of the metric that is drawn; the first one if empty.
        with_noise: The suite that has noisy answers on the same tables, if there is one.
    """

    name: str
    tables: Mapping[str, str]
    methods: Mapping[str, Any]
    measure: Callable[[Task], Sequence[Row]]
    sources: Callable[[Any, str], Sequence[Any]]
    metrics: Sequence[Metric]
    groups: Callable[[Results], Sequence[Group]]
    footnote: str
    peers: Collection[str] = ()
    seeds: int = 5
    trials: Callable[[str], int] | None = None
    settings: Callable[[str, int], Sequence[str]] | None = None
    inputs: Inputs | None = None
    default: Sequence[str] = ()
    default_tables: Sequence[str] = ()
    always: Sequence[str] = ()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reporting: Collection[str] = ()
    by: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    check: Callable[[Any], object] | None = None
    warm_up: Callable[[Sequence[Any]], None] | None = None
    plot: Literal["curves", "dots"] = "dots"
    row: str = "trial"
    drawn_as: str = ""
    with_noise: Suite | None = None

    @property
    def drawn(self) -> Metric:
        """The metric of its picture."""
        return next(m for m in self.metrics if m.name == (self.drawn_as or self.metrics[0].name))

    def drawn_groups(self, results: Results) -> list[Group]:
        """The groups that have data of that metric: the panels of the picture."""
        field = self.drawn.field or self.drawn.name
        return [group for group in self.groups(results) if field in group.data]

    def part(self, name: str) -> tuple[str, ...]:
        """The tables of one of `PARTS`.

        Raises:
            QhpoError: If there is no such part.
        """
        if name == "all":
            return tuple(self.tables)
        if name not in PARTS or not self.reporting:
            known = ", ".join(PARTS if self.reporting else PARTS[:1])
            raise QhpoError(f"a part of the suite {self.name} must be among {known}; got {name!r}")
        is_reporting = name == "reporting"
        return tuple(table for table in self.tables if (table in self.reporting) == is_reporting)


def suite_names() -> tuple[str, ...]:
    """Names of all suites."""
    return tuple(_SUITES)


def check_as(*suites: Suite) -> Callable[[Any], None]:
    """What checks a method as each of some suites does."""

    def check(method: Any) -> None:
        for suite in suites:
            if suite.check is not None:
                suite.check(method)

    return check


def load_suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        QhpoError: If there is none.
        MissingExtraError: If it needs a package that is not installed.
    """
    if name not in _SUITES:
        raise QhpoError(f"a suite must be one of: {', '.join(_SUITES)}; got {name!r}")
    try:
        module = importlib.import_module(_SUITES[name])
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingExtraError(f"the suite {name}", package, _EXTRAS[package]) from error
    suite: Suite = module.SUITE
    return suite
