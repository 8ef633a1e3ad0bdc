"""`qhpo show`: a study's best configuration, its trials and the time they took."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import click
import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.text import Text

from qhpo.cli.completion import complete_study
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.records import study_record, trial_record, write_csv, write_json
from qhpo.cli.report import (
    Conditions,
    active,
    age,
    anneals,
    attributes,
    duration,
    facts,
    number,
    output,
    plural,
    plus_minus,
    print_best,
    print_expected_front,
    print_group,
    print_trials,
    table,
    time_spent,
    trial_counts,
)
from qhpo.cli.samplers import qubo_of
from qhpo.cli.storage import (
    open_storage,
    readable_errors,
    shown_url,
    storage_option,
    storage_words,
)
from qhpo.cli.stored import load_stored, study_names, trial_of
from qhpo.cli.studies import (
    ERROR,
    MAX_PARAMS,
    PROBLEM,
    SAMPLER,
    SEED,
    SOLVER,
    Status,
    best_trials,
    metrics,
    status,
    suggesting_seconds,
    traceback_of,
)
from qhpo.cli.task import task_of
from qhpo.errors import QhpoError
from qhpo.study import Recommendation, measured_constraints

__all__ = ["show"]

_WATCH_SECONDS = 3.0
"""Between two looks of --watch: short beside a trial, long beside a query."""

_OPEN = (Status.RUNNING, Status.ASKED, Status.WAITING)
"""Of trials whose end is still to come."""

_MOST_ASKED = 5
"""Open trials of `qhpo ask` that are listed with their ages."""

_QUIET_LOOKS = 3
"""Looks without a running trial after which a study has ended: between two trials there is none
for a moment."""


@click.command(
    epilog=examples(
        "qhpo show",
        "qhpo show cnn-digits --last 100",
        "qhpo show cnn-digits --trial 7",
        "qhpo show cnn-digits --csv > trials.csv",
        "qhpo show cnn-digits --watch",
        "qhpo show | less -S",
    )
)
@click.argument("study", required=False, shell_complete=complete_study)
@storage_option
@click.option(
    "--last",
    type=WholeNumber(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many trials the table shows.",
)
@click.option(
    "--trial",
    type=WholeNumber(min=0),
    metavar="N",
    help="Show all of one trial: parameters, values, reports, attributes, its error.",
)
@click.option("--json", "form", flag_value="json", help="Print the study as JSON, all its trials.")
@click.option("--csv", "form", flag_value="csv", help="Print all trials as comma-separated values.")
@click.option(
    "--watch",
    is_flag=True,
    help="Show it again every few seconds, until no trial runs any more or Ctrl-C.",
)
def show(
    study: str | None,
    storage: str,
    last: int,
    trial: int | None,
    form: str | None,
    watch: bool,
) -> None:
    """Show the best configuration, the trials and the time they took.

    Without STUDY: the only study there is, or the list of all.

    The table has as many parameters as the terminal is wide, and all of them in a pipe or a file.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if watch and (form or trial is not None):
        raise click.UsageError("--watch shows a whole study; leave out --trial, --json and --csv")
    with readable_errors(storage):
        opened = open_storage(storage, must_exist=True)
        names = study_names(opened)
        if study is None and len(names) != 1:
            if form or watch or trial is not None:
                raise click.UsageError(
                    f"a STUDY must be named where there is not just one; {shown_url(storage)} has "
                    f"{', '.join(names) or 'none'}"
                )
            _list(output(), opened, names, storage)
            return
        found = load_stored(opened, names[0] if study is None else study, storage)
        if form:
            _export(found, form, trial)
        elif trial is not None:
            _print_trial(output(), found, trial_of(found, trial))
        elif watch:
            _watch(found, lambda console: _print(console, found, storage, last))
        else:
            _print(output(), found, storage, last)


def _export(study: optuna.Study, form: str, number: int | None) -> None:
    trials = study.get_trials(deepcopy=False)
    if number is not None:
        trials = [trial_of(study, number)]
    if form == "csv":
        write_csv(study, trials, sys.stdout)
    elif number is not None:
        write_json(trial_record(trials[0]), sys.stdout)
    else:
        write_json(study_record(study, trials, _recommended(study)), sys.stdout)


def _watch(study: optuna.Study, show_it: Callable[[Console], None]) -> None:
    """Show a study whenever something has changed, until nothing runs any more."""
    console = output()
    seen: object = None
    quiet = 0
    while True:
        trials = study.get_trials(deepcopy=False)
        # A study without trials is one whose data are being prepared.
        runs = not trials or any(status(t) in _OPEN for t in trials)
        quiet = 0 if runs else quiet + 1
        now = [(t.state, len(t.intermediate_values)) for t in trials]
        if now != seen:
            if console.is_terminal:
                console.clear()
            elif seen is not None:
                console.print()
            show_it(console)
            seen = now
        if quiet >= _QUIET_LOOKS:
            return
        time.sleep(_WATCH_SECONDS)


def _print(console: Console, study: optuna.Study, url: str, last: int) -> None:
    trials = study.get_trials(deepcopy=False)
    facts(
        console,
        [
            ("study", f"{study.study_name} in {shown_url(url)}"),
            ("problem", _origin(study)),
            ("sampler", _samplers(trials)),
            ("trials", trial_counts(trials)),
            *_asked(study, trials, url),
            ("time", time_spent(trials)),
            *(("anneals", line) for line in anneals(trials)),
        ],
        fold=True,
    )
    console.print()
    print_best(console, study, _conditions(study))
    found = _recommended(study)
    if len(study.directions) > 1:
        print_expected_front(console, study, found)
    else:
        for one in found:
            expected = plus_minus(console, one.value, one.deviation)
            facts(console, [("recommended", f"trial {one.trial.number}, {expected}")], fold=True)
    if trials:
        console.print()
        print_trials(console, study, last)


