"""What a person reads: numbers and times, tables, a study's best configuration and its trials."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qhpo.cli.studies import (
    Status,
    best_trials,
    count,
    metrics,
    status,
    suggesting_seconds,
    training_seconds,
)
from qhpo.program.execution import EXIT_CODE

if TYPE_CHECKING:
    from qhpo.study import Recommendation

__all__ = [
    "Conditions",
    "active",
    "age",
    "anneals",
    "attributes",
    "column",
    "duration",
    "facts",
    "number",
    "output",
    "plural",
    "plus_minus",
    "print_best",
    "print_expected_front",
    "print_group",
    "print_trials",
    "table",
    "time_spent",
    "trial_counts",
]

Conditions = Mapping[str, Mapping[str, Any]]

_OWN = "qhpo:"
"""Begins the user attributes that the program keeps for itself."""

_Column = tuple[str, list[str], bool]
"""Header, a cell for each row, and whether it is aligned to the right."""

_UNLIMITED = 10_000
"""Width of a pipe or a file, in characters: more than any table has."""

_LEAST_ROOM = 20
"""Width of a folded value at least, in characters; beside longer names it sticks out."""

_STYLES = {
    Status.PRUNED: "yellow",
    Status.OVER_BUDGET: "yellow",
    Status.FAILED: "red",
    Status.INTERRUPTED: "dim",
    Status.GIVEN_UP: "dim",
    Status.RUNNING: "cyan",
    Status.ASKED: "cyan",
    Status.WAITING: "dim",
}


def number(value: Any, digits: int = 6) -> str:
    """A single value: floats with so many significant digits, everything else as it is."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def column(values: Sequence[Any]) -> list[str]:
    """Values that stand under each other: all floats with the same decimals or all in powers of 10.

    ``None`` stands for a missing value.
    """
    floats = [abs(v) for v in values if isinstance(v, float) and math.isfinite(v) and v != 0.0]
    top, bottom = (math.floor(math.log10(f(floats, default=1.0))) for f in (max, min))
    # Four significant digits for the largest, three for the smallest.
    decimals = max(3 - top, 2 - bottom, 0)
    pattern = f".{decimals}f" if top < 6 and decimals <= 6 else ".2e"
    return [_cell(value, pattern) for value in values]


def _cell(value: Any, pattern: str) -> str:
    if value is None:
        return "-"
    return format(value, pattern) if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Such as ``"38 ms"``, ``"4.2 s"``, ``"42 s"``, ``"2 min 31 s"`` or ``"1 h 02 min"``."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(n: int, noun: str) -> str:
    """Such as ``"1 trial"`` and ``"2 trials"``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def output() -> Console:
    """Standard output: as wide as the terminal, or as it needs when it goes to a file or a pipe."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNLIMITED
    return console


def time_spent(trials: Sequence[FrozenTrial]) -> str:
    """Such as ``"2 min 31 s training, 4.2 s suggesting"``."""
    training = duration(sum(map(training_seconds, trials)))
    suggesting = duration(sum(map(suggesting_seconds, trials)))
    return f"{training} training, {suggesting} suggesting"


def anneals(trials: Sequence[FrozenTrial]) -> list[str]:
    """What each solver did, such as ``"neal: 84 models, up to 61 variables, 0.9 s"``."""
    from qhpo.study import spent

    lines = []
    for name, report in spent(trials).items():
        parts = [f"{report.calls} models"]
        if report.failed:
            parts.append(plural(report.failed, "failed call"))
        if report.calls:
            parts.append(f"up to {report.variables} variables and {report.couplers} couplers")
            parts.append(f"{report.valid_reads / max(report.reads, 1):.0%} valid reads")
        if report.chain_breaks is not None:
            parts.append(f"{report.chain_breaks:.1%} chains broken")
        parts.append(duration(report.seconds))
        if report.qpu_seconds:
            parts.append(f"{report.qpu_seconds:.3f} s of QPU time")
        if report.fallback:
            parts.append(f"in place of another solver: {report.fallback}")
        lines.append(f"{name}: {', '.join(parts)}")
    return lines


