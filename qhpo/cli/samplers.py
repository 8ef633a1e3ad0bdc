"""The samplers that `qhpo run --sampler` offers, and how their seed is chosen."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.constraints import Constraint
from qhpo.delegate import DelegatingSampler
from qhpo.errors import MissingExtraError

__all__ = ["SolverLimits", "WorkerSampler", "build_sampler", "check_sampler"]


@dataclass(frozen=True)
class SolverLimits:
    """How the solver of the sampler qubo is used; None for what suits it, or for no limit.

    Attributes:
        encoding: How the model becomes binary.
        qpu_seconds: QPU access time that the study may spend.
        max_calls: Calls of the solver that the study may spend.
    """

    encoding: str | None = None
    qpu_seconds: float | None = None
    max_calls: int | None = None


def check_sampler(name: str, solver: str, encoding: str | None = None) -> None:
    """Check that `build_sampler` can make this sampler.

    Raises:
        SolverError: If the sampler is qubo and there is no such solver, or it cannot be made.
        MissingExtraError: If the sampler or its solver needs a package that is not installed.
    """
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise MissingExtraError("the sampler gp", "torch", "torch")
    if name == "qubo":
        from qhpo.solvers import make_solver

        # What it lacks, such as a token, should not wait for the first trial.
        make_solver(solver, encoding=encoding)


def build_sampler(
    name: str,
    solver: str,
    seed: int,
    first_number: int,
    *,
    search_space: Mapping[str, BaseDistribution] | None = None,
    constraints: Iterable[Constraint] = (),
    limits: SolverLimits | None = None,
) -> BaseSampler:
    """The sampler that `qhpo run --sampler` names.

    Args:
        name: ``"qubo"``, ``"tpe"``, ``"gp"`` or ``"random"``.
        solver: What samples the QUBO; only for ``"qubo"``.
        seed: The study's seed.
        first_number: Number of the first trial that the sampler will be asked for. Optuna's own
            samplers know only their seed: continued, or in a second process, they would repeat
            the trials that the study already has. They get another seed for another first trial.
        search_space: Declared to ``"qubo"``; Optuna's own samplers learn it from the trials.
        constraints: What ``"qubo"`` keeps; the others suggest what breaks them as well.
        limits: How the solver is used; only for ``"qubo"``.

    Raises:
        SolverError: As `check_sampler`.
        MissingExtraError: As `check_sampler`.
    """
    limits = limits or SolverLimits()
    check_sampler(name, solver, limits.encoding)
    if name == "qubo":
        from qhpo import QUBOSampler

        return QUBOSampler(
            search_space,
            constraints=constraints,
            seed=seed,
            solver=solver,
            encoding=limits.encoding,
            qpu_seconds=limits.qpu_seconds,
            max_calls=limits.max_calls,
        )
    if first_number > 0:
        seed = int(np.random.SeedSequence((seed, first_number)).generate_state(1)[0])
    if name == "tpe":
        return TPESampler(seed=seed)
    if name == "gp":
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
