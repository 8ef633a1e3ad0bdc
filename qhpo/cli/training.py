"""`qhpo train`: a finished search becomes a model, or the command line that makes one."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from qhpo.cli.completion import complete_study, complete_task
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.report import active, facts, number, output, print_group
from qhpo.cli.samplers import qubo_of
from qhpo.cli.storage import open_storage, readable_errors, storage_option
from qhpo.cli.stored import load_stored, trial_of
from qhpo.cli.studies import SEED, best_trials, metrics
from qhpo.cli.task import PROBLEM, load_task, task_of
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import Problem

__all__ = ["train"]


@click.command(
    epilog=examples(
        "qhpo train cnn-digits",
        "qhpo train cnn-digits --trial 12 -o model",
        "qhpo train mine --task sweep.yaml --dry-run",
    )
)
@click.argument("study", shell_complete=complete_study)
@click.option(
    "--trial",
    type=WholeNumber(min=0),
    metavar="N",
    help="Number of the trial whose configuration is trained.  [default: the recommended one]",
)
@click.option(
    "--task",
    metavar="TASK",
    shell_complete=complete_task,
    help="The problem or sweep file that the study tunes.  [default: what the study says]",
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="A new folder for the model.  [default: the study's name and the trial's number]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and do nothing.")
@storage_option
def train(
    study: str,
    trial: int | None,
    task: str | None,
    folder: Path | None,
    dry_run: bool,
    storage: str,
) -> None:
    """Train the chosen configuration of STUDY, and keep the model.

    It is the recommended one of `qhpo show`: the best in truth, as far as the model of the values
    knows, where the best value may be luck. Where nothing is recommended, it is the best one.

    A built-in problem is trained on all of its data, those for validation and test too. FOLDER then
    has the weights, and model.json, which says what they are and how they are loaded.

    A program of yours is started once more with the configuration; --dry-run prints its command
    line.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with readable_errors(storage):
        opened = load_stored(open_storage(storage, must_exist=True), study, storage)
        chosen, why = _chosen(opened, trial)
        seed = int(opened.user_attrs.get(SEED, 0))
    problem = _problem(opened, task, dry_run)
    if problem.train is None:
        if folder is not None:
            raise click.UsageError(
                f"-o is for problems that say how a model of theirs is trained; {problem.name} "
                "does not, and keeps what it makes where its program puts it; leave it out"
            )
        _run_again(problem, chosen, why, seed, dry_run)
        return
    for package in problem.missing_packages():
        raise MissingExtraError(f"the problem {problem.name}", package, problem.extra)
    folder = folder or Path(f"{quote(opened.study_name, safe=' ')}-{chosen.number}")
    console = output()
    facts(console, [("configuration", why), ("folder", str(folder))])
    if dry_run:
        effective = {**problem.conditions, **problem.ignored_unless}
        print_group(console, "", active(chosen.params, effective))
        return
    _check_folder(folder)
    try:
        told = problem.train(chosen, seed, folder)
    except QhpoError:
        raise
    except Exception as error:  # code of the package that brings the problem
        raise QhpoError(
            f"trial {chosen.number} of {opened.study_name} cannot be trained: "
            f"{type(error).__name__}: {error}; choose another with --trial"
        ) from error
    facts(console, [(name, number(value)) for name, value in told.items()])


def _chosen(study: optuna.Study, wanted: int | None) -> tuple[FrozenTrial, str]:
    """The trial to train, and why it is this one."""
    name = study.study_name
    if wanted is not None:
        trial = trial_of(study, wanted)
        if trial.state != TrialState.COMPLETE:
            raise QhpoError(
                f"a trial to train must be complete; trial {wanted} of {name} is "
                f"{trial.state.name.lower()}; `qhpo show {name}` lists them"
            )
        return trial, _why(study, trial, "as asked for")
    best = best_trials(study)
    if not best:
        raise QhpoError(
            f"a search must have a value before its model is trained; {name} has none that kept "
            "its constraints; go on with it, or name a trial with --trial"
        )
    if len(study.directions) > 1:
        front = ", ".join(str(trial.number) for trial in best)
        raise QhpoError(
            f"of several objectives none is the best: choose with --trial; {name} has "
            f"{len(best)} that no other beats in {' and '.join(metrics(study))}: {front}"
        )
    try:
        trial = qubo_of(study).recommend(study).trial
    except QhpoError:  # the model cannot read its trials
        return best[0], _why(study, best[0], "the best")
    return trial, _why(study, trial, "recommended")


def _why(study: optuna.Study, trial: FrozenTrial, reason: str) -> str:
    values = ", ".join(number(value) for value in trial.values or [])
    return f"trial {trial.number} of {study.study_name}, {reason}, {values}"


def _problem(study: optuna.Study, task: str | None, is_shown: bool) -> Problem:
    """What the study tunes.

    Args:
        study: The study.
        task: What the user says that it is.
        is_shown: Whether nothing is run, so that a command line that is not complete will do.
    """
    if task is not None:
        return load_task(task)
    name = study.user_attrs.get(PROBLEM)
    if name is None:
        raise QhpoError(
            f"a study of another program does not say what it tunes; {study.study_name} is one; "
            "give --task"
        )
    known = task_of(study)
    file = None if known is None else known.source.get("file")
    # Nobody else's command line is run: that of a shared database shows what it was.
    if file is not None and Path(file).is_file():
        return load_task(file)
    if known is not None and (file is None or is_shown):
        return known
    try:
        return load_task(str(name))
    except QhpoError as error:
        gone = "no installed problem" if file is None else f"described by {file}, not found here"
        raise QhpoError(
            f"{study.study_name} tunes {name}, which is {gone}; give the file that describes it "
            "with --task"
        ) from error


def _run_again(problem: Problem, trial: FrozenTrial, why: str, seed: int, dry_run: bool) -> None:
    """Run the objective once more, as its trial did."""
    params = active(trial.params, problem.conditions)
    if problem.command is not None:
        click.echo(why, err=True)
        click.echo(shlex.join(problem.command(params)))
    elif dry_run:
        console = output()
        facts(console, [("configuration", why)])
        print_group(console, "", params)
    if dry_run:
        return
    fixed = FixedTrial(dict(trial.params), trial.number)
    try:
        value = problem.objective(seed)(fixed)  # type: ignore[arg-type]
    except QhpoError:
        raise
    except Exception as error:
        raise QhpoError(
            f"{problem.name} failed with the configuration of trial {trial.number}: "
            f"{type(error).__name__}: {error}"
        ) from error
    console = output()
    told: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    names = problem.metrics or ("value",)
    facts(console, [(name, number(v)) for name, v in zip(names, told, strict=False)])
    print_group(console, "attributes", fixed.user_attrs)


def _check_folder(folder: Path) -> None:
    """Makes the folder before the work, which may take long."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise QhpoError(
                f"a model goes into a new or empty folder; {folder} has files; choose another "
                "with -o"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise QhpoError(
            f"-o must be a folder that can be written to; got {folder}: {error.strerror}; choose "
            "another"
        ) from error
