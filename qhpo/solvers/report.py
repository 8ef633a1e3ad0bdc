"""What a solver did: in one call, and summed over the calls of a trial or a study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SolverReport", "merge", "qpu_seconds"]


@dataclass(frozen=True)
class SolverReport:
    """One call of a solver, or several of them.

    Attributes:
        solver: Its name.
        calls: Calls that sampled quadratic models; one that elimination solved takes none, nor
            does one that shared the call of another.
        variables: Variables of what was sampled, in the largest model: bits where it was encoded.
        couplers: Quadratic biases, in the largest model.
        reads: Samples that came back.
        valid_reads: How many of them stood for a configuration as they were, before any repair.
        energy: Lowest energy, after repair and polish.
        chain_breaks: Mean share of broken chains; None without an embedding.
        copies: How often a model lay on the chip in one call, at most; None without an embedding.
        seconds: Wall time.
        qpu_seconds: QPU access time as the service reports it; 0 without a QPU.
        fallback: Why another solver than the chosen one was used; empty if none was.
        failed: Calls that were tried and brought nothing.
    """

    solver: str
    calls: int
    variables: int
    couplers: int
    reads: int
    valid_reads: int
    energy: float = math.inf
    chain_breaks: float | None = None
    seconds: float = 0.0
    qpu_seconds: float = 0.0
    fallback: str = ""
    failed: int = 0
    copies: int | None = None

    def with_energy(self, energies: NDArray[np.float64]) -> SolverReport:
        """The same, with the lowest of some energies."""
        return replace(self, energy=float(energies.min(initial=math.inf)))

    def as_attribute(self) -> dict[str, Any]:
        """As plain JSON for a trial's attributes, without what says nothing."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "", math.inf)}

    @classmethod
    def from_attribute(cls, attribute: Mapping[str, Any]) -> SolverReport:
        """From what `as_attribute` made."""
        return cls(**attribute)


def merge(one: SolverReport | None, other: SolverReport | None) -> SolverReport | None:
    """Both together, of one solver."""
    if one is None or other is None:
        return one or other
    breaks = [r for r in (one, other) if r.chain_breaks is not None]
    weight = sum(r.reads for r in breaks)
    copies = [r.copies for r in (one, other) if r.copies is not None]
    return replace(
        one,
        calls=one.calls + other.calls,
        variables=max(one.variables, other.variables),
        couplers=max(one.couplers, other.couplers),
        reads=one.reads + other.reads,
        valid_reads=one.valid_reads + other.valid_reads,
        energy=min(one.energy, other.energy),
        chain_breaks=(
            sum(r.reads * (r.chain_breaks or 0.0) for r in breaks) / weight if weight else None
        ),
        seconds=one.seconds + other.seconds,
        qpu_seconds=one.qpu_seconds + other.qpu_seconds,
        fallback=one.fallback or other.fallback,
        failed=one.failed + other.failed,
        copies=max(copies, default=None),
    )


def qpu_seconds(info: Mapping[str, Any]) -> float:
    """QPU access time, which the services of D-Wave report in microseconds, in either place."""
    timing = info.get("timing")
    known = {**info, **(timing if isinstance(timing, Mapping) else {})}
    return 1e-6 * float(known.get("qpu_access_time", 0.0))
