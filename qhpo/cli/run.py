"""`qhpo run`: tune a problem, or continue where an earlier run stopped."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial
from rich.console import Console

from qhpo.cli.options import Interrupted, Seconds, WholeNumber, examples
from qhpo.cli.report import facts, output, plural, print_best, time_spent, trial_counts
from qhpo.cli.search import Search, SearchProgress
from qhpo.cli.storage import (
    DEFAULT_URL,
    open_storage,
    readable_errors,
    shown_url,
    storage_option,
)
from qhpo.cli.studies import Choices, enter_study, status
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.plugins import missing_packages
from qhpo.problem import CHECKPOINTS, Objective, Problem, load_problem
from qhpo.wrappers import DelegatingSampler, TimedSampler

__all__ = ["WorkerSampler", "build_sampler", "check_sampler", "run"]

_MAX_SEED = 2**32 - 1
"""The largest that Optuna's own samplers take."""


@click.command(
    epilog=examples(
        "qhpo run cnn-digits",
        "qhpo run cnn-digits --trials 100 --timeout 600",
        "qhpo run cnn-digits --study small --max-params 20000",
        "qhpo run cnn-digits --study rival --sampler tpe --seed 1",
        "qhpo run cnn-digits --study quantum --solver qpu --qpu-seconds 5",
        "qhpo run cnn-digits --storage postgresql://user@host/tuning",
    )
)
@click.argument("problem")
@click.option(
    "--trials",
    type=WholeNumber(min=1),
    metavar="N",
    default=30,
    show_default=True,
    help="Finished trials the study should have in the end, earlier runs included.",
)
@click.option("--study", metavar="NAME", help="Name of the study.  [default: the problem's name]")
@storage_option
@click.option(
    "--sampler",
    type=click.Choice(["qubo", "tpe", "gp", "random"]),
    help="What suggests configurations.  [default: the study's, or qubo]",
)
@click.option(
    "--solver",
    metavar="NAME",
    help="What samples the QUBO, see qhpo solvers.  [default: the study's, or neal]",
)
@click.option(
    "--encoding",
    metavar="NAME",
    help="How the model becomes binary: one-hot or domain-wall.  [default: what suits the solver]",
)
@click.option(
    "--qpu-seconds",
    type=Seconds(min=0),
    metavar="S",
    help="QPU access time that the study may spend; neal goes on from there.",
)
@click.option(
    "--max-calls",
    type=WholeNumber(min=0),
    metavar="N",
    help="Calls of the solver that the study may spend; neal goes on from there.",
)
@click.option(
    "--seed",
    type=WholeNumber(0, _MAX_SEED),
    metavar="N",
    help="Seed of the training and of the sampler.  [default: the study's, or 0]",
)
@click.option(
    "--max-params",
    type=WholeNumber(min=1),
    metavar="N",
    help="Train no model with more trainable parameters. The sampler qubo suggests none; with "
    "another one, such a trial ends at once as pruned, untrained, and counts as a trial.  "
    "[default: the study's, or no limit]",
)
@click.option(
    "--checkpoints",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the weights of each trial's model in this folder; each trial's attribute checkpoint "
    "names the file.  [default: the study's, or nowhere]",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Start no trial after so many seconds; the one that runs is finished.",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    problem: str,
    trials: int,
    study: str | None,
    storage: str,
    sampler: str | None,
    solver: str | None,
    seed: int | None,
    max_params: int | None,
    checkpoints: Path | None,
    timeout: float | None,
    **limits: Any,
) -> None:
    """Tune PROBLEM, or continue where an earlier run stopped.

    Ctrl-C stops the search and keeps every finished trial: the same command goes on from there.
    Run it in several terminals at once, with the same storage, to share the work. A trial whose
    process was killed is marked as failed after a minute of silence and done again.
    """
    for name, value in {"solver": solver, **limits}.items():
        if value is not None and sampler not in (None, "qubo"):
            raise click.UsageError(
                f"--{name.replace('_', '-')} belongs to --sampler qubo, not {sampler}; leave it out"
            )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = load_problem(problem)
    for package in task.missing_packages():
        raise MissingExtraError(f"the problem {task.name}", package, task.extra)
    if max_params is not None:
        task.at_most(max_params)
    if solver is not None:
        sampler = "qubo"
    if sampler is not None:
        check_sampler(sampler, solver or "neal", limits["encoding"])
    errors = Console(stderr=True, highlight=False)
    try:
        with readable_errors(storage):
            opened, choices = enter_study(
                open_storage(storage),
                task.name if study is None else study,
                task,
                sampler=sampler,
                solver=solver,
                seed=seed,
                max_params=max_params,
            )
            check_sampler(choices.sampler, choices.solver, limits["encoding"])
            if checkpoints is not None:
                opened.set_user_attr(CHECKPOINTS, _folder(checkpoints))
            with errors.status(f"preparing {task.name}"):
                objective = _prepare(task, choices)
            opened.sampler = TimedSampler(
                WorkerSampler(lambda first: build_sampler(task, choices, first, limits))
            )
            search = _search(opened, objective, choices, trials, timeout, errors)
    except KeyboardInterrupt:
        again = shlex.join(["qhpo", "run", *_given(ctx)])
        raise Interrupted(f"stopped; continue with: {again}") from None
    _conclude(opened, search, storage)
    if search.failures and not search.succeeded:
        ctx.exit(1)


