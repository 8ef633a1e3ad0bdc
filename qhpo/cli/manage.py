"""`qhpo studies`: what a storage holds, and to rename, delete or copy it."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from qhpo.cli.completion import complete_study
from qhpo.cli.interrupts import Interrupts, interruptible
from qhpo.cli.options import examples
from qhpo.cli.records import study_record, write_csv, write_json
from qhpo.cli.report import facts, number, output, plural, table, trial_counts
from qhpo.cli.storage import open_storage, readable_errors, shown_url, storage_option
from qhpo.cli.stored import load_stored, study_names
from qhpo.cli.studies import best_trials, metrics
from qhpo.errors import QhpoError

__all__ = ["studies"]

_NAME_WIDTH = 16
"""Characters of a study's name that a list must have room for."""

_DATABASES = (".db", ".sqlite", ".sqlite3")
"""Endings of databases, into which a study is copied as it is."""

_JOURNALS = (".journal", ".log")
"""Endings of files that `open_storage` takes for a journal, the same."""


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "qhpo studies",
        "qhpo studies rename cnn-digits first-try",
        "qhpo studies delete first-try",
        "qhpo studies export cnn-digits -o cnn-digits.csv",
        "qhpo studies export cnn-digits -o archive.db",
    ),
)
@storage_option
@click.pass_context
def studies(ctx: click.Context, storage: str) -> None:
    """List the studies of a storage; rename, delete or export one."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ctx.obj = storage
    if ctx.invoked_subcommand is None:
        _list(storage)


@studies.command("list")
@storage_option
@click.pass_context
def list_(ctx: click.Context, storage: str) -> None:
    """List the studies, the last changed first."""
    _list(_url(ctx, storage))


def _url(ctx: click.Context, storage: str) -> str:
    """The storage that stands behind the subcommand, or else before it."""
    source = ctx.get_parameter_source("storage")
    return str(ctx.obj) if source is click.core.ParameterSource.DEFAULT else storage


def _list(url: str) -> None:
    console = output()
    with readable_errors(url):
        opened = open_storage(url, must_exist=True)
        found = [optuna.load_study(study_name=name, storage=opened) for name in study_names(opened)]
        if not found:
            console.print(
                f"{shown_url(url)} holds no study; start one with: qhpo run PROBLEM", markup=False
            )
            return
        rows = [(study, _last_change(study)) for study in found]
        rows.sort(key=lambda row: row[1] or datetime.min, reverse=True)
        headers = ("study", "direction", "trials", "best value", "last change")
        result, records = table(*headers, fold=headers), []
        for study, changed in rows:
            cells = (
                study.study_name,
                ", ".join(direction.name.lower() for direction in study.directions),
                trial_counts(study.get_trials(deepcopy=False)),
                _best(study),
                f"{changed:%Y-%m-%d %H:%M}" if changed else "-",
            )
            result.add_row(*map(Text, cells))
            records.append(list(zip(headers, cells, strict=True)))
    if _fits(console, records):
        console.print(result)
        return
    for index, record in enumerate(records):
        if index:
            console.print()
        facts(console, record, fold=True)


def _fits(console: Console, records: Sequence[Sequence[tuple[str, str]]]) -> bool:
    """Whether whole words have room beside each other. A long name of a study may be broken."""
    name, *others = (
        max(cell_len(word) for pair in column for text in pair for word in text.split())
        for column in zip(*records, strict=True)
    )
    return min(name, _NAME_WIDTH) + sum(others) + len(others) <= console.width


def _last_change(study: optuna.Study) -> datetime | None:
    moments = [
        moment
        for trial in study.get_trials(deepcopy=False)
        for moment in (trial.datetime_start, trial.datetime_complete)
        if moment is not None
    ]
    return max(moments, default=None)


def _best(study: optuna.Study) -> str:
    best = best_trials(study)
    if len(study.directions) > 1:
        return f"front of {len(best)} in {' and '.join(metrics(study))}"
    return number(best[0].value) if best else "-"


@studies.command()
@click.argument("old", shell_complete=complete_study)
@click.argument("new")
@storage_option
@click.pass_context
def rename(ctx: click.Context, old: str, new: str, storage: str) -> None:
    """Give the study OLD the name NEW."""
    storage = _url(ctx, storage)
    with interruptible() as interrupts, readable_errors(storage):
        opened = open_storage(storage, must_exist=True, interrupts=interrupts)
        study = load_stored(opened, old, storage)
        _check_free(opened, new, storage)
        running = [
            trial.number for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        ]
        if running:
            raise QhpoError(
                f"a study is renamed while nothing runs; {old} has "
                f"{plural(len(running), 'running trial')}; wait for the end, or give one up with "
                f"`qhpo tell {old} {running[0]} --failed`"
            )
        _copy(opened, old, opened, new)
        optuna.delete_study(study_name=old, storage=opened)
    click.echo(f"{old} is now {new}")


@studies.command()
@click.argument("name", shell_complete=complete_study)
@click.option("--yes", is_flag=True, help="Do not ask.")
@storage_option
@click.pass_context
def delete(ctx: click.Context, name: str, yes: bool, storage: str) -> None:
    """Delete the study NAME and its trials for ever."""
    storage = _url(ctx, storage)
    with interruptible() as interrupts, readable_errors(storage):
        opened = open_storage(storage, must_exist=True, interrupts=interrupts)
        study = load_stored(opened, name, storage)
        n = plural(len(study.get_trials(deepcopy=False)), "trial")
        if not yes:
            if not sys.stdin.isatty():
                raise QhpoError(
                    f"deleting must be confirmed, and nobody is there to be asked; {name} has {n}; "
                    "give --yes"
                )
            if not click.confirm(f"delete {name} with {n}?", err=True):
                click.echo(f"{name} is kept")
                return
        optuna.delete_study(study_name=name, storage=opened)
    click.echo(f"{name} with {n} is deleted")


@studies.command()
@click.argument("name", shell_complete=complete_study)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="A new .csv or .json file; or a storage to copy the study to: a .db or .journal file, or "
    "the URL of a database.  [default: NAME.csv]",
)
@storage_option
@click.pass_context
def export(ctx: click.Context, name: str, target: str | None, storage: str) -> None:
    """Write the study NAME to a file, or copy it to another storage."""
    storage = _url(ctx, storage)
    target = f"{name}.csv" if target is None else target
    with interruptible() as interrupts, readable_errors(storage):
        opened = open_storage(storage, must_exist=True, interrupts=interrupts)
        study = load_stored(opened, name, storage)
        ending = Path(target).suffix.lower()
        if ending in _DATABASES and "://" not in target:
            _export_to_storage(opened, name, f"sqlite:///{target}", interrupts)
        elif ending in _JOURNALS or "://" in target:
            _export_to_storage(opened, name, target, interrupts)
        elif ending in (".csv", ".json"):
            _write(Path(target), _text(study, ending))
        else:
            raise QhpoError(
                "a study is exported to a file that ends in .csv, .json, .db or .journal, or to "
                f"the URL of a database; got {target!r}; choose one of these endings"
            )
    shown = shown_url(target) if "://" in target else target
    click.echo(f"{name} is in {shown}: {plural(len(study.get_trials(deepcopy=False)), 'trial')}")


def _export_to_storage(storage: BaseStorage, name: str, url: str, interrupts: Interrupts) -> None:
    with readable_errors(url):
        there = open_storage(url, interrupts=interrupts)
        _check_free(there, name, url)
        _copy(storage, name, there, name)


def _check_free(storage: BaseStorage, name: str, url: str) -> None:
    if not name:
        raise QhpoError("a study must have a name; got an empty one; give another")
    if name in study_names(storage):
        raise QhpoError(
            f"a name belongs to one study; {shown_url(url)} has a study {name!r} already; choose "
            "another name, or delete that study"
        )


def _copy(storage: BaseStorage, name: str, there: BaseStorage, new: str) -> None:
    """Copies a study, all of it or nothing."""
    try:
        optuna.copy_study(
            from_study_name=name, from_storage=storage, to_storage=there, to_study_name=new
        )
    except BaseException:
        if new in study_names(there):
            optuna.delete_study(study_name=new, storage=there)
        raise


def _text(study: optuna.Study, ending: str) -> str:
    trials = study.get_trials(deepcopy=False)
    stream = io.StringIO()
    if ending == ".csv":
        write_csv(study, trials, stream)
    else:
        write_json(study_record(study, trials, []), stream)
    return stream.getvalue()


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise QhpoError(
            f"a study is exported to a new file; {path} exists; choose another name"
        ) from None
    except OSError as error:
        raise QhpoError(
            f"a study is exported to a file that can be written; got {path}: {error.strerror}; "
            "choose another"
        ) from error
