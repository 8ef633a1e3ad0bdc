"""The arithmetic of the comparison on problems with constraints: shares, gaps, hits and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qhpo_problems.benchmarks.arrangement import arrange, common_trials, merged_versions
from qhpo_problems.benchmarks.constrained.records import ConstrainedRun
from qhpo_problems.benchmarks.constrained.suite import load_problem

__all__ = ["ConstrainedSummary", "ProblemSummary", "SamplerResult", "summarize_constrained"]


@dataclass(frozen=True)
class SamplerResult:
    """How one sampler did on one problem; shares and gaps are medians over the seeds.

    Attributes:
        sampler: Its name.
        feasible: Share of trials that satisfy the constraints, 0 to 1.
        repeats: Share of trials whose solution an earlier trial had, 0 to 1.
        gap: Trials -> (best feasible value - optimum) / (reference - optimum); None without a
            feasible trial.
        hits: Runs that found the optimum.
        cpu_seconds: Median CPU seconds of the suggesting thread per suggestion.
    """

    sampler: str
    feasible: float
    repeats: float
    gap: dict[int, float | None]
    hits: int
    cpu_seconds: float


@dataclass(frozen=True)
class ProblemSummary:
    """A comparison on one problem in numbers.

    Attributes:
        problem: Its name.
        description: One line on the instance.
        optimum: Value of the best feasible solution, minimized.
        reference: Value whose gap is 1.
        reference_name: What the reference is.
        trials: Trials per run.
        checkpoints: Those of the problem before the end, and the end.
        seeds: Seeds of the runs.
        samplers: One result each.
    """

    problem: str
    description: str
    optimum: float
    reference: float
    reference_name: str
    trials: int
    checkpoints: tuple[int, ...]
    seeds: tuple[int, ...]
    samplers: tuple[SamplerResult, ...]


@dataclass(frozen=True)
class ConstrainedSummary:
    """A comparison in numbers.

    Attributes:
        problems: One summary each.
        versions: Package -> version.
    """

    problems: tuple[ProblemSummary, ...]
    versions: dict[str, str]


def summarize_constrained(records: Sequence[ConstrainedRun]) -> ConstrainedSummary:
    """Compare the samplers of a complete grid of runs.

    Raises:
        QhpoError: If the records are no complete comparison, if the numbers of trials on a problem
            differ, or if a problem is unknown.
    """
    grid = arrange(records)
    return ConstrainedSummary(
        problems=tuple(
            _on_one_problem(
                {
                    sampler: [grid.runs[sampler, problem, seed] for seed in grid.seeds]
                    for sampler in grid.samplers
                }
            )
            for problem in grid.tables
        ),
        versions=merged_versions(records),
    )


def _on_one_problem(runs: dict[str, list[ConstrainedRun]]) -> ProblemSummary:
    """Summary of the runs of each sampler on the same problem, by seed."""
    all_runs = [run for by_seed in runs.values() for run in by_seed]
    trials = common_trials(all_runs)
    first = all_runs[0]
    problem = load_problem(first.table)
    checkpoints = (*(c for c in problem.checkpoints if c < trials), trials)
    return ProblemSummary(
        problem=first.table,
        description=problem.description,
        optimum=first.optimum,
        reference=first.reference,
        reference_name=problem.reference_name,
        trials=trials,
        checkpoints=checkpoints,
        seeds=tuple(sorted({run.seed for run in all_runs})),
        samplers=tuple(_result(name, by_seed, checkpoints) for name, by_seed in runs.items()),
    )


def _result(
    sampler: str, runs: Sequence[ConstrainedRun], checkpoints: tuple[int, ...]
) -> SamplerResult:
    gaps = np.median([run.gap for run in runs], axis=0)[np.array(checkpoints) - 1]
    return SamplerResult(
        sampler=sampler,
        feasible=_median_share([run.feasible for run in runs]),
        repeats=_median_share([run.repeated for run in runs]),
        gap={
            c: gap if math.isfinite(gap) else None
            for c, gap in zip(checkpoints, gaps.tolist(), strict=True)
        },
        # Exact: values are whole numbers.
        hits=sum(bool(run.gap[-1] == 0) for run in runs),
        cpu_seconds=float(np.median([run.cpu_seconds for run in runs])),
    )


def _median_share(flags: Sequence[tuple[bool, ...]]) -> float:
    shares: npt.NDArray[np.float64] = np.mean(flags, axis=1)
    return float(np.median(shares))
