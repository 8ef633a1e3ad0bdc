"""A study of `qhpo run`: what it remembers of the user's choices, and what became of its trials."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.problem import OVER_BUDGET, Problem
from qhpo.wrappers import WALL_SECONDS

__all__ = [
    "DIRECTION",
    "ERROR",
    "MAX_PARAMS",
    "PROBLEM",
    "SAMPLER",
    "SEED",
    "SOLVER",
    "Choices",
    "Status",
    "best_trials",
    "count",
    "enter_study",
    "metrics",
    "status",
    "suggesting_seconds",
    "training_seconds",
]

# User attributes. The first four belong to a study, `ERROR` to a trial, the rest to both.
PROBLEM = "qhpo:problem"
DIRECTION = "qhpo:direction"
SEED = "qhpo:seed"
MAX_PARAMS = "qhpo:max_params"
SAMPLER = "qhpo:sampler"
SOLVER = "qhpo:solver"
ERROR = "qhpo:error"


class Status(Enum):
    """What became of a trial.

    Interrupted: its process was stopped before the objective ended. Over budget: pruned without
    training, because its model was larger than the study allows.
    """

    COMPLETE = "complete"
    PRUNED = "pruned"
    OVER_BUDGET = "over budget"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    WAITING = "waiting"

    @property
    def finished(self) -> bool:
        """Whether the trial counts towards the total that `qhpo run --trials` asks for."""
        return self not in (Status.INTERRUPTED, Status.RUNNING, Status.WAITING)


@dataclass(frozen=True)
class Choices:
    """What the trials to come are made with.

    Attributes:
        sampler: Name of the sampler.
        solver: Name of the solver; it only matters to the sampler qubo.
        seed: Of the training and of the sampler.
        max_params: Most trainable parameters of a model that is trained; None for no budget.
    """

    sampler: str
    solver: str
    seed: int
    max_params: int | None = None


def status(trial: FrozenTrial) -> Status:
    """What became of a trial, also of one that another Optuna program made."""
    if trial.state == TrialState.FAIL:
        # A trial of `qhpo run` that ended by itself says why; one that was cut off cannot.
        cut_off = SAMPLER in trial.user_attrs and ERROR not in trial.user_attrs
        return Status.INTERRUPTED if cut_off else Status.FAILED
    if trial.state == TrialState.PRUNED and OVER_BUDGET in trial.user_attrs:
        return Status.OVER_BUDGET
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
    if trial.duration is None or not status(trial).finished:
        return 0.0
    return max(trial.duration.total_seconds() - suggesting_seconds(trial), 0.0)


def enter_study(
    storage: BaseStorage,
    name: str,
    problem: Problem,
    *,
    sampler: str | None = None,
    solver: str | None = None,
    seed: int | None = None,
    max_params: int | None = None,
) -> tuple[optuna.Study, Choices]:
    """Start a study, or continue the one of that name.

    Returns:
        The study, and the choices for the trials to come: those given, else those that the study
        was started with, else the defaults.

    Raises:
        QhpoError: If the study belongs to another problem, direction, seed or size budget, or to a
            program other than `qhpo run`.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=problem.directions,
        # Optuna's default would stop trials early, which nobody asked for.
        pruner=optuna.pruners.NopPruner(),
        load_if_exists=True,
    )
    is_new = not study.get_trials(deepcopy=False)
    misfit = "" if is_new else _misfit(study, problem, seed, max_params)
    if misfit := misfit or _other_direction(study, problem):
        raise QhpoError(f"{misfit} choose another name with --study")
    # Where nothing was tried yet, the choices are still free.
    known = {} if is_new else study.user_attrs
    chosen = Choices(
        sampler=sampler or known.get(SAMPLER, "qubo"),
        solver=solver or known.get(SOLVER, "neal"),
        seed=int(known.get(SEED, 0)) if seed is None else seed,
        max_params=known.get(MAX_PARAMS) if max_params is None else max_params,
    )
    if is_new:
        _remember(study, problem, chosen)
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
    if PROBLEM not in known:
        return (
            f"`qhpo run` continues only studies that it started, and {name} was made by another "
            "program;"
        )
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


def _other_direction(study: optuna.Study, problem: Problem) -> str:
    directions = [direction.name.lower() for direction in study.directions]
    if directions == list(problem.directions):
        return ""
    return (
        f"a study keeps its direction: {study.study_name} has {' and '.join(directions)}, "
        f"{problem.name} has {' and '.join(problem.directions)};"
    )
