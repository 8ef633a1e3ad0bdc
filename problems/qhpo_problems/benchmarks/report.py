"""What a comparison looks like: on the terminal, in Markdown, and everything as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qhpo.cli.report import plural
from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.results import Group, Results
from qhpo_problems.benchmarks.suite import Metric, Suite

__all__ = ["check_report_path", "print_report", "to_markdown", "write_report"]

_SUFFIXES = (".json", ".md")
"""Of the files that a report can be written to."""

_NONE = "none"
"""Stands where a method has no number."""


class Cell(NamedTuple):
    """What a place of a table shows, and whether it is the best of its kind."""

    text: str
    best: bool = False
    value: float = math.nan
    error: float = math.nan


@dataclass(frozen=True)
class Sheet:
    """A table of a report. The first column holds names, the others hold numbers.

    Attributes:
        title: Stands above it.
        header: Names of the columns.
        rows: One cell per column.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def to_json(self) -> dict[str, Any]:
        """Title, and row -> column -> number; of an error, the column ends with "±"."""
        rows: dict[str, dict[str, float | None]] = {}
        for name, *cells in self.rows:
            numbers = rows[name.text] = {}
            for column, cell in zip(self.header[1:], cells, strict=True):
                numbers[column] = cell.value if math.isfinite(cell.value) else None
                if math.isfinite(cell.error):
                    numbers[f"{column} ±"] = cell.error
        return {"title": self.title, "rows": rows}


def print_report(suite: Suite, results: Results, console: Console) -> None:
    """Print a comparison as tables, the best entries bold."""
    for sheet in _sheets(suite, results):
        # Not the table's own title, which would be folded to a narrow table's width.
        console.print(sheet.title, style="bold", highlight=False)
        table = Table()
        table.add_column(sheet.header[0], no_wrap=True)
        for name in sheet.header[1:]:
            table.add_column(name, justify="right")
        for row in sheet.rows:
            table.add_row(*(Text(cell.text, style="bold" if cell.best else "") for cell in row))
        console.print(table)
    console.print(_footnote(suite, results), style="dim", highlight=False)


def to_markdown(suite: Suite, results: Results) -> str:
    """The same tables as GitHub Markdown."""
    parts = []
    for sheet in _sheets(suite, results):
        align = ["---", *["---:"] * (len(sheet.header) - 1)]
        texts = [[f"**{c.text}**" if c.best else c.text for c in row] for row in sheet.rows]
        lines = ["| " + " | ".join(row) + " |" for row in (sheet.header, align, *texts)]
        parts.append("\n".join([f"### {sheet.title}", "", *lines]))
    return "\n\n".join([*parts, _footnote(suite, results)]) + "\n"


def check_report_path(path: Path) -> None:
    """Tell before hours of work whether `write_report` will know what to write.

    Raises:
        QhpoError: If the file ends neither in .json nor in .md.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise QhpoError(f"a report must be a file ending in {' or '.join(_SUFFIXES)}; got {path}")


def write_report(suite: Suite, results: Results, path: Path) -> None:
    """Write a comparison: tables to ``.md``, or their numbers and all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another.
    """
    check_report_path(path)
    if path.suffix.lower() == ".md":
        text = to_markdown(suite, results)
    else:
        data = {
            "suite": suite.name,
            "versions": results.versions,
            "sheets": [sheet.to_json() for sheet in _sheets(suite, results)],
            "runs": [record.to_json() for record in results.runs.values()],
        }
        text = json.dumps(data, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _sheets(suite: Suite, results: Results) -> list[Sheet]:
    groups = suite.groups(results)
    sheets = [sheet for group in groups for sheet in _of_group(suite, group, results.methods)]
    return [*sheets, *(sheet for kind in suite.by for sheet in _by(suite, results, kind))]


def _of_group(suite: Suite, group: Group, methods: Sequence[str]) -> list[Sheet]:
    """One table for each heading of the metrics that the group has data for."""
    sheets = []
    known = [metric for metric in suite.metrics if (metric.field or metric.name) in group.data]
    for heading, metrics in groupby(known, lambda metric: metric.heading):
        columns: dict[str, list[Cell]] = {}
        for metric in metrics:
            points = group.points.items() if metric.each else [("", None)]
            columns |= {f"{metric.name}{end}": _cells(metric, group, at) for end, at in points}
        rows = zip(map(Cell, methods), *columns.values(), strict=True)
        title = f"{group.title}: {heading}" if heading else group.title
        sheets.append(Sheet(title, ["method", *columns], list(rows)))
    return sheets


def _by(suite: Suite, results: Results, kind: str) -> list[Sheet]:
    """The first metric at the last point; a line for each kind of table, the best of it marked."""
    members: dict[str, list[str]] = {}
    for table in results.tables:
        members.setdefault(suite.by[kind](table), []).append(table)
    if len(members) < 2:
        return []
    metric, rows = replace(suite.metrics[0], error=None), []
    *_, (end, at) = suite.groups(results)[0].points.items()
    for name, tables in members.items():
        rows.append([Cell(name), *_cells(metric, results.group(name, tables, {}), at)])
    return [Sheet(f"Mean {metric.name}{end} by {kind}", [kind, *results.methods], rows)]


def _cells(metric: Metric, group: Group, at: int | None) -> list[Cell]:
    """A number of each method, the best of them marked.

    Args:
        metric: Makes the numbers.
        group: Has the data.
        at: The row that they are made of; None for all rows.
    """
    data = group.data[metric.field or metric.name]
    data = data if at is None else data[..., at]
    values = metric.value(data).tolist()
    errors = [math.nan] * len(values) if metric.error is None else metric.error(data).tolist()
    finite = [value for value in values if math.isfinite(value)]
    best = metric.show(metric.best(finite)) if metric.best is not None and finite else None
    cells = []
    for value, error in zip(values, errors, strict=True):
        text = metric.show(value) if math.isfinite(value) else _NONE
        # Equal to the eye is equal: no bold face for a digit that is not shown.
        is_best = text == best
        text += f" ± {metric.show(error).lstrip('+')}" if math.isfinite(error) else ""
        text += f" of {group.runs}" if metric.of_runs else ""
        cells.append(Cell(text, is_best, value, error))
    return cells


def _footnote(suite: Suite, results: Results) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in results.versions.items())
    seeds = plural(len(results.seeds), "seed")
    text = suite.footnote.format(tables=", ".join(results.tables), seeds=seeds)
    return f"{text} {versions}."