def check_sampler(name: str, solver: str, encoding: str | None = None) -> None:
    """Check that `build_sampler` can make this sampler.

    Raises:
        SolverError: If the sampler is qubo and there is no such solver, or it cannot be made.
        MissingExtraError: If the sampler or its solver needs a package that is not installed.
    """
    if name == "gp" and missing_packages(["torch"]):
        raise MissingExtraError("the sampler gp", "torch", "torch")
    if name == "qubo":
        from qhpo.solvers import make_solver

        # What it lacks, such as a token, should not wait for the first trial.
        make_solver(solver, encoding=encoding)


def build_sampler(
    problem: Problem,
    choices: Choices,
    first_number: int = 0,
    limits: Mapping[str, Any] | None = None,
) -> BaseSampler:
    """The sampler that `qhpo run --sampler` names.

    Args:
        problem: With a size budget, qubo suggests nothing over it; the others do.
        choices: Names the sampler, its solver and its seed, and the budget.
        first_number: Number of the first trial that the sampler will be asked for. Optuna's own
            samplers know only their seed: continued, or in a second process, they would repeat
            the trials that the study already has. They get another seed for another first trial.
        limits: How the solver is used, arguments of the same names of `qhpo.QUBOSampler`.

    Raises:
        SolverError: As `check_sampler`.
    """
    seed = choices.seed
    if choices.sampler == "qubo":
        from qhpo import QUBOSampler

        budget = choices.max_params
        return QUBOSampler(
            # Without constraints the space is learnt, as it always was: old studies go on the same.
            None if budget is None else problem.search_space,
            constraints=[] if budget is None else [problem.at_most(budget)],
            seed=seed,
            solver=choices.solver,
            **(limits or {}),
        )
    if first_number > 0:
        seed = int(np.random.SeedSequence((seed, first_number)).generate_state(1)[0])
    if choices.sampler == "tpe":
        return TPESampler(seed=seed)
    if choices.sampler == "gp":
        return GPSampler(seed=seed)
    return RandomSampler(seed=seed)


class WorkerSampler(DelegatingSampler):
    """Makes the sampler when it sees its first trial, whose number no other process has.

    Args:
        build: Takes the number of that trial, returns the sampler that does the work.
    """

    def __init__(self, build: Callable[[int], BaseSampler]) -> None:
        super().__init__(RandomSampler())
        self._build = build
        self._built = False

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if not self._built:
            self.sampler = self._build(trial.number)
            self._built = True
        super().before_trial(study, trial)


def _folder(checkpoints: Path) -> str:
    """The folder as the study remembers it, so that it continues from anywhere."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise QhpoError(
            f"--checkpoints must be a folder that can be written to; got {checkpoints}: "
            f"{error.strerror}; choose another"
        ) from error
    return str(checkpoints.resolve())


def _prepare(problem: Problem, choices: Choices) -> Objective:
    try:
        return problem.objective(choices.seed, choices.max_params)
    except QhpoError:
        raise
    except Exception as error:
        raise QhpoError(
            f"the problem {problem.name} cannot be prepared: {type(error).__name__}: {error}"
        ) from error


def _search(
    study: optuna.Study,
    objective: Objective,
    choices: Choices,
    total: int,
    timeout: float | None,
    errors: Console,
) -> Search:
    search = Search(study, objective, choices, total, timeout)
    with SearchProgress(errors, study.study_name, total) as progress:
        finished = sum(status(trial).finished for trial in study.get_trials(deepcopy=False))
        if finished >= total:
            progress.news(
                f"{study.study_name} already has {plural(finished, 'finished trial')}; "
                "ask for more with --trials"
            )
        elif finished:
            progress.news(f"continuing {study.study_name}: {finished} of {total} trials are done")
        search.run(progress)
    return search


def _conclude(study: optuna.Study, search: Search, url: str) -> None:
    console = output()
    trials = study.get_trials(deepcopy=False)
    name = study.study_name
    where = [] if url == DEFAULT_URL else ["--storage", shown_url(url)]
    print_best(console, study)
    console.print()
    facts(
        console,
        [
            ("trials", trial_counts(trials)),
            ("time", time_spent(trials)),
            ("stored", f"study {name} in {shown_url(url)}"),
            ("look at it", shlex.join(["qhpo", "show", name, *where])),
        ],
    )
    if search.failures:
        number, text = next(iter(search.failures.items()))
        click.echo(
            f"qhpo: {plural(len(search.failures), 'trial')} failed; the first was trial {number}: "
            f"{text}",
            err=True,
        )


def _given(ctx: click.Context) -> Iterable[str]:
    """The command line as it was given, without a password."""
    for parameter in ctx.command.params:
        value = ctx.params.get(str(parameter.name))
        source = ctx.get_parameter_source(str(parameter.name))
        if source is not click.core.ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Option):
            yield parameter.opts[0]
        yield shown_url(str(value)) if parameter.name == "storage" else str(value)
