"""`qhpo show`: a study's best configuration, its trials and the time they took."""

from __future__ import annotations

import click
import optuna
from optuna.storages import BaseStorage
from rich.console import Console
from rich.text import Text

from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.report import (
    anneals,
    facts,
    number,
    output,
    plural,
    print_best,
    print_trials,
    table,
    time_spent,
    trial_counts,
)
from qhpo.cli.storage import (
    known_study,
    open_storage,
    readable_errors,
    shown_url,
    storage_option,
)
from qhpo.cli.studies import MAX_PARAMS, PROBLEM, SAMPLER, SEED, SOLVER, best_trials, metrics
from qhpo.errors import QhpoError

__all__ = ["show"]


@click.command(
    epilog=examples("qhpo show", "qhpo show cnn-digits --last 100", "qhpo show | less -S")
)
@click.argument("study", required=False)
@storage_option
@click.option(
    "--last",
    type=WholeNumber(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="How many trials the table shows.",
)
def show(study: str | None, storage: str, last: int) -> None:
    """Show the best configuration, the trials and the time they took.

    Without STUDY: the only study there is, or the list of all.

    The table has as many parameters as the terminal is wide, and all of them in a pipe or a file.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with readable_errors(storage):
        opened = open_storage(storage, must_exist=True)
        names = sorted(optuna.get_all_study_names(opened))
        if study is None and len(names) != 1:
            _list(output(), opened, names, storage)
            return
        name = names[0] if study is None else known_study(study, names, storage)
        _print(output(), optuna.load_study(study_name=name, storage=opened), storage, last)


def _print(console: Console, study: optuna.Study, url: str, last: int) -> None:
    trials = study.get_trials(deepcopy=False)
    facts(
        console,
        [
            ("study", f"{study.study_name} in {shown_url(url)}"),
            ("problem", _origin(study)),
            ("sampler", _samplers(study)),
            ("trials", trial_counts(trials)),
            ("time", time_spent(trials)),
            *(("anneals", line) for line in anneals(trials)),
        ],
    )
    console.print()
    print_best(console, study)
    _print_recommended(console, study)
    if trials:
        console.print()
        print_trials(console, study, last)


def _print_recommended(console: Console, study: optuna.Study) -> None:
    """What the model holds to be the best in truth, where it knows enough to say so."""
    # Importing the sampler takes longer than all else that is shown.
    from qhpo.sampler import QUBOSampler

    try:
        found = QUBOSampler(seed=0).recommend(study)
    except QhpoError:  # no feasible trial with a parameter, or several objectives
        return
    expected = f"{found.value:.4g} ± {found.deviation:.2g}"
    facts(console, [("recommended", f"trial {found.trial.number}, {expected}")])


def _origin(study: optuna.Study) -> str:
    goals = [goal.name.lower() for goal in study.directions]
    if len(goals) > 1:
        goals = [f"{goal} {name}" for goal, name in zip(goals, metrics(study), strict=True)]
    direction = ", ".join(goals)
    if PROBLEM not in study.user_attrs:
        return f"{direction}, started by another program"
    origin = f"{study.user_attrs[PROBLEM]}, {direction}, seed {study.user_attrs[SEED]}"
    budget = study.user_attrs.get(MAX_PARAMS)
    return origin if budget is None else f"{origin}, at most {budget} trainable parameters"


def _samplers(study: optuna.Study) -> str:
    """Such as ``"qubo with neal"``, or ``"tpe (10 trials), qubo with neal (20 trials)"``."""
    used: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
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
    result = table("study", "problem", "best value", "trials")
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
