"""What a solver is: something that samples low-energy configurations of a quadratic model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.plugins import missing_packages
from qhpo.solvers.report import REPORT, SolverReport

__all__ = ["Reads", "Solver", "SolverInfo"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Reads:
    """Distinct configurations of a model, lowest energy first.

    Attributes:
        cases: Case indices within each variable, shape (q, d).
        energies: Shape (q,).
        counts: How often each configuration was read, shape (q,).
        report: What the solver did.
    """

    cases: IntArray
    energies: FloatArray
    counts: IntArray
    report: SolverReport

    @classmethod
    def of(
        cls,
        tables: DenseDQM,
        cases: IntArray,
        report: SolverReport,
        counts: IntArray | None = None,
    ) -> Reads:
        """Reads of configurations in any order, equal ones counted together.

        Args:
            tables: The model.
            cases: Case indices within each variable, shape (q, d).
            report: What the solver did; its energy becomes the lowest one.
            counts: How often each configuration occurred, shape (q,); None for once.
        """
        distinct, number = np.unique(cases, axis=0, return_inverse=True)
        occurrences = np.bincount(number.ravel(), counts, minlength=len(distinct))
        energies = tables.energies(distinct)
        order = np.argsort(energies, kind="stable")
        return cls(
            distinct[order],
            energies[order],
            occurrences[order].astype(np.intp),
            report.with_energy(energies),
        )

    def to_sample_set(self, labels: Sequence[Hashable] | None = None) -> dimod.SampleSet:
        """The reads as dimod's own type; the report is in its ``info``.

        Args:
            labels: Names of the variables, shape (d,). None numbers them from 0.
        """
        names = range(self.cases.shape[1]) if labels is None else labels
        samples: dimod.SampleSet = dimod.SampleSet.from_samples(
            (self.cases, list(names)),
            vartype=dimod.INTEGER,
            energy=self.energies,
            num_occurrences=self.counts,
            sort_labels=False,
            info={REPORT: self.report},
        )
        return samples


@runtime_checkable
class Solver(Protocol):
    """Samples low-energy configurations of discrete quadratic models.

    Attributes:
        name: What reports call it.
        is_costly: Whether a call costs money or takes seconds: fewer models are sampled.
    """

    name: str
    is_costly: bool

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """Low-energy configurations.

        Args:
            tables: The model; its energy is minimized.
            seed: Seed of the solver's random numbers, in [0, 2^31). Solvers that have none, such as
                a QPU, ignore it.

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
