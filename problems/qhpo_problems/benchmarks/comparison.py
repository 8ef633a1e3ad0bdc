"""Suites of methods on data sets, whose runs have settings in place of trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import Group, Results
from qhpo_problems.benchmarks.store import Row
from qhpo_problems.benchmarks.suite import Metric, Suite, Task

__all__ = ["comparison"]

Measure = Callable[[str, str, int], Sequence[Row]]


def comparison(
    *,
    name: str,
    tables: Mapping[str, str],
    methods: Sequence[str],
    settings: Sequence[str],
    metrics: Sequence[Metric],
    measure: Measure,
    footnote: str,
) -> Suite:
    """A suite of methods on data sets.

    Args:
        name: What the user types behind ``--suite``.
        tables: Name of a data set -> what it is, for the title.
        methods: Their names, those that it is about first.
        settings: What each run is measured at, such as ``"k=5"``.
        metrics: What is measured, fields of the rows.
        measure: Runs a method on a data set with a seed, by their names; returns a row for every
            setting. A function of a module, whose code and imports decide the numbers.
        footnote: What the numbers are.
    """
    points = {f", {s}" if s else "": position for position, s in enumerate(settings)}

    def groups(results: Results) -> list[Group]:
        seeds = plural(len(results.seeds), "seed")
        return [
            results.group(f"{table}: {tables[table]}; {seeds}", [table], points)
            for table in results.tables
        ]

    return Suite(
        name=name,
        tables=tables,
        methods={method: method for method in methods},
        measure=partial(_measured, measure),
        sources=lambda method, table: [measure],
        settings=lambda table, trials: settings,
        metrics=metrics,
        groups=groups,
        plot="dots",
        footnote=f"{footnote} Means over seeds, ± one standard error.",
    )


def _measured(measure: Measure, task: Task) -> Sequence[Row]:
    return measure(task.table, task.name, task.seed)
