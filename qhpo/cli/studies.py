"""A study of `qhpo run`: what it remembers of the user's choices, and what became of its trials."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import optuna
from optuna.distributions import check_distribution_compatibility
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo.cli.task import PROBLEM, note_task
from qhpo.errors import QhpoError
from qhpo.problem import OVER_BUDGET, RULED_OUT, Problem
from qhpo.pruners import make_pruner
from qhpo.study import AGAIN, has_failed_by_itself
from qhpo.wrappers import WALL_SECONDS

__all__ = [
    "ASKED",
    "ATTRIBUTE_LENGTH",
    "DIRECTION",
    "ERROR",
    "MAX_PARAMS",
    "PROBLEM",
    "PRUNER",
    "SAMPLER",
    "SEED",
    "SOLVER",
    "Choices",
    "Status",
    "best_trials",
    "count",
    "enter_study",
    "metrics",
    "note_traceback",
    "status",
    "suggesting_seconds",
    "traceback_of",
    "training_seconds",
]

# User attributes of a study, `SAMPLER` and `SOLVER` of a trial too.
DIRECTION = "qhpo:direction"
SEED = "qhpo:seed"
MAX_PARAMS = "qhpo:max_params"
SAMPLER = "qhpo:sampler"
SOLVER = "qhpo:solver"
PRUNER = "qhpo:pruner"

ERROR = "qhpo:error"
"""User attribute of a trial that failed: why."""

ASKED = "qhpo:asked"
"""User attribute of a trial of `qhpo ask`: the attributes that `qhpo tell` gives it. A running
trial that has them is one of `qhpo run`, whose process gives a sign of life."""

_TRACEBACK = "qhpo:traceback"
"""This and a number: the traceback of a trial that failed, in chunks."""

ATTRIBUTE_LENGTH = 2046
"""Characters of an attribute, written as JSON, that databases of older schemas hold: there every
character that is not ASCII is six or twelve."""

_CHUNKS = 100
"""Most chunks of a traceback. What lies in the middle of a longer one is left out."""


class Status(Enum):
    """What became of a trial.

    Asked: `qhpo ask` has given it out, and nobody has told its end. Interrupted: its process was
    stopped before the objective ended. Given up: it was to do again what was interrupted, which
    ranges or rules do not allow any more. Over budget: pruned without training, because its model
    was larger than the study allows. Ruled out: pruned at once, because its configuration breaks a
    constraint.
    """

    COMPLETE = "complete"
    PRUNED = "pruned"
    OVER_BUDGET = "over budget"
    RULED_OUT = "ruled out"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    GIVEN_UP = "given up"
    RUNNING = "running"
    ASKED = "asked"
    WAITING = "waiting"

    @property
    def finished(self) -> bool:
        """Whether the trial counts towards the total that `qhpo run --trials` asks for."""
        return self in (Status.COMPLETE, Status.PRUNED, Status.OVER_BUDGET, Status.RULED_OUT)


@dataclass(frozen=True)
class Choices:
    """What the trials to come are made with.

    Attributes:
        sampler: Name of the sampler.
        solver: Name of the solver; it only matters to the sampler qubo.
        seed: Of the training and of the sampler.
        max_params: Most trainable parameters of a model that is trained; None for no budget.
        pruner: What ends trials early: a name, or an Optuna pruner.
    """

    sampler: str
    solver: str
    seed: int
    max_params: int | None = None
    pruner: str | BasePruner = "none"

    @property
    def attributes(self) -> dict[str, str]:
        """User attributes that say of a trial what it was suggested by."""
        of_qubo = {SOLVER: self.solver} if self.sampler == "qubo" else {}
        return {SAMPLER: self.sampler, **of_qubo}


def status(trial: FrozenTrial) -> Status:
    """What became of a trial, also of one that another Optuna program made."""
    if trial.state == TrialState.FAIL:
        # A trial of `qhpo run` that ended by itself says why; one that was cut off cannot.
        has_ended = ERROR in trial.user_attrs or has_failed_by_itself(trial)
        if SAMPLER in trial.user_attrs and not has_ended:
            return Status.INTERRUPTED
        is_refused = AGAIN in trial.user_attrs and ERROR not in trial.user_attrs
        return Status.GIVEN_UP if is_refused else Status.FAILED
    is_claimed = SAMPLER in trial.user_attrs
    if trial.state == TrialState.RUNNING and ASKED in trial.user_attrs and not is_claimed:
        return Status.ASKED
    if trial.state == TrialState.PRUNED and OVER_BUDGET in trial.user_attrs:
        return Status.OVER_BUDGET
    if trial.state == TrialState.PRUNED and RULED_OUT in trial.user_attrs:
        return Status.RULED_OUT
    return Status(trial.state.name.lower())


def best_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The best complete trial, or nothing if there is none yet.

    Of several objectives all those that no other trial beats in one without losing in another, the
    best in the first objective first.
    """
    if len(study.directions) > 1:
        sign = -1.0 if study.directions[0].name == "MAXIMIZE" else 1.0
        return sorted(study.best_trials, key=lambda trial: (sign * trial.values[0], trial.number))
    try:
        return [study.best_trial]
    except ValueError:
        return []


