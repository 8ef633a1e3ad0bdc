"""`qhpo run`: tune a problem, or continue where an earlier run stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import click
import optuna
from optuna.samplers import BaseSampler
from rich.console import Console

from qhpo.cli.app import Interrupted
from qhpo.cli.formats import plural
from qhpo.cli.options import DEFAULT_URL, Seconds, WholeNumber, examples, storage_option
from qhpo.cli.progress import SearchProgress
from qhpo.cli.report import facts, output, print_best, time_spent, trial_counts
from qhpo.cli.samplers import SolverLimits, WorkerSampler, build_sampler, check_sampler
from qhpo.cli.search import Search
from qhpo.cli.storage import open_storage, readable_errors, shown_url
from qhpo.cli.studies import Choices, enter_study, outcome
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import CHECKPOINTS, Objective, Problem, load_problem
from qhpo.timing import TimedSampler

__all__ = ["run"]

_MAX_SEED = 2**32 - 1


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
    problem: str,
    trials: int,
    study: str | None,
    storage: str,
    sampler: str | None,
    solver: str | None,
    encoding: str | None,
    qpu_seconds: float | None,
    max_calls: int | None,
    seed: int | None,
    max_params: int | None,
    checkpoints: Path | None,
    timeout: float | None,
) -> None:
    """Tune PROBLEM, or continue where an earlier run stopped.

    Ctrl-C stops the search and keeps every finished trial: the same command goes on from there.
    Run it in several terminals at once, with the same storage, to share the work. A trial whose
    process was killed is marked as failed after a minute of silence and done again.
    """
    limits = SolverLimits(encoding, qpu_seconds, max_calls)
    given = {
        "--solver": solver,
        "--encoding": encoding,
        "--qpu-seconds": qpu_seconds,
        "--max-calls": max_calls,
    }
    for option, value in given.items():
        if value is not None and sampler not in (None, "qubo"):
            raise click.UsageError(
                f"{option} belongs to --sampler qubo, not {sampler}; leave it out"
            )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = _load(problem)
    if max_params is not None:
        task.at_most(max_params)
    if solver is not None:
        sampler = "qubo"
    if sampler is not None:
        check_sampler(sampler, solver or "neal", encoding)
    name = task.name if study is None else study
    errors = Console(stderr=True, highlight=False)
    try:
        with readable_errors(storage):
            opened, choices = enter_study(
                open_storage(storage),
                name,
                task,
                sampler=sampler,
                solver=solver,
                seed=seed,
                max_params=max_params,
            )
            check_sampler(choices.sampler, choices.solver, encoding)
            if checkpoints is not None:
                opened.set_user_attr(CHECKPOINTS, _folder(checkpoints))
            with errors.status(f"preparing {task.name}"):
                objective = _prepare(task, choices)
            opened.sampler = _sampler(task, choices, limits)
            search = _search(opened, objective, choices, trials, timeout, errors)
    except KeyboardInterrupt:
        again = shlex.join(["qhpo", "run", *_given(ctx)])
        raise Interrupted(f"stopped; continue with: {again}") from None
    _conclude(opened, search, storage, trials)
    if search.failures and not search.succeeded:
        ctx.exit(1)


def _load(name: str) -> Problem:
    try:
        problem = load_problem(name)
    except QhpoError:
        raise
    except Exception as error:
        raise QhpoError(
            f"the problem {name} cannot be loaded: {type(error).__name__}: {error}; update or "
            "uninstall the package that brings it"
        ) from error
    for package in problem.missing_packages():
        raise MissingExtraError(f"the problem {name}", package, problem.extra)
    return problem


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


def _sampler(problem: Problem, choices: Choices, limits: SolverLimits) -> BaseSampler:
    budget = choices.max_params
    constraints = [] if budget is None else [problem.at_most(budget)]
    # Without constraints the space is learnt, as it always was: old studies continue the same.
    space = problem.search_space if constraints else None
    return TimedSampler(
        WorkerSampler(
            lambda first: build_sampler(
                choices.sampler,
                choices.solver,
                choices.seed,
                first,
                search_space=space,
                constraints=constraints,
                limits=limits,
            )
        )
    )


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
        finished = sum(outcome(trial).finished for trial in study.get_trials(deepcopy=False))
        if finished >= total:
            progress.news(
                f"{study.study_name} already has {plural(finished, 'finished trial')}; "
                "ask for more with --trials"
            )
        elif finished:
            progress.news(f"continuing {study.study_name}: {finished} of {total} trials are done")
        search.run(progress)
    return search


def _conclude(study: optuna.Study, search: Search, url: str, total: int) -> None:
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
