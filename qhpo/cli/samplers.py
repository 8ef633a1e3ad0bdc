"""The samplers that `qhpo run --sampler` offers, and how their seed is chosen."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.constraints import Constraint
from qhpo.delegate import DelegatingSampler
from qhpo.errors import MissingExtraError

__all__ = ["WorkerSampler", "build_sampler", "check_sampler"]


def check_sampler(name: str, solver: str) -> None:
    """Check that `build_sampler` can make this sampler.

    Raises:
        SolverError: If the sampler is qubo and there is no such solver.
        MissingExtraError: If the sampler or its solver needs a package that is not installed.
    """
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise MissingExtraError("the sampler gp", "torch", "torch")
    if name == "qubo":
        _check_solver(solver)


def build_sampler(
    name: str,
    solver: str,
    seed: int,
    first_number: int,
    *,
    search_space: Mapping[str, BaseDistribution] | None = None,
    constraints: Iterable[Constraint] = (),
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

    Raises:
        SolverError: As `check_sampler`.
        MissingExtraError: As `check_sampler`.
    """
    check_sampler(name, solver)
    if name == "qubo":
        from qhpo import QUBOSampler

        return QUBOSampler(search_space, constraints=constraints, seed=seed, solver=solver)
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


def _check_solver(name: str) -> None:
    from qhpo.solvers import find_solver

    info = find_solver(name)
    for package in info.missing_packages():
        raise MissingExtraError(f"the solver {name}", package, info.extra)
