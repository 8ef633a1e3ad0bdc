"""The samplers that `qhpo run --sampler` names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.cli.grid import GridSampler
from qhpo.cli.stored import load_stored, study_names
from qhpo.cli.studies import MAX_PARAMS, SEED, Choices
from qhpo.cli.task import task_of, tell_unknown
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.plugins import missing_packages
from qhpo.problem import Problem
from qhpo.study import AGAIN, fail, lies_outside, restore_fixed
from qhpo.wrappers import DelegatingSampler

if TYPE_CHECKING:
    from qhpo import QUBOSampler

__all__ = [
    "OF_QUBO",
    "SAMPLERS",
    "WorkerSampler",
    "build_sampler",
    "check_sampler",
    "qubo_of",
    "with_prior_studies",
]

_logger = logging.getLogger("qhpo")

SAMPLERS = ("qubo", "tpe", "gp", "random", "grid")

OF_QUBO = (
    "encoding",
    "qpu_seconds",
    "max_calls",
    "batch_size",
    "prior_studies",
    "n_startup_trials",
    "noisy",
    "surrogate",
    "believed_good",
)
"""Arguments of `QUBOSampler`, some of which are options too. Prior studies are named."""

_OF_THE_MODEL = ("n_startup_trials", "noisy", "surrogate", "believed_good", "prior_studies")
"""Those of them that decide what is believed of the values; the others are about the solver."""


def check_sampler(
    name: str, solver: str, encoding: str | None = None, problem: Problem | None = None
) -> None:
    """Check that `build_sampler` can make this sampler.

    Raises:
        QhpoError: If there is no such sampler, or it cannot search the problem.
        SolverError: If the sampler is qubo and there is no such solver, or it cannot be made.
        MissingExtraError: If the sampler or its solver needs a package that is not installed.
    """
    if name not in SAMPLERS:
        raise QhpoError(f"a sampler must be one of {', '.join(SAMPLERS)}; got {name!r}")
    if name == "gp" and missing_packages(["torch"]):
        raise MissingExtraError("the sampler gp", "torch", "torch")
    if name == "grid" and problem is not None:
        GridSampler(problem, 0)
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
        problem: With constraints or a size budget, qubo and grid suggest nothing that breaks them;
            the others do, and such a trial is pruned at once.
        choices: Names the sampler, its solver and its seed, and the budget.
        first_number: Number of the first trial that the sampler will be asked for. Optuna's own
            samplers know only their seed: continued, or in a second process, they would repeat
            the trials that the study already has. They get another seed for another first trial.
        limits: How qubo and its solver work, arguments of the same names of `qhpo.QUBOSampler`.

    Raises:
        QhpoError: As `check_sampler`, and if no configuration keeps the constraints.
    """
    seed = choices.seed
    if choices.sampler == "grid":
        return GridSampler(problem, seed)
    if choices.sampler == "qubo":
        return _qubo(problem, choices, limits)
    if first_number > 0:
        seed = int(np.random.SeedSequence((seed, first_number)).generate_state(1)[0])
    if choices.sampler == "tpe":
        return TPESampler(seed=seed)
    if choices.sampler == "gp":
        return GPSampler(seed=seed)
    return RandomSampler(seed=seed)


def _qubo(
    problem: Problem, choices: Choices, limits: Mapping[str, Any] | None = None
) -> QUBOSampler:
    """The sampler qubo with what a problem declares.

    Args:
        problem: It suggests nothing that breaks its constraints.
        choices: Its solver, its seed and the size budget.
        limits: See `build_sampler`.

    Raises:
        QhpoError: As `build_sampler`.
    """
    from qhpo import QUBOSampler

    rules = list(problem.constraints)
    if choices.max_params is not None:
        rules.append(problem.at_most(choices.max_params))
    is_declared = bool(rules or problem.conditions or problem.defaults or problem.source)
    return QUBOSampler(
        # Of a built-in problem without rules the space is learnt, as it always was: old studies go
        # on the same.
        problem.search_space if is_declared else None,
        constraints=rules,
        conditions=problem.conditions or None,
        seed=choices.seed,
        solver=choices.solver,
        # The study keeps the name of the problem, or the whole file, which says more.
        _is_remembered=False,
        **(limits or {}),
    )


def qubo_of(study: Study) -> QUBOSampler:
    """The sampler qubo with what a study was last searched with, to ask for what it believes.

    Rules that are not known here are said.

    Raises:
        QhpoError: If it is proven that no configuration keeps the rules.
    """
    from qhpo import QUBOSampler

    known = study.user_attrs
    seed = int(known.get(SEED, 0))
    tell_unknown(study)
    problem = task_of(study)
    if problem is None:
        return QUBOSampler(seed=seed)
    budget = known.get(MAX_PARAMS) if problem.size is not None else None
    choices = Choices("qubo", "neal", seed, None if budget is None else int(budget))
    limits = {n: problem.defaults[n] for n in _OF_THE_MODEL if n in problem.defaults}
    if "prior_studies" in limits:
        named, there = limits["prior_studies"], study_names(study._storage)
        for name in named:
            if name not in there:
                _logger.warning(
                    f"the prior study {name!r} is no longer in the storage; what is said of the "
                    "model is without it"
                )
        limits["prior_studies"] = [name for name in named if name in there]
    return _qubo(problem, choices, with_prior_studies(limits, study, ""))


def with_prior_studies(limits: Mapping[str, Any], study: optuna.Study, url: str) -> dict[str, Any]:
    """The same limits, their prior studies read from the storage of a study.

    Args:
        limits: See `build_sampler`; prior studies by their names.
        study: The one that is to be searched.
        url: Of the storage, for the error.

    Raises:
        QhpoError: If one is not there, or is the study itself.
    """
    found = []
    for name in limits.get("prior_studies", ()):
        if name == study.study_name:
            raise QhpoError(
                f"a study cannot be its own prior study; got {name!r}; name the new one "
                "otherwise with --study"
            )
        found.append(load_stored(study._storage, name, url))
    return {**limits, "prior_studies": found}


class WorkerSampler(DelegatingSampler):
    """Makes the sampler when it sees its first trial, whose number no other process has.

    Args:
        build: Takes the number of that trial, returns the sampler that does the work.
        problem: Its search space tells what the choices of an enqueued trial were before a database
            had them; None if nobody knows.
    """

    def __init__(self, build: Callable[[int], BaseSampler], problem: Problem | None = None) -> None:
        super().__init__(RandomSampler())
        self._build = build
        self._built = False
        self._space = (problem.search_space if problem else None) or {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if not self._built:
            self.sampler = self._build(trial.number)
            self._built = True
        restore_fixed(trial, self._space)
        if AGAIN in trial.user_attrs:
            self._check_ranges(study, trial)
        super().before_trial(study, trial)

    def _check_ranges(self, study: Study, trial: FrozenTrial) -> None:
        """Optuna would take a value that is fixed for a trial also where it lies outside."""
        fixed = trial.system_attrs["fixed_params"]
        for name in lies_outside(fixed, self._space):
            fail(study, trial)
            raise QhpoError(
                f"{name} must lie in {self._space[name]} now, but was {fixed[name]!r}; widen its "
                "range to have it tried"
            )
