"""`qhpo validate`: check a sweep file, and say what it asks for before anything is run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import optuna
from rich.text import Text

from qhpo.cli.options import examples
from qhpo.cli.report import facts, output, plural
from qhpo.space import Between

if TYPE_CHECKING:
    from qhpo.sweep import Sweep
    from qhpo.sweep.summary import Feasible, QpuCall, Summary

__all__ = ["print_summary", "validate"]

_NAMED = 3
"""Parameters without steps that are named at most, on one line."""


@click.command(
    epilog=examples(
        "qhpo validate sweep.yaml",
        "qhpo validate sweep.yaml --json",
        "qhpo validate --schema > sweep.schema.json",
    )
)
@click.argument("file", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print what is found as JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of sweep files, for editors.")
def validate(file: str | None, as_json: bool, schema: bool) -> None:
    """Check the sweep file FILE, and say what it asks for; nothing is run.

    Printed are the size of the space, the share of it that keeps all rules, the QUBO of one
    suggestion, what a QPU would need for it, and ten sample command lines.
    """
    from qhpo.sweep import load_sweep, read_schema

    if schema:
        click.echo(read_schema(), nl=False)
        return
    if file is None:
        raise click.UsageError("missing argument 'FILE'")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print_summary(load_sweep(file), as_json=as_json)


def print_summary(sweep: Sweep, *, as_json: bool = False) -> None:
    """Print what a sweep file asks for.

    Raises:
        QhpoError: If it is proven that no configuration keeps all rules, or a command line names
            an environment variable that is not set.
    """
    from qhpo.sweep.summary import summarize

    summary = summarize(sweep)
    if as_json:
        click.echo(json.dumps(_as_json(sweep, summary), indent=2))
        return
    console = output()
    share = _kept(summary.feasible) if sweep.constraints else []
    facts(console, [*_what(sweep), *_space(summary), *share, *_models(summary)], fold=True)
    console.print()
    console.print(Text(f"{plural(len(summary.examples), 'sample')} of what is run", "bold"))
    for line in summary.examples:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if not summary.examples:
        console.print("  none was found that keeps all rules; loosen one of them")


def _what(sweep: Sweep) -> list[tuple[str, str]]:
    goal = f"{sweep.metric.direction} {sweep.metric.name}"
    if sweep.metric.target is not None:
        goal += f" until {sweep.metric.target:g}"
    rules = []
    if sweep.constraints:
        rules.append(plural(len(sweep.constraints), "constraint"))
    if sweep.conditions:
        rules.append(plural(len(sweep.conditions), "conditional parameter"))
    if sweep.measured:
        rules.append(f"bounds of {', '.join(sweep.measured)}, which the program measures")
    return [
        ("study", sweep.name),
        ("program", _program(sweep)),
        ("goal", f"{goal} by {sweep.method}"),
        ("rules", "; ".join(rules) or "none"),
    ]


def _program(sweep: Sweep) -> str:
    if sweep.program is None:
        return sweep.command.elements[0] if sweep.command else ""
    if sweep.command is None:
        return f"{sweep.program}, a Python function"
    is_missing = not Path(sweep.program).exists() and "${program}" in sweep.command.elements
    return f"{sweep.program} (there is no such file here)" if is_missing else sweep.program


def _space(summary: Summary) -> list[tuple[str, str]]:
    total = summary.combinations
    what = f"{plural(summary.parameters, 'parameter')}, "
    if total is None:
        some = ", ".join(summary.continuous[:_NAMED])
        more = ", ..." if len(summary.continuous) > _NAMED else ""
        what += f"infinitely many combinations (no steps: {some}{more})"
    else:
        what += f"{_count(total)} combinations"
    return [("space", what)]


def _kept(found: Feasible) -> list[tuple[str, str]]:
    if found.standard_error is None:
        share = f"{_percent(found.share)} (exact)"
        if found.configurations is not None:
            share += f": {found.configurations:,} different configurations"
    elif found.kept == 0:
        share = (
            f"none of {found.looked_at:,} random configurations, so below {3 / found.looked_at:.2%}"
        )
    else:
        share = (
            f"{_percent(found.share)} +- {_percent(found.standard_error)} (standard error), from "
            f"{found.looked_at:,} random configurations"
        )
    return [("keep all rules", share)]


def _models(summary: Summary) -> list[tuple[str, str]]:
    rows = [
        (f"QUBO, {model.encoding}", f"{model.bits:,} bits, {model.couplers:,} couplers")
        for model in summary.models
    ]
    return [*rows, *_qpu(summary.qpu)]


def _qpu(call: QpuCall) -> list[tuple[str, str]]:
    cut = f"the {call.sampled} that matter most of " if call.sampled < call.bits else ""
    size = (
        f"{cut}{call.bits:,} bits as a clique: about {call.qubits:,} qubits in chains of "
        f"{call.chain}, {call.share_of_qubits:.0%} of an Advantage2"
    )
    low, high = (f"{1000 * seconds:.0f}" for seconds in call.seconds)
    calls = (
        f"{call.calls[0]}"
        if call.calls[0] == call.calls[1]
        else f"{call.calls[0]} to {call.calls[1]}"
    )
    time = (
        f"{low} to {high} ms for {call.reads} reads, {calls} calls a trial (an estimate: "
        "programming + reads x (anneal + readout + delay))"
    )
    return [("on a QPU", size), ("QPU time", time)]


def _count(number: int) -> str:
    if number < 10**12:
        return f"{number:,}"
    return f"about 10^{len(str(number)) - 1}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _as_json(sweep: Sweep, summary: Summary) -> dict[str, Any]:
    texts: Sequence[str] = [repr(constraint) for constraint in sweep.constraints]
    return {
        "file": str(sweep.path),
        "name": sweep.name,
        "method": sweep.method,
        "metric": asdict(sweep.metric),
        "constraints": texts,
        "conditions": {
            child: {parent: _enabling(values) for parent, values in parents.items()}
            for child, parents in sweep.conditions.items()
        },
        "measured": {name: asdict(bound) for name, bound in sweep.measured.items()},
        "notes": list(sweep.notes),
        **asdict(summary),
    }


def _enabling(values: Sequence[Any] | Between) -> Any:
    """What of a parent lets a child exist: a list of values, or the ends that there are."""
    if not isinstance(values, Between):
        return values
    ends = {"min": values.low, "max": values.high}
    return {name: end for name, end in ends.items() if math.isfinite(end)}
