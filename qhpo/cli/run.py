"""`qhpo run`: tune a problem or a program, or continue where an earlier run stopped."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import optuna
from rich.console import Console

from qhpo.cli.completion import complete_solver, complete_study, complete_task
from qhpo.cli.grid import grid_places
from qhpo.cli.interrupts import Interrupted, Interrupts
from qhpo.cli.options import Seconds, WholeNumber, examples
from qhpo.cli.pool import GAVE_UP, Pool, end_with_parent, is_worker, says_why_it_ends
from qhpo.cli.progress import SearchProgress
from qhpo.cli.report import facts, output, plural, print_best, time_spent, trial_counts
from qhpo.cli.samplers import (
    OF_QUBO,
    SAMPLERS,
    WorkerSampler,
    build_sampler,
    check_sampler,
    with_prior_studies,
)
from qhpo.cli.search import FAILURES_IN_A_ROW, Plan, Search
from qhpo.cli.storage import (
    open_storage,
    readable_errors,
    shown_url,
    storage_key,
    storage_option,
    storage_words,
)
from qhpo.cli.studies import Choices, enter_study, status
from qhpo.cli.task import load_task, sweep_path
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.problem import CHECKPOINTS, Objective, Problem
from qhpo.pruners import PRUNERS
from qhpo.wrappers import TimedSampler

__all__ = ["run"]

_MAX_SEED = 2**32 - 1
"""The largest that Optuna's own samplers take."""

_TRIALS = 30
"""Where neither the command line nor the task says how many."""