def trial_counts(trials: Sequence[FrozenTrial]) -> str:
    """Such as ``"28 complete, 2 failed, 1 asked (2 h 05 min ago)"``; of several the oldest."""
    parts = []
    for kind, n in count(trials).items():
        oldest = max((age(t) for t in trials if status(t) is kind is Status.ASKED), default=None)
        since = "" if oldest is None else f" ({duration(oldest)} ago)"
        parts.append(f"{n} {kind.value}{since}")
    return ", ".join(parts) or "none yet"


def age(trial: FrozenTrial) -> float:
    """Seconds since a trial was started; 0 where it was not."""
    if trial.datetime_start is None:
        return 0.0
    return max((datetime.now() - trial.datetime_start).total_seconds(), 0.0)


def table(*headers: str, fold: Collection[str] = ()) -> Table:
    """A table in the program's one style.

    Args:
        headers: Of its columns.
        fold: Columns whose cells go on in a next line where the console is narrow.
    """
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for header in headers:
        folds = header in fold
        result.add_column(Text(header), no_wrap=not folds, overflow="fold" if folds else "ellipsis")
    return result


def facts(console: Console, rows: Sequence[tuple[str, str]], *, fold: bool = False) -> None:
    """Print names and values under each other.

    Args:
        console: Where to.
        rows: Names and values.
        fold: Whether a value longer than the line goes on below its beginning, broken between
            words; else it is not broken, so that a command can be copied.
    """
    width = max(cell_len(name) for name, _ in rows)
    for name, value in rows:
        first = f"{name}{' ' * (width - cell_len(name))}  "
        room = max(console.width - len(first), _LEAST_ROOM)
        pieces = [value]
        if fold and cell_len(value) > room:
            pieces = wrap(value, room, break_long_words=False, break_on_hyphens=False) or [value]
        for index, piece in enumerate(pieces):
            margin = " " * cell_len(first) if index else first
            line = Text(margin, style="bold").append(Text(piece, style="not bold"))
            console.print(line, soft_wrap=True)


def plus_minus(console: Console, value: float, deviation: float) -> str:
    """Such as ``"0.031 ± 0.002"``, or with ``+-`` where the console has no such sign."""
    sign = "±" if console.encoding.lower().startswith("utf") else "+-"
    return f"{value:.4g} {sign} {deviation:.2g}"


def print_best(console: Console, study: optuna.Study, conditions: Conditions | None = None) -> None:
    """Print the best value, its configuration and attributes, or the front of several objectives.

    Args:
        console: Where to.
        study: The study.
        conditions: Which parameters exist only under some values of others. One that a trial
            asked for although it does not exist there had no effect, and is left out.
    """
    best = best_trials(study)
    if not best:
        has_value = any(
            trial.state.name == "COMPLETE" for trial in study.get_trials(deepcopy=False)
        )
        reason = "no trial kept its constraints yet" if has_value else "no trial has a value yet"
        facts(console, [("best value", reason)], fold=True)
    elif len(study.directions) > 1:
        names = " and ".join(metrics(study))
        said = f"{len(best)} that no other beats in {names}"
        facts(console, [("best trials", said)], fold=True)
        _print_table(console, [_number_column(best), *_values(study, best)], best)
    else:
        found = best[0]
        facts(console, [("best value", f"{number(found.value)}  (trial {found.number})")])
        print_group(console, "", active(found.params, conditions or {}))
        print_group(console, "attributes", attributes(found.user_attrs))


def print_expected_front(
    console: Console, study: optuna.Study, recommended: Sequence[Recommendation]
) -> None:
    """Print what of several objectives is expected without noise; nothing if it is not known."""
    if not recommended:
        return
    said = f"{len(recommended)} that no other is expected to beat without noise"
    facts(console, [("recommended", said)], fold=True)
    columns = [_number_column([one.trial for one in recommended])]
    for i, name in enumerate(metrics(study)):
        columns.append(
            (name, [plus_minus(console, r.values[i], r.deviations[i]) for r in recommended], True)
        )
    _print_table(console, columns, [one.trial for one in recommended])


def print_group(console: Console, title: str, values: Mapping[str, Any]) -> None:
    """Print names and values, indented below a title; nothing if there are none."""
    if values and title:
        console.print(Text(title, style="bold"))
    if values:
        rows = [(f"  {name}", " ".join(number(v).split())) for name, v in values.items()]
        facts(console, rows, fold=True)


