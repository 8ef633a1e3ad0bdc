"""The arithmetic of a comparison: regret, ranks, hits, repeats and time from records of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from qhpo_problems.benchmarks.arrangement import arrange, common_trials, merged_versions
from qhpo_problems.benchmarks.records import RunRecord

__all__ = [
    "CHECKPOINTS",
    "LOG_FLOOR",
    "Blocks",
    "SamplerSummary",
    "Summary",
    "collect",
    "standard_error",
    "summarize",
]

CHECKPOINTS = (25, 50, 100)
"""Numbers of trials at which samplers are compared, as far as a run reaches; its end is added."""

LOG_FLOOR = 1e-4
"""Smaller regrets count as this much in the mean of log10 regret, or one hit would decide it."""


@dataclass(frozen=True)
class Blocks:
    """Records of a complete comparison, side by side.

    Attributes:
        samplers: S names, in the order of the records.
        tables: T names, in the order of the records.
        families: Table -> its family.
        seeds: R seeds, ascending.
        regret: Normalized regret of the best value so far, shape (S, T, R, trials).
        cpu_seconds: Per suggestion, same shape.
        repeated: Whether a suggestion repeats an earlier one of its run, same shape.
        versions: Package -> version, all that occur.
    """

    samplers: tuple[str, ...]
    tables: tuple[str, ...]
    families: Mapping[str, str]
    seeds: tuple[int, ...]
    regret: npt.NDArray[np.float64]
    cpu_seconds: npt.NDArray[np.float64]
    repeated: npt.NDArray[np.bool_]
    versions: Mapping[str, str]

    @property
    def trials(self) -> int:
        """Trials per run."""
        return int(self.regret.shape[-1])


@dataclass(frozen=True)
class SamplerSummary:
    """How one sampler did over all tables and seeds. Keys are numbers of trials.

    Attributes:
        sampler: Its name.
        runs: Number of runs.
        regret: Mean normalized regret.
        regret_error: Standard error of ``regret`` over seeds; None with one seed.
        rank: Mean rank among the samplers within a table and seed; ties share their mean.
        log10_regret: Mean of log10 of the regret, floored at `LOG_FLOOR`.
        hits: Runs that found the optimum of their table.
        repeats: Suggestions that repeat an earlier one of their run.
        cpu_seconds_median: Median CPU seconds of the suggesting thread per suggestion.
        cpu_seconds_mean: Mean of the same.
    """

    sampler: str
    runs: int
    regret: dict[int, float]
    regret_error: dict[int, float | None]
    rank: dict[int, float]
    log10_regret: dict[int, float]
    hits: int
    repeats: int
    cpu_seconds_median: float
    cpu_seconds_mean: float


@dataclass(frozen=True)
class Summary:
    """A comparison in numbers.

    Attributes:
        trials: Trials per run.
        checkpoints: `CHECKPOINTS` before the end, and the end.
        seeds: Seeds of the runs.
        samplers: One summary each.
        families: Family -> sampler -> mean regret at the end.
        tables: Table -> sampler -> mean regret at the end.
        log_floor: `LOG_FLOOR`.
        versions: Package -> version.
    """

    trials: int
    checkpoints: tuple[int, ...]
    seeds: tuple[int, ...]
    samplers: tuple[SamplerSummary, ...]
    families: dict[str, dict[str, float]]
    tables: dict[str, dict[str, float]]
    log_floor: float
    versions: dict[str, str]


def collect(records: Sequence[RunRecord]) -> Blocks:
    """Put records side by side.

    Raises:
        QhpoError: If the records are no complete comparison, or their numbers of trials differ.
    """
    grid = arrange(records)
    trials = common_trials(records)
    ordered = [grid.runs[key] for key in product(grid.samplers, grid.tables, grid.seeds)]
    shape = (len(grid.samplers), len(grid.tables), len(grid.seeds), trials)
    return Blocks(
        samplers=grid.samplers,
        tables=grid.tables,
        families={record.table: record.family for record in records},
        seeds=grid.seeds,
        regret=np.array([record.regret for record in ordered]).reshape(shape),
        cpu_seconds=np.array([record.cpu_seconds for record in ordered]).reshape(shape),
        repeated=np.array([record.repeated for record in ordered]).reshape(shape),
        versions=merged_versions(records),
    )


def summarize(records: Sequence[RunRecord]) -> Summary:
    """Compare the samplers of a complete grid of runs.

    Raises:
        QhpoError: As `collect`.
    """
    blocks = collect(records)
    checkpoints = (*(c for c in CHECKPOINTS if c < blocks.trials), blocks.trials)
    final = blocks.regret[..., -1].mean(axis=2)  # (S, T)
    members: dict[str, list[int]] = {}
    for position, table in enumerate(blocks.tables):
        members.setdefault(blocks.families[table], []).append(position)
    return Summary(
        trials=blocks.trials,
        checkpoints=checkpoints,
        seeds=blocks.seeds,
        samplers=_summarize_samplers(blocks, checkpoints),
        families={
            family: _by_sampler(blocks, final[:, positions].mean(axis=1))
            for family, positions in members.items()
        },
        tables={
            table: _by_sampler(blocks, final[:, position])
            for position, table in enumerate(blocks.tables)
        },
        log_floor=LOG_FLOOR,
        versions=dict(blocks.versions),
    )


def standard_error(regret: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Standard error over seeds of the mean over tables.

    The tables are a fixed set, so only the seeds are a sample of something larger.

    Args:
        regret: Shape (T, R, ...), tables and seeds first.

    Returns:
        Shape (...); None if R is 1.
    """
    by_seed = regret.mean(axis=0)
    n_seeds = by_seed.shape[0]
    if n_seeds < 2:
        return None
    error: npt.NDArray[np.float64] = by_seed.std(axis=0, ddof=1) / np.sqrt(n_seeds)
    return error


