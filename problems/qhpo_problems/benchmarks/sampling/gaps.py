"""How gaps are compared: at which trials, how they are written, and which runs have none left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from qhpo.cli.report import plural
from qhpo_problems.benchmarks.results import Group, Reduce, Results, mean, standard_error
from qhpo_problems.benchmarks.sampling.trials import reached

__all__ = [
    "behind_first",
    "checkpoints",
    "grouped",
    "hits",
    "rank",
    "rank_error",
    "ranks",
    "show_gap",
]


def checkpoints(at: Sequence[int], trials: int) -> dict[str, int]:
    """Points of a group: these numbers of trials, as far as a run reaches, and its end.

    Args:
        at: Numbers of trials, ascending.
        trials: Of the runs.
    """
    return {f" @{n}": n - 1 for n in reached(at, trials)}


def grouped(
    results: Results,
    *,
    kind: Callable[[str], str],
    title: Callable[[Sequence[str]], str],
    at: Sequence[int],
) -> list[Group]:
    """A group for each kind of table, in the order of the tables.

    Args:
        results: The runs.
        kind: Of a table.
        title: Of the tables of one kind, up to the numbers of seeds and trials.
        at: See `checkpoints`.
    """
    groups = []
    for one in dict.fromkeys(map(kind, results.tables)):
        chosen = [table for table in results.tables if kind(table) == one]
        trials = results.rows(chosen)
        size = f"{plural(len(results.seeds), 'seed')}, {plural(trials, 'trial')}"
        groups.append(results.group(title(chosen) + size, chosen, checkpoints(at, trials)))
    return groups


def hits(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Runs of each method that found the optimum, from shape (methods, tables, seeds, trials)."""
    # Exact: both sides of the difference are entries of one table, or whole numbers.
    found: npt.NDArray[np.float64] = (gaps[..., -1] == 0).sum(axis=(1, 2)).astype(float)
    return found


def ranks(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks among the methods within a table and seed, the same shape; ties share their mean."""
    from scipy.stats import rankdata

    found: npt.NDArray[np.float64] = rankdata(gaps, method="average", axis=0)
    return found


def rank(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean rank among the methods within a table and seed; ties share their mean."""
    return mean(ranks(gaps))


def rank_error(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Standard error over seeds of `rank`."""
    return standard_error(ranks(gaps))


def behind_first(reduce: Reduce) -> Reduce:
    """Of differences to the first method on the same table with the same seed.

    What the runs have in common cancels, so errors are smaller than those of the numbers.
    """
    return lambda numbers: reduce(numbers - numbers[:1])


def show_gap(gap: float) -> str:
    """Four decimals; of gaps that are far too large, three digits."""
    return f"{gap:.4f}" if gap < 10 else f"{gap:.3g}"