def metrics(study: optuna.Study) -> list[str]:
    """Names of the objectives; ``["value"]`` if there is one."""
    n = len(study.directions)
    if n == 1:
        return ["value"]
    return study.metric_names or [f"value {i}" for i in range(1, n + 1)]


def count(trials: Sequence[FrozenTrial]) -> dict[Status, int]:
    """How many trials had each status, in the order of `Status`, without zeros."""
    statuses = [status(trial) for trial in trials]
    return {kind: statuses.count(kind) for kind in Status if kind in statuses}


def suggesting_seconds(trial: FrozenTrial) -> float:
    """Wall-clock seconds the sampler took for this trial; 0 where nobody measured them."""
    return float(trial.system_attrs.get(WALL_SECONDS, 0.0))


def training_seconds(trial: FrozenTrial) -> float:
    """Wall-clock seconds the objective took; 0 for a trial that did not come to its end."""
    if trial.duration is None or not (status(trial).finished or status(trial) is Status.FAILED):
        return 0.0
    return max(trial.duration.total_seconds() - suggesting_seconds(trial), 0.0)


def note_traceback(trial: optuna.Trial, text: str) -> None:
    """Keep the traceback of a trial that fails."""
    chunks = list(_chunks(text))
    if len(chunks) > _CHUNKS:
        half = _CHUNKS // 2
        chunks = [*chunks[:half], "\n[...]\n", *chunks[-half:]]
    for i, chunk in enumerate(chunks):
        trial.set_user_attr(f"{_TRACEBACK}:{i}", chunk)


def traceback_of(trial: FrozenTrial) -> str:
    """The traceback of a trial that failed in `qhpo run`; empty if there is none."""
    names = (f"{_TRACEBACK}:{i}" for i in range(len(trial.user_attrs)))
    return "".join(trial.user_attrs.get(name, "") for name in names)


def _chunks(text: str) -> list[str]:
    """Pieces that fit into an attribute each."""
    pieces, start = [], 0
    while start < len(text):
        size = ATTRIBUTE_LENGTH - 2  # the quotes
        while len(json.dumps(text[start : start + size])) > ATTRIBUTE_LENGTH:
            size = size * 3 // 4
        pieces.append(text[start : start + size])
        start += size
    return pieces