def _summarize_samplers(blocks: Blocks, checkpoints: tuple[int, ...]) -> tuple[SamplerSummary, ...]:
    from scipy.stats import rankdata

    at = np.array(checkpoints) - 1
    regret = blocks.regret[..., at]  # (S, T, R, C)
    mean = regret.mean(axis=(1, 2))
    rank = rankdata(regret, method="average", axis=0).mean(axis=(1, 2))
    log10 = np.log10(np.maximum(regret, LOG_FLOOR)).mean(axis=(1, 2))
    # Exact: both sides of the difference come out of the same table.
    hits = (blocks.regret[..., -1] == 0).sum(axis=(1, 2))
    repeats = blocks.repeated.sum(axis=(1, 2, 3))

    def by_checkpoint(row: npt.NDArray[np.float64]) -> dict[int, float]:
        return dict(zip(checkpoints, _rounded(row), strict=True))

    summaries = []
    for s, sampler in enumerate(blocks.samplers):
        error = standard_error(regret[s])
        summaries.append(
            SamplerSummary(
                sampler=sampler,
                runs=len(blocks.tables) * len(blocks.seeds),
                regret=by_checkpoint(mean[s]),
                regret_error=(
                    dict.fromkeys(checkpoints) if error is None else {**by_checkpoint(error)}
                ),
                rank=by_checkpoint(rank[s]),
                log10_regret=by_checkpoint(log10[s]),
                hits=int(hits[s]),
                repeats=int(repeats[s]),
                cpu_seconds_median=float(np.median(blocks.cpu_seconds[s])),
                cpu_seconds_mean=round(float(blocks.cpu_seconds[s].mean()), 12),
            )
        )
    return tuple(summaries)


def _by_sampler(blocks: Blocks, values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(blocks.samplers, _rounded(values), strict=True))


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    # The last digits depend on the order in which the runs were added up.
    return [round(value, 12) for value in values.tolist()]
