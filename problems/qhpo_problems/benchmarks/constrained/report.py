"""What the comparison on problems with constraints looks like: one table per problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.constrained.records import ConstrainedRun
from qhpo_problems.benchmarks.constrained.summary import (
    ConstrainedSummary,
    ProblemSummary,
    summarize_constrained,
)
from qhpo_problems.benchmarks.sheets import (
    Sheet,
    compared,
    print_sheets,
    sheets_to_markdown,
    write_text_report,
)

__all__ = ["constrained_to_markdown", "print_constrained", "write_constrained"]


def print_constrained(summary: ConstrainedSummary, console: Console) -> None:
    """Print a comparison as tables, the best entries bold."""
    print_sheets(_sheets(summary), _footnote(summary), console)


def constrained_to_markdown(summary: ConstrainedSummary) -> str:
    """The same tables as GitHub Markdown."""
    return sheets_to_markdown(_sheets(summary), _footnote(summary))


def write_constrained(records: Sequence[ConstrainedRun], path: Path) -> None:
    """Write a comparison: tables to ``.md``, or summary and all runs to ``.json``.

    Raises:
        QhpoError: If the suffix is another, or the records are no complete comparison.
    """
    summary = summarize_constrained(records)

    def data() -> dict[str, Any]:
        return {**asdict(summary), "runs": [_run(record) for record in records]}

    write_text_report(path, markdown=lambda: constrained_to_markdown(summary), data=data)


def _run(record: ConstrainedRun) -> dict[str, Any]:
    # JSON has no infinity: no feasible trial so far is null.
    best = [value if math.isfinite(value) else None for value in record.best_so_far.tolist()]
    return {**record.to_json(), "best_so_far": best}


def _sheets(summary: ConstrainedSummary) -> list[Sheet]:
    return [_sheet(problem) for problem in summary.problems]


def _sheet(problem: ProblemSummary) -> Sheet:
    results = problem.samplers
    columns = {
        "feasible": compared([result.feasible for result in results], "{:.1%}".format, max),
        "repeats": compared([result.repeats for result in results], "{:.1%}".format, min),
    }
    for c in problem.checkpoints:
        gaps = [result.gap[c] for result in results]
        found = [math.inf if gap is None else gap for gap in gaps]
        columns[f"gap @{c}"] = compared(found, _gap, min)
    hits = compared([result.hits for result in results], "{:.0f}".format, max)
    columns["optimum"] = [
        cell._replace(text=f"{cell.text} of {len(problem.seeds)}") for cell in hits
    ]
    columns["CPU s"] = compared([result.cpu_seconds for result in results], "{:.4f}".format, min)
    title = (
        f"{problem.problem}: {problem.description}; {plural(problem.trials, 'trial')}, "
        f"{plural(len(problem.seeds), 'seed')}, gap 1 is {problem.reference_name}"
    )
    return Sheet.by_name(title, "sampler", [result.sampler for result in results], columns)


def _gap(value: float) -> str:
    if math.isinf(value):
        return "none"
    return f"{value:.4f}" if value < 10 else f"{value:.3g}"


def _footnote(summary: ConstrainedSummary) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in summary.versions.items())
    return (
        "Shares of trials that are feasible and that repeat an earlier one; gap of the best "
        "feasible value after the number of trials behind the @, 0 at the optimum, none without a "
        "feasible trial; runs that found the optimum; CPU seconds of the suggesting thread per "
        "suggestion. Medians over seeds. qubo knows the constraints before the first trial, the "
        f"others are told of violations by trial.set_constraint. {versions}."
    )
