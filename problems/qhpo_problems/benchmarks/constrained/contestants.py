"""The samplers that are compared on problems with constraints, and how each is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import optuna
from optuna.samplers import BaseSampler

from qhpo_problems.benchmarks.constrained.problem import Declaration, Problem, SolutionT
from qhpo_problems.benchmarks.samplers import PEERS, SamplerFactory

__all__ = ["CONTESTANTS", "Contestant", "Declared", "DeclaredFactory", "Told"]

DeclaredFactory = Callable[[int, Declaration], BaseSampler]
"""Makes a fresh sampler from a seed and what the user declares; a function of a module, or a
`functools.partial` of one."""


@dataclass(frozen=True)
class Told:
    """A sampler that hears how far a trial missed its constraints, through Optuna's own call."""

    factory: SamplerFactory

    def sampler(self, seed: int, problem: Problem[SolutionT]) -> BaseSampler:
        """A fresh sampler."""
        return self.factory(seed)

    def ask(self, problem: Problem[SolutionT], trial: optuna.Trial) -> SolutionT:
        """The solution of a trial, whose violations the trial is told."""
        solution = problem.suggest(trial)
        for name, amount in problem.violations(solution).items():
            trial.set_constraint(name, amount)
        return solution


@dataclass(frozen=True)
class Declared:
    """A sampler that knows space and constraints before the first trial, and nothing after it."""

    factory: DeclaredFactory

    def sampler(self, seed: int, problem: Problem[SolutionT]) -> BaseSampler:
        """A fresh sampler that has been told what the problem declares."""
        return self.factory(seed, problem.declaration())

    def ask(self, problem: Problem[SolutionT], trial: optuna.Trial) -> SolutionT:
        """The solution of a trial, through the parameters that the problem declares."""
        return problem.suggest_declared(trial)


Contestant = Told | Declared
"""How a sampler takes part."""


def _qubo(seed: int, declaration: Declaration) -> BaseSampler:
    from qhpo import QUBOSampler

    return QUBOSampler(declaration.search_space, seed=seed, constraints=declaration.constraints)


CONTESTANTS: Mapping[str, Contestant] = MappingProxyType(
    {"qubo": Declared(_qubo), **{name: Told(factory) for name, factory in PEERS.items()}}
)
"""Name that the user types -> how the sampler of that name takes part."""
