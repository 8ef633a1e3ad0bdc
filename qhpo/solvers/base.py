"""What a solver is: something that samples low-energy configurations of a quadratic model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import dimod

from qhpo.plugins import missing_packages

__all__ = ["Solver", "SolverInfo"]


@runtime_checkable
class Solver(Protocol):
    """Samples a DiscreteQuadraticModel.

    Attributes:
        name: What reports call it.
        is_costly: Whether a call costs money or takes seconds: fewer models are sampled.
    """

    name: str
    is_costly: bool

    def sample(self, dqm: dimod.DiscreteQuadraticModel, seed: int) -> dimod.SampleSet:
        """Low-energy configurations.

        Args:
            dqm: The model; its energy is minimized.
            seed: Seed of the solver's random numbers, in [0, 2^31). Solvers that have none, such as
                a QPU, ignore it.

        Returns:
            Samples over the variables of the DQM, their values case indices, lowest energy first;
            their ``info`` holds a `SolverReport`.

        Raises:
            SolverError: If the solver cannot sample this model.
        """
        ...


@dataclass(frozen=True)
class SolverInfo:
    """A registered solver, light enough to be listed without importing what it needs.

    Attributes:
        name: What the user types.
        summary: One line for `qhpo solvers`.
        make: Makes the solver. It takes the keyword ``encoding`` if there are ``encodings``, and
            may take others, for `make_solver`.
        encodings: Encodings that can be chosen, the default first; none for a solver that takes the
            discrete model as it is.
        limits: The largest models it takes; empty if there is no limit.
        cost: What a call costs; empty for nothing but the time of this machine.
        packages: Import names it needs beyond qhpo's own dependencies.
        extra: The extra of the distribution that brings them.
    """

    name: str
    summary: str
    make: Callable[..., Solver]
    encodings: tuple[str, ...] = ()
    limits: str = ""
    cost: str = ""
    packages: tuple[str, ...] = ()
    extra: str = ""

    def missing_packages(self) -> tuple[str, ...]:
        """Import names that this solver needs and this environment lacks."""
        return missing_packages(self.packages)