@click.command(
    epilog=examples(
        "qhpo run cnn-digits",
        "qhpo run sweep.yaml",
        "qhpo run sweep.yaml --trials 100 --jobs 4 --timeout 600",
        "qhpo run cnn-digits --study small --max-params 20000",
        "qhpo run cnn-digits --study rival --sampler tpe --seed 1 --pruner median",
        "qhpo run cnn-digits --study quantum --solver qpu --qpu-seconds 5",
        "qhpo run cnn-digits --storage postgresql://user@host/tuning",
    )
)
@click.argument("problem", metavar="TASK", shell_complete=complete_task)
@click.option(
    "--trials",
    type=WholeNumber(min=1),
    metavar="N",
    help="Trials with a result the study should have in the end, earlier runs included. Failed "
    f"ones do not count.  [default: what the file says, or {_TRIALS}]",
)
@click.option(
    "--study",
    metavar="NAME",
    shell_complete=complete_study,
    help="Name of the study.  [default: the task's name]",
)
@storage_option
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    help="What suggests configurations; grid tries all, one after another.  [default: what the "
    "file says, the study's, or qubo]",
)
@click.option(
    "--solver",
    metavar="NAME",
    shell_complete=complete_solver,
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
    "--batch-size",
    type=WholeNumber(min=1),
    metavar="N",
    help="Trials that one anneal serves, each chosen as if those before it were running.  "
    "[default: what the file says, or 1]",
)
@click.option(
    "--prior-study",
    "prior_studies",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_study,
    callback=lambda context, option, names: names or None,
    help="A finished study of the same storage that knows something of this one; may be given "
    "several times.  [default: what the file says, or none]",
)
@click.option(
    "--pruner",
    type=click.Choice(list(PRUNERS)),
    help="What ends trials early that report bad values: of those that came as far, the worse half "
    "(median) or three quarters (percentile), by rounds (halving, hyperband), or those that will "
    "hardly become the best (model).  [default: the study's, or none]",
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
    help="Train no model with more trainable parameters. The samplers qubo and grid suggest none; "
    "with another one, such a trial ends at once as pruned, untrained, and counts as a trial.  "
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
@click.option(
    "--retries",
    type=WholeNumber(min=0),
    metavar="N",
    help="Further attempts at a configuration that failed, in place of the number that the file "
    "gives.  [default: what the file says, or 0]",
)
@click.option(
    "--jobs",
    type=WholeNumber(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Trials at the same time, each in a process of its own.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what a sweep file asks for, as qhpo validate; run nothing."
)
@click.option("--verbose", is_flag=True, help="Say what each trial has tried, and its time.")
@click.option("--quiet", is_flag=True, help="Say nothing but what goes wrong.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    problem: str,
    storage: str,
    sampler: str | None,
    solver: str | None,
    checkpoints: Path | None,
    jobs: int,
    dry_run: bool,
    verbose: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Tune TASK, or continue where an earlier run stopped.

    TASK is a problem (see qhpo problems), or a file that describes a search with a program of your
    own, such as sweep.yaml.

    Ctrl-C stops the search and keeps every finished trial: the same command goes on from there, and
    does first what was cut off. Run it in several terminals at once, with the same storage, to
    share the work. A trial whose process was killed is done again: at once on the same machine, on
    another one after a minute of silence.
    """
    for option in ctx.command.params:
        is_given = option.name in ("solver", *OF_QUBO) and ctx.params[option.name] is not None
        if is_given and sampler not in (None, "qubo"):
            raise click.UsageError(
                f"{option.opts[0]} belongs to --sampler qubo, not {sampler}; leave it out"
            )
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose exclude each other; leave one out")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if dry_run:
        _print_summary(problem)
        return
    worker = is_worker()
    interrupts = Interrupts()
    errors = Console(stderr=True, highlight=False)
    with interrupts.handled(), says_why_it_ends() if worker else nullcontext():
        if worker:
            end_with_parent()
        try:
            task = _loaded(problem, others["max_params"])
            wanted = sampler or ("qubo" if solver else task.defaults.get("sampler"))
            if wanted is not None:
                check_sampler(
                    wanted,
                    solver or task.defaults.get("solver", "neal"),
                    _limits(task, others)["encoding"],
                    task,
                )
            with readable_errors(storage):
                opened, choices = enter_study(
                    open_storage(storage, interrupts=interrupts),
                    others["study"] or task.name,
                    task,
                    sampler=sampler,
                    solver=solver,
                    seed=others["seed"],
                    max_params=others["max_params"],
                    pruner=others["pruner"],
                )
                limits = with_prior_studies(_limits(task, others), opened, storage)
                check_sampler(choices.sampler, choices.solver, limits["encoding"], task)
                if checkpoints is not None:
                    opened.set_user_attr(CHECKPOINTS, _folder(checkpoints))
                plan = _plan(task, choices, others, storage)
                with SearchProgress(
                    errors,
                    opened.study_name,
                    plan.total,
                    is_quiet=quiet or worker,
                    is_verbose=verbose,
                ) as progress:
                    _greet(progress, opened, plan)
                    search: Search | Pool
                    if jobs > 1:
                        command = ["run", *_given(ctx, skip=("jobs", "verbose", "quiet"))]
                        search = Pool(opened, command, jobs, plan)
                        search.run(progress, interrupts)
                    else:
                        opened.sampler = TimedSampler(
                            WorkerSampler(
                                lambda first: build_sampler(task, choices, first, limits), task
                            )
                        )
                        objective = _prepare(task, choices)
                        search = Search(opened, objective, choices, plan, interrupts)
                        search.run(progress)
        except KeyboardInterrupt:
            raise _stopped(ctx, interrupts) from None
        if worker:
            ctx.exit(GAVE_UP if search.gave_up else 0)
        if not quiet:
            _conclude(opened, storage)
        _mourn(opened, search, storage)
        if isinstance(search, Pool) and search.falls_short:
            again = shlex.join(["qhpo", "run", *_given(ctx, is_shown=True)])
            click.echo(f"qhpo: no worker is left; continue with: {again}", err=True)
            ctx.exit(1)
        if search.gave_up or (search.failures and not search.succeeded):
            ctx.exit(1)


def _print_summary(task: str) -> None:
    from qhpo.cli.validate import print_summary
    from qhpo.sweep import load_sweep

    path = sweep_path(task)
    if path is None:
        raise click.UsageError(
            f"--dry-run says what a sweep file asks for; {task} is a problem; leave it out"
        )
    print_summary(load_sweep(path))


def _loaded(name: str, max_params: int | None) -> Problem:
    task = load_task(name)
    for package in task.missing_packages():
        raise MissingExtraError(f"the problem {task.name}", package, task.extra)
    if max_params is not None:
        task.at_most(max_params)
    return task


def _limits(task: Problem, given: dict[str, Any]) -> dict[str, Any]:
    """How qubo works: as the command line says, else as the task does."""
    brought = {name: task.defaults[name] for name in OF_QUBO if name in task.defaults}
    said = {name: given[name] for name in OF_QUBO if given.get(name) is not None}
    return {"encoding": None, **brought, **said}


def _plan(task: Problem, choices: Choices, given: dict[str, Any], url: str) -> Plan:
    said = {name: value for name, value in given.items() if value is not None}
    chosen = {
        "trials": _TRIALS,
        "timeout": None,
        "retries": 0,
        "target": None,
        **task.defaults,
        **said,
    }
    total = int(chosen["trials"])
    return Plan(
        total,
        chosen["timeout"],
        int(chosen["retries"]),
        (lambda trials: grid_places(task, total, trials)) if choices.sampler == "grid" else None,
        storage_key(url),
        chosen["target"],
    )


def _folder(checkpoints: Path) -> str:
    """The folder as the study remembers it, so that it continues from anywhere."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=checkpoints):
            pass
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


def _greet(progress: SearchProgress, study: optuna.Study, plan: Plan) -> None:
    trials = study.get_trials(deepcopy=False)
    finished, places = sum(status(trial).finished for trial in trials), plan.places(trials)
    if places < plan.total:
        progress.remark(f"the grid has {plural(places, 'configuration')}, fewer than --trials")
    if plan.is_reached(study):
        progress.remark(f"{study.study_name} has reached its target of {plan.target:g}")
    elif finished >= places:
        progress.remark(
            f"{study.study_name} already has {plural(finished, 'finished trial')}; "
            "ask for more with --trials"
        )
    elif finished:
        progress.remark(
            f"continuing {study.study_name}: {finished} of {plan.total} trials are done"
        )


def _conclude(study: optuna.Study, url: str) -> None:
    console = output()
    trials = study.get_trials(deepcopy=False)
    name = study.study_name
    print_best(console, study)
    console.print()
    facts(
        console,
        [
            ("trials", trial_counts(trials)),
            ("time", time_spent(trials)),
            ("stored", f"study {name} in {shown_url(url)}"),
            ("look at it", shlex.join(["qhpo", "show", name, *storage_words(url)])),
        ],
    )


def _mourn(study: optuna.Study, search: Search | Pool, url: str) -> None:
    """Say what failed."""
    if not search.failures:
        return
    number, text = min(search.failures.items())
    look = shlex.join(
        ["qhpo", "show", study.study_name, "--trial", str(number), *storage_words(url)]
    )
    end = f"; {FAILURES_IN_A_ROW} did so in a row, which ended the run" if search.gave_up else ""
    click.echo(
        f"qhpo: {plural(len(search.failures), 'trial')} failed{end}; the first was trial {number}: "
        f"{text}; more of it: {look}",
        err=True,
    )


def _stopped(ctx: click.Context, interrupts: Interrupts) -> Interrupted:
    again = shlex.join(["qhpo", "run", *_given(ctx, is_shown=True)])
    how = ""
    if interrupts.received is not None and interrupts.received.name != "SIGINT":
        how = f" by {interrupts.received.name}"
    return Interrupted(f"stopped{how}; continue with: {again}", interrupts.exit_code)


def _given(
    ctx: click.Context, *, is_shown: bool = False, skip: Iterable[str] = ()
) -> Iterable[str]:
    """The command line as it was given, without a password where it is shown."""
    for parameter in ctx.command.params:
        name = str(parameter.name)
        value = ctx.params.get(name)
        source = ctx.get_parameter_source(name)
        if source is not click.core.ParameterSource.COMMANDLINE or name in skip:
            continue
        if isinstance(parameter, click.Option):
            yield parameter.opts[0]
            if parameter.is_flag:
                continue
        yield shown_url(str(value)) if name == "storage" and is_shown else str(value)
