"""The arithmetic of a comparison of solvers: gaps, hits, valid reads and time by size of model.

Models are grouped by the levels that elimination leaves of them, and those of studies of usual size
are looked at together once more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qhpo_problems.benchmarks.arrangement import arrange, merged_versions
from qhpo_problems.benchmarks.solvers.records import SolverRun

__all__ = [
    "SIZES",
    "USUAL",
    "SizeSummary",
    "SolverResult",
    "SolversSummary",
    "summarize_solvers",
]

SIZES = (0, 100, 200, 400)
"""Largest numbers of levels of the groups; the last one has all that are larger, too."""

USUAL = 25
"""Most parameters of the studies whose models are looked at together."""

_SAME = 1e-6
"""Energies closer than this, in field scales, are the same."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SolverResult:
    """How one solver did on the models of one group. Gaps are in field scales of the model.

    Attributes:
        solver: Its name.
        refused: Models that it did not take.
        hits: Share of the models it took whose lowest known energy it reached, 0 to 1.
        gap: Mean distance of its lowest energy from the lowest known.
        raw_hits: The same share before repair and polish, by valid reads.
        raw_gap: Median of the same distance; None if half of the models had no valid read.
        valid: Mean share of reads that were valid as they were.
        cpu_seconds: Median CPU seconds per model.
        cpu_seconds_95: What 95 % of the models took at most, interpolated.
        cpu_seconds_worst: What the slowest took.

        All but the first two are None if it took no model.
    """

    solver: str
    refused: int
    hits: float | None
    gap: float | None
    raw_hits: float | None
    raw_gap: float | None
    valid: float | None
    cpu_seconds: float | None
    cpu_seconds_95: float | None
    cpu_seconds_worst: float | None


@dataclass(frozen=True)
class SizeSummary:
    """A comparison on the models of one group.

    Attributes:
        smallest: Fewest levels that elimination leaves of a model.
        largest: Most of them.
        models: Number of models.
        eliminated: How many of them elimination solves alone.
        proven: How many of their lowest energies are proven.
        solvers: One result each.
    """

    smallest: int
    largest: int
    models: int
    eliminated: int
    proven: int
    solvers: tuple[SolverResult, ...]


@dataclass(frozen=True)
class SolversSummary:
    """A comparison in numbers.

    Attributes:
        studies: Names of the studies.
        seeds: Their seeds.
        usual: Of the models of studies of up to `USUAL` parameters; None if there are none.
        sizes: One summary for each number of levels that has models.
        versions: Package -> version.
    """

    studies: tuple[str, ...]
    seeds: tuple[int, ...]
    usual: SizeSummary | None
    sizes: tuple[SizeSummary, ...]
    versions: dict[str, str]


def summarize_solvers(records: Sequence[SolverRun]) -> SolversSummary:
    """Compare solvers, model by model.

    The lowest known energy of a model is the lowest that the long search or any of these solvers
    found.

    Raises:
        QhpoError: If the records are no complete comparison.
    """
    grid = arrange(records)
    runs = {
        solver: [grid.runs[solver, study, seed] for study in grid.tables for seed in grid.seeds]
        for solver in grid.samplers
    }
    first = runs[grid.samplers[0]]
    levels, parameters = _column(first, "levels"), _column(first, "parameters")
    proven, scale = _column(first, "proven"), _column(first, "scale")
    energies = {solver: _column(by_run, "energy") for solver, by_run in runs.items()}
    lowest = np.minimum.reduce([_column(first, "lowest"), *energies.values()])

    def of(members: npt.NDArray[np.intp]) -> SizeSummary:
        results = []
        for solver, by_run in runs.items():
            gap = (energies[solver] - lowest) / scale
            raw_gap = (_column(by_run, "raw") - lowest) / scale
            valid, seconds = _column(by_run, "valid"), _column(by_run, "cpu_seconds")
            results.append(_result(solver, *(x[members] for x in (gap, raw_gap, valid, seconds))))
        return SizeSummary(
            smallest=int(levels[members].min()),
            largest=int(levels[members].max()),
            models=len(members),
            eliminated=int((levels[members] == 0).sum()),
            proven=int(proven[members].sum()),
            solvers=tuple(results),
        )

    group = np.minimum(np.searchsorted(SIZES, levels), len(SIZES) - 1)
    usual = np.flatnonzero(parameters <= USUAL)
    return SolversSummary(
        grid.tables,
        grid.seeds,
        usual=of(usual) if len(usual) else None,
        sizes=tuple(of(np.flatnonzero(group == number)) for number in np.unique(group)),
        versions=merged_versions(records),
    )


def _column(runs: Sequence[SolverRun], name: str) -> FloatArray:
    """One field of all models, infinite for what there is not."""
    values = [math.inf if v is None else float(v) for run in runs for v in getattr(run, name)]
    return np.array(values)


def _result(
    solver: str, gap: FloatArray, raw_gap: FloatArray, valid: FloatArray, seconds: FloatArray
) -> SolverResult:
    taken = np.isfinite(gap)
    refused = int((~taken).sum())
    if refused == len(gap):
        return SolverResult(solver, refused, *[None] * 8)
    raw = float(np.median(raw_gap[taken]))
    return SolverResult(
        solver,
        refused,
        hits=float((gap[taken] <= _SAME).mean()),
        gap=float(gap[taken].mean()),
        raw_hits=float((raw_gap[taken] <= _SAME).mean()),
        raw_gap=raw if math.isfinite(raw) else None,
        valid=float(valid[taken].mean()),
        cpu_seconds=float(np.median(seconds[taken])),
        cpu_seconds_95=float(np.quantile(seconds[taken], 0.95)),
        cpu_seconds_worst=float(seconds[taken].max()),
    )
