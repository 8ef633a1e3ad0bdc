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
from qhpo.timing import WALL_SECONDS

__all__ = [
    "DIRECTION",
    "ERROR",
    "MAX_PARAMS",
    "PROBLEM",
    "SAMPLER",
    "SEED",
    "SOLVER",
    "Choices",
    "Outcome",
    "best_trials",
    "count",
    "enter_study",
    "metrics",
    "outcome",
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


class Outcome(Enum):
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
        return self in (
            Outcome.COMPLETE,
            Outcome.PRUNED,
            Outcome.OVER_BUDGET,
            Outcome.FAILED,
        )


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


def outcome(trial: FrozenTrial) -> Outcome:
    """What became of a trial, also of one that another Optuna program made."""
    if trial.state == TrialState.FAIL:
        # A trial of `qhpo run` that ended by itself says why; one that was cut off cannot.
        cut_off = SAMPLER in trial.user_attrs and ERROR not in trial.user_attrs
        return Outcome.INTERRUPTED if cut_off else Outcome.FAILED
    if trial.state == TrialState.PRUNED and OVER_BUDGET in trial.user_attrs:
        return Outcome.OVER_BUDGET
    return Outcome(trial.state.name.lower())


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


def count(trials: Sequence[FrozenTrial]) -> dict[Outcome, int]:
    """How many trials had each outcome, in the order of `Outcome`, without zeros."""
    outcomes = [outcome(trial) for trial in trials]
    return {kind: outcomes.count(kind) for kind in Outcome if kind in outcomes}


def suggesting_seconds(trial: FrozenTrial) -> float:
    """Wall-clock seconds the sampler took for this trial; 0 where nobody measured them."""
    return float(trial.system_attrs.get(WALL_SECONDS, 0.0))


def training_seconds(trial: FrozenTrial) -> float:
    """Wall-clock seconds the objective took; 0 for a trial that did not come to its end."""
    if trial.duration is None or not outcome(trial).finished:
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
    known = study.user_attrs
    if study.get_trials(deepcopy=False):
        _check_same(study, problem, seed, max_params)
    else:
        # Nothing was tried yet: the choices are still free.
        known = {}
    _check_direction(study, problem)
    chosen = Choices(
        sampler=sampler or known.get(SAMPLER, "qubo"),
        solver=solver or known.get(SOLVER, "neal"),
        seed=int(known.get(SEED, 0)) if seed is None else seed,
        max_params=known.get(MAX_PARAMS) if max_params is None else max_params,
    )
    if not known:
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
    return study, chosen


def _check_same(
    study: optuna.Study, problem: Problem, seed: int | None, max_params: int | None
) -> None:
    known = study.user_attrs
    if PROBLEM not in known:
        raise QhpoError(
            f"`qhpo run` continues only studies that it started, and {study.study_name} was made "
            "by another program; choose another name with --study"
        )
    if known[PROBLEM] != problem.name:
        raise QhpoError(
            f"a study belongs to one problem: {study.study_name} tunes {known[PROBLEM]}, not "
            f"{problem.name}; choose another name with --study"
        )
    if seed not in (None, known[SEED]):
        raise QhpoError(
            f"a study trains with one seed, or its values could not be compared: "
            f"{study.study_name} has seed {known[SEED]}, got {seed}; leave --seed out, or choose "
            "another name with --study"
        )
    if max_params not in (None, known.get(MAX_PARAMS)):
        raise QhpoError(
            f"a study keeps its size budget: {study.study_name} was started with "
            f"{_budget(known.get(MAX_PARAMS))}, got {max_params}; leave --max-params out, or "
            "choose another name with --study"
        )


def _budget(max_params: int | None) -> str:
    return "no --max-params" if max_params is None else f"--max-params {max_params}"


def _check_direction(study: optuna.Study, problem: Problem) -> None:
    directions = [direction.name.lower() for direction in study.directions]
    if directions != list(problem.directions):
        raise QhpoError(
            f"a study keeps its direction: {study.study_name} has {' and '.join(directions)}, "
            f"{problem.name} has {' and '.join(problem.directions)}; choose another name with "
            "--study"
        )
