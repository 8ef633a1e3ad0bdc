"""What a comparison of formulations looks like: one table per data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.arrangement import Arrangement, arrange, merged_versions
from qhpo_problems.benchmarks.formulations.comparison import Comparison
from qhpo_problems.benchmarks.formulations.runner import ComparisonRun
from qhpo_problems.benchmarks.sheets import (
    Cell,
    Sheet,
    compared,
    print_sheets,
    sheets_to_markdown,
    write_text_report,
)

__all__ = ["comparison_to_markdown", "print_comparison", "write_comparison"]


def print_comparison(
    comparison: Comparison, records: Sequence[ComparisonRun], console: Console
) -> None:
    """Print a comparison as tables, the best entries bold."""
    print_sheets(_sheets(comparison, records), _footnote(comparison, records), console)


def comparison_to_markdown(comparison: Comparison, records: Sequence[ComparisonRun]) -> str:
    """The same tables as GitHub Markdown."""
    return sheets_to_markdown(_sheets(comparison, records), _footnote(comparison, records))


def write_comparison(comparison: Comparison, records: Sequence[ComparisonRun], path: Path) -> None:
    """Write a comparison: tables to ``.md``, or all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another, or the records are no complete comparison.
    """

    def data() -> dict[str, Any]:
        return {
            "suite": comparison.name,
            "versions": merged_versions(records),
            "runs": [record.to_json() for record in records],
        }

    write_text_report(path, markdown=lambda: comparison_to_markdown(comparison, records), data=data)


def _sheets(comparison: Comparison, records: Sequence[ComparisonRun]) -> list[Sheet]:
    grid = arrange(records)
    return [_sheet(comparison, grid, table) for table in grid.tables]


def _sheet(comparison: Comparison, grid: Arrangement[ComparisonRun], table: str) -> Sheet:
    columns: dict[str, list[Cell]] = {}
    for position, setting in enumerate(comparison.settings):
        for metric in comparison.metrics:
            numbers = np.array(
                [
                    [grid.runs[m, table, s].numbers[position][metric.name] for s in grid.seeds]
                    for m in grid.samplers
                ]
            )
            cells = compared(numbers.mean(axis=1).tolist(), metric.show.format, metric.best)
            if metric.spread and len(grid.seeds) > 1:
                deviations = numbers.std(axis=1, ddof=1).tolist()
                cells = [
                    cell._replace(text=f"{cell.text} ± {metric.show.format(deviation)}")
                    for cell, deviation in zip(cells, deviations, strict=True)
                ]
            columns[f"{metric.name}, {setting}" if setting else metric.name] = cells
    title = f"{table}: {comparison.tables[table]}; {plural(len(grid.seeds), 'seed')}"
    return Sheet.by_name(title, "method", list(grid.samplers), columns)


def _footnote(comparison: Comparison, records: Sequence[ComparisonRun]) -> str:
    merged = merged_versions(records).items()
    versions = ", ".join(f"{package} {number}" for package, number in merged)
    return f"{comparison.footnote} Means over seeds, ± one standard deviation. {versions}."
