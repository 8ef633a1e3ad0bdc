"""What samplers are compared on: how a trial asks, what is right, what is best.

Words: a *solution* is what the parameters of a trial stand for (the items that are on, an order,
a list of layers), hashable, so that two trials with the same solution are repeats. A *violation* is
how far a solution misses a constraint, feasible when 0 or less, as Optuna has it. Values are
minimized. They are entries of a table or whole numbers, so that the optimum and a trial's value
agree to the last digit.

Under noise, the *answer* is what a trial is told of a solution; two trials with the same solution
get different ones. The value remains the truth, the mean of all answers, which no trial is told.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial

__all__ = ["Benchmark", "Declaration", "NoisyBenchmark", "SolutionT"]

SolutionT = TypeVar("SolutionT", bound=Hashable)


@dataclass(frozen=True)
class Declaration:
    """What a user of qhpo would tell its sampler before the first trial.

    Args:
        search_space: Distribution of each parameter; None where the sampler shall learn it.
        constraints: Of `qhpo.constraints`.
    """

    search_space: Mapping[str, BaseDistribution] | None = None
    constraints: Sequence[Any] = ()


class Benchmark(ABC, Generic[SolutionT]):
    """One fixed instance of a problem, its optimum, and the two ways in which samplers meet it.

    Samplers of qhpo get the `declaration` and the parameters that go with it. All others get
    parameters as their own users write them, and hear of violations after the fact.

    Attributes:
        name: What the user types.
        trials: Trials of a run unless told otherwise.
        checkpoints: Numbers of trials at which samplers are compared, ascending.
        reference_name: What the reference is, such as ``"the median feasible configuration"``.
    """

    name: str
    trials: int
    checkpoints: tuple[int, ...]
    reference_name: str

    @property
    @abstractmethod
    def description(self) -> str:
        """One line on the instance."""

    @property
    @abstractmethod
    def optimum(self) -> float:
        """Value of the best feasible solution."""

    @property
    @abstractmethod
    def reference(self) -> float:
        """Value whose gap is 1, above the optimum."""

    @abstractmethod
    def declaration(self) -> Declaration:
        """What samplers of qhpo are told."""

    @abstractmethod
    def suggest(self, trial: BaseTrial) -> SolutionT:
        """Ask a trial for a solution, feasible or not, through plain parameters."""

    def suggest_declared(self, trial: BaseTrial) -> SolutionT:
        """Ask a trial for a solution through the parameters of `declaration`."""
        return self.suggest(trial)

    def violations(self, solution: SolutionT) -> dict[str, float]:
        """By how much a solution misses each constraint; none where all solutions are feasible."""
        return {}

    @abstractmethod
    def value(self, solution: SolutionT) -> float:
        """The hidden objective, of infeasible solutions too."""

    def feasible(self, solution: SolutionT) -> bool:
        """Whether a solution satisfies every constraint: the truth, told by no sampler."""
        return all(amount <= 0 for amount in self.violations(solution).values())

    def gap(self, best: float) -> float:
        """Normalized regret of a value: 0 at the optimum, 1 at the reference."""
        return (best - self.optimum) / (self.reference - self.optimum)

    def objective(self, trial: BaseTrial) -> float:
        """Value of the solution that a trial of a declared sampler is given."""
        return self.value(self.suggest_declared(trial))


class NoisyBenchmark(Benchmark[SolutionT]):
    """A benchmark with noisy evaluations."""

    @abstractmethod
    def answer(self, solution: SolutionT, rng: np.random.Generator) -> float:
        """What a trial is told of a solution; the generator is the only source of chance."""