def enter_study(
    storage: BaseStorage,
    name: str,
    problem: Problem,
    *,
    sampler: str | None = None,
    solver: str | None = None,
    seed: int | None = None,
    max_params: int | None = None,
    pruner: str | None = None,
) -> tuple[optuna.Study, Choices]:
    """Start a study, or continue the one of that name, whoever started it.

    Returns:
        The study, with its pruner, and the choices for the trials to come: those given, else those
        that the problem brings, else those that the study was started with, else the defaults.

    Raises:
        QhpoError: If the study belongs to another problem, direction, seed or size budget, has
            other choices of a parameter, or its pruner is none or does not fit.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=problem.directions,
        load_if_exists=True,
    )
    brought = problem.defaults
    seed = brought.get("seed") if seed is None else seed
    is_new = not study.get_trials(deepcopy=False)
    misfit = "" if is_new else _misfit(study, problem, seed, max_params)
    if misfit := misfit or _other_direction(study, problem) or _other_choices(study, problem):
        raise QhpoError(f"{misfit} choose another name with --study")
    # Where nothing was tried yet, the choices are still free.
    known: dict[str, Any] = {} if is_new else study.user_attrs
    # A solver that is asked for is the sampler qubo's.
    wanted = sampler or ("qubo" if solver else None)
    chosen = Choices(
        sampler=wanted or brought.get("sampler") or known.get(SAMPLER, "qubo"),
        solver=solver or brought.get("solver") or known.get(SOLVER, "neal"),
        seed=int(known.get(SEED, 0)) if seed is None else seed,
        max_params=known.get(MAX_PARAMS) if max_params is None else max_params,
        pruner=pruner or brought.get("pruner") or known.get(PRUNER, "none"),
    )
    study.pruner = make_pruner(chosen.pruner, len(problem.directions))
    if PROBLEM not in known:
        _remember(study, problem, chosen)
    note_task(study, problem)
    if isinstance(chosen.pruner, str) and chosen.pruner != known.get(PRUNER, "none"):
        study.set_user_attr(PRUNER, chosen.pruner)
    return study, chosen


def _remember(study: optuna.Study, problem: Problem, chosen: Choices) -> None:
    """Store what the study is started with."""
    study.set_user_attr(PROBLEM, problem.name)
    study.set_user_attr(DIRECTION, " and ".join(problem.directions))
    if problem.metrics:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(list(problem.metrics))
    study.set_user_attr(SEED, chosen.seed)
    study.set_user_attr(SAMPLER, chosen.sampler)
    if chosen.sampler == "qubo":
        study.set_user_attr(SOLVER, chosen.solver)
    # An attribute cannot be removed, and one of an earlier attempt would count.
    if chosen.max_params is not None or MAX_PARAMS in study.user_attrs:
        study.set_user_attr(MAX_PARAMS, chosen.max_params)


def _misfit(study: optuna.Study, problem: Problem, seed: int | None, max_params: int | None) -> str:
    """Why trials of the problem cannot join those of the study; empty if they can."""
    name, known = study.study_name, study.user_attrs
    if PROBLEM not in known:  # started by another program, which said nothing of all this
        return ""
    if known[PROBLEM] != problem.name:
        return f"a study belongs to one problem: {name} tunes {known[PROBLEM]}, not {problem.name};"
    if seed not in (None, known[SEED]):
        return (
            f"a study trains with one seed, or its values could not be compared: {name} has seed "
            f"{known[SEED]}, got {seed}; leave --seed out, or"
        )
    budget = known.get(MAX_PARAMS)
    if max_params not in (None, budget):
        said = "no --max-params" if budget is None else f"--max-params {budget}"
        return (
            f"a study keeps its size budget: {name} was started with {said}, got {max_params}; "
            "leave --max-params out, or"
        )
    return ""


def _other_choices(study: optuna.Study, problem: Problem) -> str:
    """Why a parameter of the problem cannot be that of the study; every trial would fail."""
    known = {
        name: distribution
        for trial in study.get_trials(deepcopy=False)
        for name, distribution in trial.distributions.items()
    }
    for name, distribution in (problem.search_space or {}).items():
        try:
            if name in known:
                check_distribution_compatibility(known[name], distribution)
        except ValueError:
            return (
                f"a study keeps the kind and the choices of a parameter: {name} was "
                f"{known[name]} in {study.study_name}, and is {distribution} in {problem.name};"
            )
    return ""


def _other_direction(study: optuna.Study, problem: Problem) -> str:
    directions = [direction.name.lower() for direction in study.directions]
    if directions == list(problem.directions):
        return ""
    return (
        f"a study keeps its direction: {study.study_name} has {' and '.join(directions)}, "
        f"{problem.name} has {' and '.join(problem.directions)};"
    )