def active(params: Mapping[str, Any], conditions: Conditions) -> dict[str, Any]:
    """The parameters that exist in a configuration.

    Args:
        params: What the trial asked for.
        conditions: Parameters that exist only where others exist and have one of these values.
    """

    def exists(name: str, below: tuple[str, ...] = ()) -> bool:
        if name not in params or name in below:
            return False
        parents = conditions.get(name, {})
        return all(
            exists(parent, (*below, name)) and params[parent] in values
            for parent, values in parents.items()
        )

    return {name: value for name, value in params.items() if exists(name)}


def attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The user attributes that an objective has set."""
    return {name: value for name, value in attrs.items() if not name.startswith(_OWN)}


def print_trials(console: Console, study: optuna.Study, last: int) -> None:
    """Print the last trials, with as many parameters as the console is wide."""
    trials = study.get_trials(deepcopy=False)
    best = {trial.number for trial in best_trials(study)}
    shown = trials[-last:]
    columns: list[_Column] = [
        _number_column(shown),
        *_values(study, shown),
        ("state", [status(trial).value for trial in shown], False),
        ("train s", [_seconds(training_seconds(trial), 2) for trial in shown], True),
        ("suggest s", [_seconds(suggesting_seconds(trial), 3) for trial in shown], True),
    ]
    _print_table(console, columns, shown, best)
    if len(shown) < len(trials):
        console.print(f"the last {len(shown)} of {len(trials)} trials; --last N shows more")


def _print_table(
    console: Console,
    columns: list[_Column],
    shown: Sequence[FrozenTrial],
    best: Collection[int] = (),
) -> None:
    """Print trials, a row each: the columns, and of parameters and attributes those that fit."""
    columns = list(columns)
    for name in dict.fromkeys(name for trial in shown for name in trial.params):
        values = [_parameter(trial, name) for trial in shown]
        columns.append((name, column(values), _is_number(values)))
    measured = [attributes(trial.user_attrs) for trial in shown]
    for name in dict.fromkeys(name for each in measured for name in each):
        values = [each.get(name) for each in measured]
        if name == EXIT_CODE and not any(values):
            continue  # the state says as much
        if _is_number(values):  # texts and lists stand in `qhpo show --trial`
            columns.append((name, column(values), True))
    fitting = _fitting(columns, console.width)
    result = table()
    for header, _, right in columns[:fitting]:
        result.add_column(Text(header), no_wrap=True, justify="right" if right else "left")
    for row, trial in enumerate(shown):
        style = "bold green" if trial.number in best else _STYLES.get(status(trial), "")
        result.add_row(*(Text(cells[row]) for _, cells, _ in columns[:fitting]), style=style)
    console.print(result)
    if fitting < len(columns):
        hidden = ", ".join(name for name, _, _ in columns[fitting:])
        console.print(f"more in `qhpo show | less -S`: {hidden}", markup=False)


def _number_column(shown: Sequence[FrozenTrial]) -> _Column:
    return ("trial", [str(trial.number) for trial in shown], True)


def _values(study: optuna.Study, shown: Sequence[FrozenTrial]) -> list[_Column]:
    """A column for each objective."""
    return [
        (name, column([_value(trial, i) for trial in shown]), True)
        for i, name in enumerate(metrics(study))
    ]


def _value(trial: FrozenTrial, objective: int) -> float | None:
    if status(trial) not in (Status.COMPLETE, Status.PRUNED) or trial.values is None:
        return None
    return float(trial.values[objective])


def _parameter(trial: FrozenTrial, name: str) -> Any:
    """The value for `column`, in which None means that the trial does not have the parameter."""
    value = trial.params.get(name)
    return "None" if value is None and name in trial.params else value


def _seconds(seconds: float, decimals: int) -> str:
    return f"{seconds:.{decimals}f}" if seconds > 0 else "-"


def _is_number(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _fitting(columns: Sequence[_Column], width: int) -> int:
    """How many of the columns, from the left, fit next to each other."""
    used = 0
    for index, (header, cells, _) in enumerate(columns):
        used += max(cell_len(text) for text in [header, *cells])
        if used > width:
            return index
        used += 2
    return len(columns)
