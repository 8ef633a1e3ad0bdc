"""What the comparison of solvers looks like: one table per size of model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.sheets import (
    Cell,
    Sheet,
    compared,
    print_sheets,
    sheets_to_markdown,
    write_text_report,
)
from qhpo_problems.benchmarks.solvers.records import SolverRun
from qhpo_problems.benchmarks.solvers.summary import (
    USUAL,
    SizeSummary,
    SolversSummary,
    summarize_solvers,
)

__all__ = ["print_solvers", "solvers_to_markdown", "write_solvers"]

_NONE = "none"


def print_solvers(summary: SolversSummary, console: Console) -> None:
    """Print a comparison as tables, the best entries bold."""
    print_sheets(_sheets(summary), _footnote(summary), console)


def solvers_to_markdown(summary: SolversSummary) -> str:
    """The same tables as GitHub Markdown."""
    return sheets_to_markdown(_sheets(summary), _footnote(summary))


def write_solvers(records: Sequence[SolverRun], path: Path) -> None:
    """Write a comparison: tables to ``.md``, or summary and all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another, or the records are no complete comparison.
    """
    summary = summarize_solvers(records)

    def data() -> dict[str, Any]:
        return {**asdict(summary), "runs": [record.to_json() for record in records]}

    write_text_report(path, markdown=lambda: solvers_to_markdown(summary), data=data)


def _sheets(summary: SolversSummary) -> list[Sheet]:
    sheets = [_sheet(size, _levels(size)) for size in summary.sizes]
    if summary.usual is not None:
        usual = summary.usual
        what = f"of studies of up to {USUAL} parameters, {usual.eliminated} solved by elimination"
        sheets.append(_sheet(usual, what))
    return sheets


def _levels(size: SizeSummary) -> str:
    levels = f"{size.smallest} to {size.largest} levels" if size.largest else "nothing"
    return f"{levels} left by elimination"


def _sheet(size: SizeSummary, what: str) -> Sheet:
    results = size.solvers

    def column(name: str, show: Callable[[float], str], best: Any, worst: float) -> list[Cell]:
        values = [getattr(result, name) for result in results]
        numbers = [worst if value is None else value for value in values]
        return compared(numbers, lambda v: show(v) if math.isfinite(v) else _NONE, best)

    def milliseconds(seconds: float) -> str:
        return f"{1e3 * seconds:.1f}"

    columns = {
        "optimum": column("hits", "{:.1%}".format, max, -math.inf),
        "mean gap": column("gap", "{:.4f}".format, min, math.inf),
        "raw optimum": column("raw_hits", "{:.1%}".format, max, -math.inf),
        "raw gap": column("raw_gap", "{:.3f}".format, min, math.inf),
        "valid reads": column("valid", "{:.1%}".format, max, -math.inf),
        "CPU ms": column("cpu_seconds", milliseconds, min, math.inf),
        "95 %": column("cpu_seconds_95", milliseconds, min, math.inf),
        "worst": column("cpu_seconds_worst", milliseconds, min, math.inf),
        "refused": [Cell(str(result.refused)) for result in results],
    }
    proven = "all" if size.proven == size.models else f"{size.proven} of them"
    title = f"{plural(size.models, 'model')}, {what}; {proven} proven"
    return Sheet.by_name(title, "solver", [result.solver for result in results], columns)


def _footnote(summary: SolversSummary) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in summary.versions.items())
    return (
        f"Models of {', '.join(summary.studies)}, {plural(len(summary.seeds), 'seed')}, as "
        "QUBOSampler hands them to its solver. Optimum: share of models whose lowest known energy "
        "was reached, proven or found by a long search or any of these solvers; gap: distance from "
        "it in field scales of the model; raw: by valid reads before repair and polish (gap: "
        "median); CPU time: median per model, what 95 % of them took at most, and the worst; "
        f"refused: models that the solver did not take. {versions}."
    )
