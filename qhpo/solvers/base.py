"""What a solver is: something that samples low-energy configurations of a quadratic model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import dimod

__all__ = ["Solver", "SolverInfo"]


class Solver(Protocol):
    """Samples a DiscreteQuadraticModel."""

    def sample(self, dqm: dimod.DiscreteQuadraticModel, seed: int) -> dimod.SampleSet:
        """Low-energy configurations.

        Args:
            dqm: The model; its energy is minimized.
            seed: Seed of the solver's random numbers, in [0, 2^31). Solvers that have none, such as
                a QPU, ignore it.

        Returns:
            Samples over the variables of the DQM, their values case indices, lowest energy first.

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
        make: Makes the solver.
        packages: Import names it needs beyond qhpo's own dependencies.
        extra: The extra of the distribution that brings them.
    """

    name: str
    summary: str
    make: Callable[[], Solver]
    packages: tuple[str, ...] = ()
    extra: str = ""

    def missing_packages(self) -> tuple[str, ...]:
        """Import names that this solver needs and this environment lacks."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)