def _print_trial(console: Console, study: optuna.Study, trial: FrozenTrial) -> None:
    """Print everything of one trial."""
    rows = [("trial", f"{trial.number} of {study.study_name}"), ("state", status(trial).value)]
    values = trial.values or []
    rows += [(name, number(v)) for name, v in zip(metrics(study), values, strict=False)]
    if SAMPLER in trial.user_attrs:
        rows.append(("sampler", _samplers([trial])))
    for name, moment in (("started", trial.datetime_start), ("ended", trial.datetime_complete)):
        if moment is not None:
            rows.append((name, f"{moment:%Y-%m-%d %H:%M:%S}"))
    spent = trial.duration.total_seconds() if trial.duration is not None else None
    if spent is None and trial.datetime_start is not None:
        spent = (datetime.now() - trial.datetime_start).total_seconds()
    if spent is not None:
        rows.append(("duration", duration(max(spent, 0.0))))
    if suggesting_seconds(trial):
        rows.append(("suggesting", duration(suggesting_seconds(trial))))
    facts(console, rows, fold=True)
    params = active(trial.params, _conditions(study))
    groups = {
        "parameters": params,
        "without effect": {n: v for n, v in trial.params.items() if n not in params},
        "constraints, kept where at most 0": measured_constraints(trial),
        "attributes": attributes(trial.user_attrs),
        "reports": {f"step {step}": v for step, v in sorted(trial.intermediate_values.items())},
    }
    for title, group in groups.items():
        if group:
            console.print()
            print_group(console, title, group)
    error = traceback_of(trial) or trial.user_attrs.get(ERROR)
    if error:
        console.print()
        console.print(Text("error", style="bold"))
        console.print(Text(str(error)), soft_wrap=True)


def _conditions(study: optuna.Study) -> Conditions:
    """When parameters have an effect, as far as that is known."""
    problem = task_of(study)
    return {} if problem is None else {**problem.conditions, **problem.ignored_unless}


def _recommended(study: optuna.Study) -> list[Recommendation]:
    """What the model holds to be the best in truth, where it knows enough to say so."""
    try:
        return qubo_of(study).recommend_front(study)
    except QhpoError:  # no feasible trial with a parameter
        return []


def _asked(study: optuna.Study, trials: Sequence[FrozenTrial], url: str) -> list[tuple[str, str]]:
    """The trials of `qhpo ask` that nobody has told of yet, and how one is given up."""
    found = [trial for trial in trials if status(trial) is Status.ASKED]
    if not found:
        return []
    each = [f"trial {trial.number} {duration(age(trial))} ago" for trial in found[:_MOST_ASKED]]
    if len(found) > _MOST_ASKED:
        each.append(f"{len(found) - _MOST_ASKED} more")
    words = ["qhpo", "tell", study.study_name, str(found[0].number), "--failed"]
    how = shlex.join([*words, *storage_words(url)])
    return [("asked", f"{', '.join(each)}; give one up with {how}")]


def _origin(study: optuna.Study) -> str:
    goals = [goal.name.lower() for goal in study.directions]
    if len(goals) > 1:
        goals = [f"{goal} {name}" for goal, name in zip(goals, metrics(study), strict=True)]
    direction = ", ".join(goals)
    if PROBLEM not in study.user_attrs:
        return f"{direction}, started by another program"
    origin = f"{study.user_attrs[PROBLEM]}, {direction}, seed {study.user_attrs.get(SEED)}"
    budget = study.user_attrs.get(MAX_PARAMS)
    return origin if budget is None else f"{origin}, at most {budget} trainable parameters"


def _samplers(trials: Sequence[FrozenTrial]) -> str:
    """Such as ``"qubo with neal"``, or ``"tpe (10 trials), qubo with neal (20 trials)"``."""
    used: dict[str, int] = {}
    for trial in trials:
        attrs = trial.user_attrs
        if SAMPLER in attrs:
            solver = f" with {attrs[SOLVER]}" if SOLVER in attrs else ""
            label = f"{attrs[SAMPLER]}{solver}"
            used[label] = used.get(label, 0) + 1
    if len(used) == 1:
        return next(iter(used))
    return ", ".join(f"{label} ({plural(n, 'trial')})" for label, n in used.items()) or "unknown"


def _list(console: Console, storage: BaseStorage, names: list[str], url: str) -> None:
    if not names:
        console.print(
            f"{shown_url(url)} holds no study; start one with: qhpo run PROBLEM", markup=False
        )
        return
    headers = ("study", "problem", "best value", "trials")
    result = table(*headers, fold=headers)
    for name in names:
        study = optuna.load_study(study_name=name, storage=storage)
        cells = (
            name,
            str(study.user_attrs.get(PROBLEM, "-")),
            _best_value(study),
            trial_counts(study.get_trials(deepcopy=False)),
        )
        result.add_row(*map(Text, cells))
    console.print(result)
    console.print("qhpo show STUDY shows one of them")


def _best_value(study: optuna.Study) -> str:
    best = best_trials(study)
    if len(study.directions) > 1:
        return f"front of {len(best)}"
    return number(best[0].value) if best else "-"
