"""`qhpo problems` and `qhpo solvers`: what is there, and what brings the rest."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points

import click
from rich.text import Text

from qhpo.cli.report import output, table

__all__ = ["problems", "solvers"]

_Row = tuple[str, str, str]


@click.command()
def problems() -> None:
    """List the problems that can be tuned."""
    from qhpo.problem import Problem, load_problem

    rows: list[_Row] = []
    for name in sorted({point.name for point in entry_points(group="qhpo.problems")}):
        try:
            problem: Problem = load_problem(name)
        except Exception as error:
            rows.append((name, "", f"cannot be loaded: {type(error).__name__}: {error}"))
        else:
            missing = problem.missing_packages()
            rows.append((name, problem.summary, _install(missing, problem.extra)))
    _print("problem", rows, "no installed package brings a problem")


@click.command()
def solvers() -> None:
    """List the solvers that can sample the model."""
    from qhpo.solvers import describe_solvers

    _print(
        "solver",
        [
            (solver.name, solver.summary, _install(solver.missing_packages(), solver.extra))
            for solver in describe_solvers()
        ],
        "no solver is installed",
    )


def _install(missing: Iterable[str], extra: str) -> str:
    packages = " ".join(missing)
    if not packages:
        return ""
    what = f'"qhpo[{extra}]"' if extra else packages
    return f"missing; pip install {what}"


def _print(header: str, rows: list[_Row], nothing: str) -> None:
    console = output()
    if not rows:
        console.print(nothing)
        return
    result = table(header, "what it is")
    result.columns[1].no_wrap = False
    result.columns[1].overflow = "fold"
    for name, summary, problem in rows:
        cell = Text(summary)
        if problem:
            cell.append("\n" if summary else "").append(problem, style="yellow")
        result.add_row(Text(name, style="dim" if problem else "bold"), cell)
    console.print(result)
