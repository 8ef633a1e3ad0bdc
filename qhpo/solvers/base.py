"""What a solver is, what it returns, and what all solvers here have in common.

Glossary
--------
d, q
    Variables of a discrete model, and configurations of it.
read
    A configuration as a solver found it. The same one may be read several times.
to eliminate
    To leave out the cases that another case of the same variable beats everywhere.
to polish
    To let every variable in turn take its best case until none changes: categorical coordinate
    descent.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding import DenseDQM, Reduced, eliminate
from qhpo.plugins import missing_packages
from qhpo.solvers.report import SolverReport, qpu_seconds

__all__ = [
    "JointSolver",
    "Reads",
    "Sampled",
    "Solver",
    "SolverInfo",
    "SolverTemplate",
    "affordable_reads",
    "reads_of_many",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_MIN_READS = 4
"""Even of the largest model: a single read says nothing about how good it is."""

_READ_OPERATIONS = 200_000_000
"""Bound on reads x sweeps x variables^2, which the time of a dense anneal is proportional to. It is
about 0.1 s of one core, and models of up to 300 bits stay below it with all reads."""


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
            counts: How often each configuration was read, shape (q,); None for once.
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
        """The reads as dimod's own type, with the report in its ``info`` under ``"qhpo"``.

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
            info={"qhpo": self.report},
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


@runtime_checkable
class JointSolver(Solver, Protocol):
    """A solver that may sample several models in one call."""

    def reads_of_many(self, models: Sequence[DenseDQM], seed: int) -> list[Reads]:
        """Low-energy configurations of each model, in their order; see `Solver.reads`."""
        ...


def reads_of_many(solver: Solver, models: Sequence[DenseDQM], seed: int) -> list[Reads]:
    """Low-energy configurations of each model, in one call where the solver can.

    Args:
        solver: Samples the models.
        models: In any number, of any sizes.
        seed: As of `Solver.reads`; the first model gets it, and each of the others its own.
    """
    if isinstance(solver, JointSolver):
        return solver.reads_of_many(models, seed)
    seeds = seeds_of(seed, len(models))
    return [solver.reads(tables, s) for tables, s in zip(models, seeds, strict=True)]


def seeds_of(seed: int, n: int) -> list[int]:
    """Seeds of several models in [0, 2^31), the first of which is that of one model alone."""
    others = np.random.SeedSequence(seed).generate_state(max(n - 1, 0)) >> 1
    return [seed, *others.tolist()][:n]


@dataclass(frozen=True)
class Sampled:
    """What came of one call, before it is polished.

    Attributes:
        cases: Configurations, repaired where a read was none, shape (q, d).
        counts: How often each was read, shape (q,); None for once.
        valid: Which needed no repair, shape (q,); None for all.
        size: Variables and couplers of what was sampled; None for the discrete model itself.
        chain_breaks: Mean share of broken chains; None without an embedding.
        info: What a sampler says about the call.
        calls: 0 where the model shared the call of another one, which counts it.
        copies: How often the model lay on the chip; None without an embedding.
    """

    cases: IntArray
    counts: IntArray | None = None
    valid: NDArray[np.bool_] | None = None
    size: tuple[int, int] | None = None
    chain_breaks: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    calls: int = 1
    copies: int | None = None


class SolverTemplate(ABC):
    """Eliminates, samples, polishes and reports; a solver says how it samples.

    Polish matters more than the choice of the sampler, and elimination loses nothing that polish
    could lead to: it leaves all configurations that no change of one variable improves.

    Attributes:
        name: See `Solver`.
        is_costly: See `Solver`.
        polishes: Whether what is sampled is polished.
    """

    name: str
    is_costly: bool = False
    polishes: bool = True

    def reads(self, tables: DenseDQM, seed: int) -> Reads:
        """See `Solver.reads`."""
        return self.reads_of_many([tables], seed)[0]

    def reads_of_many(self, models: Sequence[DenseDQM], seed: int) -> list[Reads]:
        """See `JointSolver.reads_of_many`."""
        begin = time.perf_counter()
        seeds = seeds_of(seed, len(models))
        reduced = [self.reduce(tables, s) for tables, s in zip(models, seeds, strict=True)]
        is_left = [part.tables.n_variables > 0 for part in reduced]
        sent = [part.tables for part, left in zip(reduced, is_left, strict=True) if left]
        used = [s for s, left in zip(seeds, is_left, strict=True) if left]
        sampled = iter(self.sample_many(sent, used) if sent else [])
        # Where nothing is left, it is the only local minimum.
        only = Sampled(np.empty((1, 0), dtype=np.intp), calls=0)
        found = [next(sampled) if left else only for left in is_left]
        shared = (time.perf_counter() - begin) / max(len(models), 1)
        return [
            self._polished(tables, part, of_it, shared)
            for tables, part, of_it in zip(models, reduced, found, strict=True)
        ]

    def _polished(self, tables: DenseDQM, reduced: Reduced, found: Sampled, spent: float) -> Reads:
        """What a model's reads lead to; ``spent`` are its seconds so far."""
        begin = time.perf_counter()
        left = reduced.tables
        cases = reduced.expand(found.cases)
        counts = np.ones(len(cases), np.intp) if found.counts is None else found.counts
        if self.polishes:
            most = -(-int(counts.sum()) // (found.copies or 1))
            cases = _descended(tables, cases, most if (found.copies or 1) > 1 else len(cases))
        variables, couplers = found.size or (left.n_variables, left.n_couplers)
        report = SolverReport(
            self.name,
            calls=found.calls,
            variables=variables,
            couplers=couplers,
            reads=int(counts.sum()),
            valid_reads=int((counts if found.valid is None else counts[found.valid]).sum()),
            chain_breaks=found.chain_breaks,
            seconds=spent + time.perf_counter() - begin,
            qpu_seconds=qpu_seconds(found.info),
            copies=found.copies,
        )
        return Reads.of(tables, cases, report, counts)

    def reduce(self, tables: DenseDQM, seed: int) -> Reduced:
        """The part of a model that is sampled; nothing but elimination unless a solver says so."""
        return eliminate(tables)

    @abstractmethod
    def sample(self, tables: DenseDQM, seed: int) -> Sampled:
        """Samples a model that has at least one variable; see `Solver.reads`."""
        ...

    def sample_many(self, models: Sequence[DenseDQM], seeds: Sequence[int]) -> list[Sampled]:
        """Samples models that have at least one variable: one by one unless a solver says how."""
        return [self.sample(tables, seed) for tables, seed in zip(models, seeds, strict=True)]


def _descended(tables: DenseDQM, cases: IntArray, most: int) -> IntArray:
    """Polished configurations, shape (q, d) to (q, d).

    Of the reads of many copies as many are polished, lowest energy first, as one copy gives. The
    others stay as they were read: polished, most of them would be the same few minima, and a call
    that was paid for would give no more candidates than one copy.
    """
    if most >= len(cases):
        return tables.descend(cases)
    distinct, number = np.unique(cases, axis=0, return_inverse=True)
    best = np.argsort(tables.energies(distinct), kind="stable")[:most]
    distinct[best] = tables.descend(distinct[best])
    polished: IntArray = distinct[number.ravel()]
    return polished


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


def affordable_reads(n_variables: int, sweeps: int, most: int) -> int:
    """Reads of a dense anneal in bounded time, at most ``most``."""
    one = sweeps * n_variables**2
    return min(most, max(_MIN_READS, _READ_OPERATIONS // max(one, 1)))
