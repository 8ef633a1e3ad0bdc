"""What a comparison on tables looks like: on the terminal, in Markdown, and everything as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.sheets import (
    Cell,
    Sheet,
    compared,
    print_sheets,
    sheets_to_markdown,
    write_text_report,
)
from qhpo_problems.benchmarks.summary import Summary, summarize

__all__ = ["print_report", "to_markdown", "write_report"]


def print_report(summary: Summary, console: Console) -> None:
    """Print a comparison as tables, the best entries bold."""
    print_sheets(_sheets(summary), _footnote(summary), console)


def to_markdown(summary: Summary) -> str:
    """The same tables as GitHub Markdown."""
    return sheets_to_markdown(_sheets(summary), _footnote(summary))


def write_report(records: Sequence[RunRecord], path: Path) -> None:
    """Write a comparison: tables to ``.md``, or summary and all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another, or the records are no complete comparison.
    """
    summary = summarize(records)

    def data() -> dict[str, Any]:
        runs = [
            {**record.to_json(), "best_so_far": record.best_so_far.tolist()} for record in records
        ]
        return {**asdict(summary), "runs": runs}

    write_text_report(path, markdown=lambda: to_markdown(summary), data=data)


def _sheets(summary: Summary) -> list[Sheet]:
    last = summary.trials
    samplers = [entry.sampler for entry in summary.samplers]
    sheets = [_regrets(summary), _ranks(summary), _counts(summary)]
    for kind, regrets in (("family", summary.families), ("table", summary.tables)):
        if len(regrets) == 1:
            continue
        # One line a table: a row's best is what the eye looks for.
        rows = [
            [Cell(name), *compared([by_sampler[s] for s in samplers], _regret, min)]
            for name, by_sampler in regrets.items()
        ]
        sheets.append(Sheet(f"Mean regret @{last} by {kind}", [kind, *samplers], rows))
    return sheets


def _regrets(summary: Summary) -> Sheet:
    entries, columns = summary.samplers, {}
    for c in summary.checkpoints:
        row = compared([entry.regret[c] for entry in entries], _regret, min)
        errors = [entry.regret_error[c] for entry in entries]
        columns[f"regret @{c}"] = [
            cell if error is None else cell._replace(text=f"{cell.text} ± {_regret(error)}")
            for cell, error in zip(row, errors, strict=True)
        ]
    size = (
        f"{plural(len(summary.tables), 'table')}, {plural(len(summary.seeds), 'seed')}, "
        f"{plural(summary.trials, 'trial')}"
    )
    error = " ± standard error" if len(summary.seeds) > 1 else ""
    return _sampler_sheet(f"{size}: mean normalized regret{error}", summary, columns)


def _ranks(summary: Summary) -> Sheet:
    entries, columns = summary.samplers, {}
    for c in summary.checkpoints:
        columns[f"rank @{c}"] = compared([entry.rank[c] for entry in entries], "{:.2f}".format, min)
    for c in summary.checkpoints:
        logs = [entry.log10_regret[c] for entry in entries]
        columns[f"log10 @{c}"] = compared(logs, "{:.2f}".format, min)
    return _sampler_sheet("Mean rank, mean log10 regret", summary, columns)


def _counts(summary: Summary) -> Sheet:
    entries = summary.samplers
    hits = compared([entry.hits for entry in entries], "{:.0f}".format, max)
    medians = [entry.cpu_seconds_median for entry in entries]
    means = [entry.cpu_seconds_mean for entry in entries]
    columns = {
        "optimum found": [
            cell._replace(text=f"{cell.text} of {entry.runs}")
            for cell, entry in zip(hits, entries, strict=True)
        ],
        "repeats": compared([entry.repeats for entry in entries], "{:.0f}".format, min),
        "median CPU s": compared(medians, "{:.4f}".format, min),
        "mean CPU s": compared(means, "{:.4f}".format, min),
    }
    title = "Runs that found the optimum, repeated suggestions, CPU seconds per suggestion"
    return _sampler_sheet(title, summary, columns)


def _sampler_sheet(title: str, summary: Summary, columns: dict[str, list[Cell]]) -> Sheet:
    return Sheet.by_name(title, "sampler", [entry.sampler for entry in summary.samplers], columns)


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
