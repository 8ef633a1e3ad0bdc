"""`qhpo problems` and `qhpo solvers`: what is there, what brings the rest, whether it works."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from qhpo.cli.completion import complete_solver
from qhpo.cli.options import examples
from qhpo.cli.report import facts, output, table
from qhpo.errors import QhpoError

if TYPE_CHECKING:
    from qhpo.encoding import DenseDQM
    from qhpo.problem import Problem

__all__ = ["problems", "solvers"]

_Row = tuple[str, str, str]


@click.command(epilog=examples("qhpo problems", "qhpo problems --json"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list for other programs.")
def problems(as_json: bool) -> None:
    """List the problems that can be tuned."""
    from qhpo.problem import PROBLEMS

    if as_json:
        found = PROBLEMS.load_all()
        click.echo(
            json.dumps([_record(name, problem) for name, problem in found.items()], indent=2)
        )
        return
    rows: list[_Row] = []
    for name, problem in PROBLEMS.load_all().items():
        if isinstance(problem, QhpoError):
            rows.append((name, "", str(problem)))
        else:
            install = _install(problem.missing_packages(), problem.extra)
            rows.append((name, problem.summary, install))
    _print("problem", rows, "no installed package brings a problem")


def _record(name: str, problem: Problem | QhpoError) -> dict[str, Any]:
    """A problem for other programs; of one that cannot be loaded only the error."""
    if isinstance(problem, QhpoError):
        return {"problem": name, "error": str(problem)}
    missing = problem.missing_packages()
    return {
        "problem": name,
        "summary": problem.summary,
        "metrics": list(problem.metrics) or ["value"],
        "directions": list(problem.directions),
        "missing": list(missing),
        "install": _install(missing, problem.extra).removeprefix("missing; "),
    }


@click.command(epilog=examples("qhpo solvers", "qhpo solvers --check qpu"))
@click.option(
    "--check",
    metavar="NAME",
    shell_complete=complete_solver,
    help="Sample a small model with a solver, and print what came back.",
)
def solvers(check: str | None) -> None:
    """List the solvers that can sample the model.

    With --check, a small model is sampled and compared with its exact optimum. What that costs is
    printed first.
    """
    from qhpo.solvers.registry import SOLVERS

    if check is not None:
        _check(check)
        return
    rows: list[_Row] = []
    for name, info in SOLVERS.load_all().items():
        if isinstance(info, QhpoError):
            rows.append((name, "", str(info)))
        else:
            lines = [
                info.summary,
                f"limit: {info.limits}" if info.limits else "",
                f"cost: {info.cost}" if info.cost else "",
                f"encodings: {', '.join(info.encodings)}" if len(info.encodings) > 1 else "",
            ]
            install = _install(info.missing_packages(), info.extra)
            rows.append((name, "\n".join(filter(None, lines)), install))
    _print("solver", rows, "no solver is installed")


def _check(name: str) -> None:
    """Prints what a solver makes of a small model."""
    from qhpo.solvers import find_solver, make_solver

    cost = find_solver(name).cost
    solver = make_solver(name)
    console = output()
    if cost:
        console.print(Text(f"this is one call of {name}: {cost}"), soft_wrap=True)
    model = _small_model()
    best = make_solver("exact").reads(model, seed=0).energies[0]
    try:
        reads = solver.reads(model, seed=0)
        found = reads.energies[0]
    except Exception as error:
        # Errors of qhpo are sentences of their own.
        text = str(error) if isinstance(error, QhpoError) else f"{type(error).__name__}: {error}"
        raise QhpoError(f"the solver {name} cannot be used: {text}") from error
    report = reads.report
    rows = [("energy", f"{found:.4f}"), ("exact optimum", f"{best:.4f}")]
    rows.append(("valid reads", f"{report.valid_reads} of {report.reads}"))
    if report.chain_breaks is not None:
        rows.append(("chain breaks", f"{report.chain_breaks:.1%}"))
    rows.append(("seconds", f"{report.seconds:.2f}"))
    rows.append(("QPU seconds", f"{report.qpu_seconds:.3f}"))
    facts(console, rows)


def _small_model() -> DenseDQM:
    """Random biases between all cases of four variables of three.

    At most 12 bits, so that every solver takes it: simulators of gate-model machines too.
    """
    import numpy as np

    from qhpo.encoding import DenseDQM

    rng = np.random.default_rng(0)
    starts = np.arange(0, 15, 3)
    linear, quadratic = np.empty(12), np.zeros((12, 12))
    for i in range(4):
        own = slice(3 * i, 3 * i + 3)
        linear[own] = rng.standard_normal(3)
        for j in range(i):
            other = slice(3 * j, 3 * j + 3)
            quadratic[own, other] = rng.standard_normal((3, 3))
            quadratic[other, own] = quadratic[own, other].T
    return DenseDQM(starts, linear, quadratic, 0.0)


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
    result = table(header, "what it is", fold=["what it is"])
    for name, summary, problem in rows:
        cell = Text(summary)
        if problem:
            cell.append("\n" if summary else "").append(problem, style="yellow")
        result.add_row(Text(name, style="dim" if problem else "bold"), cell)
    console.print(result)
