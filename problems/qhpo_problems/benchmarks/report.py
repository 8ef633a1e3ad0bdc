"""What a comparison looks like: tables on the terminal, in Markdown, and everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qhpo.cli.formats import plural
from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.summary import Summary, summarize

__all__ = ["REPORT_SUFFIXES", "check_report_path", "print_report", "to_markdown", "write_report"]

REPORT_SUFFIXES = (".json", ".md")
"""Suffixes that `write_report` understands."""


class _Cell(NamedTuple):
    text: str
    best: bool = False


@dataclass(frozen=True)
class _Grid:
    title: str
    header: list[str]
    rows: list[list[_Cell]]


def print_report(summary: Summary, console: Console) -> None:
    """Print a comparison as tables, the best entries bold."""
    for grid in _grids(summary):
        # Not the table's own title, which would be folded to a narrow table's width.
        console.print(grid.title, style="bold", highlight=False)
        table = Table()
        table.add_column(grid.header[0], no_wrap=True)
        for name in grid.header[1:]:
            table.add_column(name, justify="right")
        for row in grid.rows:
            table.add_row(*(Text(cell.text, style="bold" if cell.best else "") for cell in row))
        console.print(table)
    console.print(_footnote(summary), style="dim", highlight=False)


def to_markdown(summary: Summary) -> str:
    """The same tables as GitHub Markdown."""
    parts = []
    for grid in _grids(summary):
        align = ["---", *["---:"] * (len(grid.header) - 1)]
        cells = [[f"**{c.text}**" if c.best else c.text for c in row] for row in grid.rows]
        lines = ["| " + " | ".join(row) + " |" for row in (grid.header, align, *cells)]
        parts.append("\n".join([f"### {grid.title}", "", *lines]))
    return "\n\n".join([*parts, _footnote(summary)]) + "\n"


def check_report_path(path: Path) -> None:
    """Tell before hours of work whether `write_report` will know what to write.

    Raises:
        QhpoError: If the suffix is not one of `REPORT_SUFFIXES`.
    """
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise QhpoError(
            f"a report must be a file ending in {' or '.join(REPORT_SUFFIXES)}; got {path}"
        )


def write_report(records: Sequence[RunRecord], path: Path) -> None:
    """Write a comparison: tables to ``.md``, or summary and all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another, or the records are no complete comparison.
    """
    check_report_path(path)
    summary = summarize(records)
    if path.suffix.lower() == ".md":
        text = to_markdown(summary)
    else:
        runs = [
            {**record.to_json(), "best_so_far": record.best_so_far.tolist()} for record in records
        ]
        text = json.dumps({**asdict(summary), "runs": runs}, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _grids(summary: Summary) -> list[_Grid]:
    last = summary.trials
    samplers = [entry.sampler for entry in summary.samplers]
    grids = [_regrets(summary), _ranks(summary), _counts(summary)]
    for kind, regrets in (("family", summary.families), ("table", summary.tables)):
        if len(regrets) == 1:
            continue
        # One line a table: a row's best is what the eye looks for.
        rows = [
            [_Cell(name), *_cells([by_sampler[s] for s in samplers], _regret, min)]
            for name, by_sampler in regrets.items()
        ]
        grids.append(_Grid(f"Mean regret @{last} by {kind}", [kind, *samplers], rows))
    return grids


def _regrets(summary: Summary) -> _Grid:
    entries, columns = summary.samplers, {}
    for c in summary.checkpoints:
        cells = _cells([entry.regret[c] for entry in entries], _regret, min)
        errors = [entry.regret_error[c] for entry in entries]
        columns[f"regret @{c}"] = [
            cell if error is None else cell._replace(text=f"{cell.text} ± {_regret(error)}")
            for cell, error in zip(cells, errors, strict=True)
        ]
    size = (
        f"{plural(len(summary.tables), 'table')}, {plural(len(summary.seeds), 'seed')}, "
        f"{plural(summary.trials, 'trial')}"
    )
    error = " ± standard error" if len(summary.seeds) > 1 else ""
    return _sampler_grid(f"{size}: mean normalized regret{error}", summary, columns)


def _ranks(summary: Summary) -> _Grid:
    entries, columns = summary.samplers, {}
    for c in summary.checkpoints:
        columns[f"rank @{c}"] = _cells([entry.rank[c] for entry in entries], "{:.2f}".format, min)
    for c in summary.checkpoints:
        logs = [entry.log10_regret[c] for entry in entries]
        columns[f"log10 @{c}"] = _cells(logs, "{:.2f}".format, min)
    return _sampler_grid("Mean rank, mean log10 regret", summary, columns)


def _counts(summary: Summary) -> _Grid:
    entries = summary.samplers
    hits = _cells([entry.hits for entry in entries], "{:.0f}".format, max)
    medians = [entry.cpu_seconds_median for entry in entries]
    means = [entry.cpu_seconds_mean for entry in entries]
    columns = {
        "optimum found": [
            cell._replace(text=f"{cell.text} of {entry.runs}")
            for cell, entry in zip(hits, entries, strict=True)
        ],
        "repeats": _cells([entry.repeats for entry in entries], "{:.0f}".format, min),
        "median CPU s": _cells(medians, "{:.4f}".format, min),
        "mean CPU s": _cells(means, "{:.4f}".format, min),
    }
    title = "Runs that found the optimum, repeated suggestions, CPU seconds per suggestion"
    return _sampler_grid(title, summary, columns)


def _sampler_grid(title: str, summary: Summary, columns: dict[str, list[_Cell]]) -> _Grid:
    names = [_Cell(entry.sampler) for entry in summary.samplers]
    rows = [list(row) for row in zip(names, *columns.values(), strict=True)]
    return _Grid(title, ["sampler", *columns], rows)


def _cells(
    values: Sequence[float],
    show: Callable[[float], str],
    pick: Callable[[Sequence[float]], float],
) -> list[_Cell]:
    texts = [show(value) for value in values]
    # Equal to the eye is equal: no bold face for a digit that is not shown.
    best = show(pick(values))
    return [_Cell(text, text == best) for text in texts]


def _regret(value: float) -> str:
    return f"{value:.4f}" if value < 10 else f"{value:.3g}"


def _footnote(summary: Summary) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in summary.versions.items())
    return (
        "Regret is (best - optimum) / (median - optimum) of the table, after the number of trials "
        f"behind the @; its log10 is floored at {summary.log_floor:g}; the standard error is over "
        "seeds; ranks are among these samplers, ties shared; CPU time is the suggesting thread's. "
        f"{versions}."
    )
