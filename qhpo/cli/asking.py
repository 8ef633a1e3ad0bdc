"""`qhpo ask` and `qhpo tell`: a search whose loop is another program, in any language."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import Trial, TrialState

from qhpo.cli.completion import complete_solver, complete_study, complete_task
from qhpo.cli.interrupts import interruptible
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.samplers import (
    OF_QUBO,
    SAMPLERS,
    WorkerSampler,
    build_sampler,
    check_sampler,
    with_prior_studies,
)
from qhpo.cli.storage import open_storage, readable_errors, storage_option
from qhpo.cli.stored import load_stored
from qhpo.cli.studies import ASKED, MAX_PARAMS, PRUNER, SAMPLER, SEED, SOLVER, Choices, enter_study
from qhpo.cli.task import load_task, task_of, tell_unknown
from qhpo.errors import QhpoError
from qhpo.problem import Problem, suggest
from qhpo.pruners import PRUNERS

__all__ = ["ask"]

_MAX_SEED = 2**32 - 1
"""The largest that Optuna's own samplers take."""

_ATTEMPTS = 200
"""Suggestions of a sampler that does not know the rules, until one keeps them: where a share of
3 % keeps them, all of so many break one once in 400 times."""


@click.command(
    epilog=examples(
        "qhpo ask sweep.yaml",
        "qhpo ask cnn-digits --study mine -n 4",
        "qhpo ask --study made-with-optuna",
    )
)
@click.argument("task", required=False, shell_complete=complete_task)
@click.option(
    "--study",
    metavar="NAME",
    shell_complete=complete_study,
    help="Name of the study, made if it is not there.  [default: the task's name]",
)
@storage_option
@click.option(
    "-n",
    "--number",
    type=WholeNumber(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Trials to ask for: a batch, whose members differ.",
)
@click.option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    help="What suggests configurations.  [default: the study's, or qubo]",
)
@click.option(
    "--solver",
    metavar="NAME",
    shell_complete=complete_solver,
    help="What samples the QUBO, see qhpo solvers.  [default: the study's, or neal]",
)
@click.option(
    "--pruner",
    type=click.Choice(list(PRUNERS)),
    help="What `qhpo tell --step` asks whether a trial should end.  [default: the study's, or "
    "none]",
)
@click.option(
    "--seed",
    type=WholeNumber(0, _MAX_SEED),
    metavar="N",
    help="Seed of the sampler.  [default: the study's, or 0]",
)
def ask(
    task: str | None,
    study: str | None,
    storage: str,
    number: int,
    sampler: str | None,
    solver: str | None,
    pruner: str | None,
    seed: int | None,
) -> None:
    """Ask for trials, each printed as a line of JSON: {"trial": 7, "params": {"x": 0.5}}.

    TASK is the name of a problem or a sweep file. Without it, a trial asks for what --study was
    last searched with, or, if nobody has said that, for what its trials have: any study of an
    Optuna program is continued so.

    Evaluate the parameters in whatever language, and answer with `qhpo tell STUDY TRIAL`. Until
    then `qhpo show` lists the trial as asked, `qhpo run` neither counts it nor waits for it, and
    its configuration is not suggested again. What nobody will evaluate is given up with --failed.
    """
    if task is None and study is None:
        raise click.UsageError("a TASK or --study must say what to ask for; got neither")
    if solver is not None and sampler not in (None, "qubo"):
        raise click.UsageError(
            f"--solver belongs to --sampler qubo, not {sampler}; leave one of them out"
        )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if solver is not None:
        sampler = "qubo"
    if sampler is not None:
        check_sampler(sampler, solver or "neal")
    given: dict[str, Any] = {"sampler": sampler, "solver": solver, "seed": seed}
    with interruptible() as interrupts, readable_errors(storage):
        if task is None:
            opened = open_storage(storage, must_exist=True, interrupts=interrupts)
            entered = load_stored(opened, str(study), storage)
            problem = _known(entered)
            tell_unknown(entered)
            choices = _choices(entered, given)
            if pruner is not None:
                entered.set_user_attr(PRUNER, pruner)
        else:
            problem = load_task(task)
            _space(problem)
            entered, choices = enter_study(
                open_storage(storage, interrupts=interrupts),
                study or problem.name,
                problem,
                pruner=pruner,
                **given,
            )
        brought = {name: problem.defaults[name] for name in OF_QUBO if name in problem.defaults}
        limits = with_prior_studies(brought, entered, storage)
        check_sampler(choices.sampler, choices.solver, limits.get("encoding"), problem)
        entered.sampler = WorkerSampler(
            lambda first: build_sampler(problem, choices, first, limits), problem
        )
        for _ in range(number):
            click.echo(json.dumps(_asked(entered, problem, choices), default=str))


def _choices(study: optuna.Study, given: Mapping[str, Any]) -> Choices:
    """Those given, else those that the study was started with, else the defaults."""
    known = study.user_attrs
    return Choices(
        sampler=given["sampler"] or known.get(SAMPLER, "qubo"),
        solver=given["solver"] or known.get(SOLVER, "neal"),
        seed=int(known.get(SEED, 0)) if given["seed"] is None else given["seed"],
        max_params=known.get(MAX_PARAMS),
    )


def _known(study: optuna.Study) -> Problem:
    """What a study was last searched with, or else what its trials ask for.

    Raises:
        QhpoError: If neither says what a trial asks for.
    """
    known = task_of(study)
    if known is None or not known.search_space:
        return _seen(study)
    names = known.search_space.keys()
    is_whole = known.conditions or all(
        trial.state != TrialState.COMPLETE or names <= trial.params.keys()
        for trial in study.get_trials(deepcopy=False)
    )
    # A program may ask for less than it has declared, and its sampler learns when.
    return known if is_whole or "declared" not in known.source else _seen(study)


def _seen(study: optuna.Study) -> Problem:
    """What the trials of a study ask for, as a problem.

    Raises:
        QhpoError: If there is no trial yet, or trials differ in what they ask for.
    """
    name = study.study_name
    found: dict[str, BaseDistribution] | None = None
    for trial in study.get_trials(deepcopy=False):
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or not trial.params:
            continue
        if found is not None and found.keys() != trial.distributions.keys():
            differ = sorted(found.keys() ^ trial.distributions.keys())
            raise QhpoError(
                f"without a TASK all trials must ask for the same parameters; those of {name} "
                f"differ in {', '.join(differ)}; give the TASK, whose conditions say why"
            )
        found = trial.distributions
    if not found:
        raise QhpoError(
            f"without a TASK a finished trial must show the parameters; {name} has none; "
            "give the TASK"
        )
    goals = [direction.name.lower() for direction in study.directions]
    direction = {str(i): goal for i, goal in enumerate(goals)}
    return Problem(name, "", direction, _nothing, search_space=found)  # type: ignore[arg-type]


def _nothing(seed: int) -> Any:
    raise NotImplementedError("the objective is outside this process")


def _space(problem: Problem) -> Mapping[str, BaseDistribution]:
    """What trials of a problem ask for.

    Raises:
        QhpoError: If only its objective knows.
    """
    if problem.search_space is None:
        raise QhpoError(
            f"a task to ask for must declare its parameters; {problem.name} has no search_space, "
            "only its objective knows them; use `qhpo run`, or declare them in a sweep file"
        )
    return problem.search_space


def _asked(study: optuna.Study, problem: Problem, choices: Choices) -> dict[str, Any]:
    """A new trial, as it is printed."""
    params: dict[str, Any] = {}

    def every(trial: Trial) -> float:
        params.update(suggest(trial, _space(problem), problem.conditions))
        return 0.0

    # The rules are those of an objective of `qhpo run`, the packages nobody needs here.
    outside = replace(problem, make_objective=lambda seed: every, packages=())
    objective = outside.objective(choices.seed, choices.max_params)
    for _ in range(_ATTEMPTS):
        trial = _begun(study)
        try:
            # First of all: where this process is killed, the trial is known for what it is.
            trial.set_user_attr(ASKED, choices.attributes)
            objective(trial)
        except optuna.TrialPruned:  # it breaks a rule, which only some samplers know
            study.tell(trial, state=TrialState.PRUNED)
            continue
        except BaseException as error:
            # Nobody would ever tell what became of it.
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            if isinstance(error, QhpoError) or not isinstance(error, ValueError):
                raise
            raise QhpoError(
                f"the study {study.study_name} does not take the parameters of {problem.name}: "
                f"{error}; choose another name with --study"
            ) from error
        found = {name: params[name] for name in _space(problem) if name in params}
        return {"trial": trial.number, "params": found}
    raise QhpoError(
        f"a trial must keep the rules of {problem.name}; {_ATTEMPTS} suggestions of the sampler "
        f"{choices.sampler} broke one; take --sampler qubo, which knows them"
    )


def _begun(study: optuna.Study) -> Trial:
    with warnings.catch_warnings():
        # Optuna expects a process to stay with its trials; these outlive this one.
        warnings.filterwarnings("ignore", message="Heartbeat of storage")
        return study.ask()
