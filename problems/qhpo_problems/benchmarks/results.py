"""Records side by side, once it is sure that none is missing, and the numbers made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.store import Record

__all__ = [
    "LOG_FLOOR",
    "Group",
    "Reduce",
    "Results",
    "each_method",
    "mean",
    "median",
    "standard_error",
]

LOG_FLOOR = 1e-4
"""Smaller gaps count as this much on a logarithmic scale, or one hit would decide a mean."""

FloatArray = npt.NDArray[np.float64]

Reduce = Callable[[FloatArray], FloatArray]
"""Makes one number of each method: shape (methods, ...) -> (methods,). NaN is no number."""


@dataclass(frozen=True)
class Group:
    """What one table of a report is about.

    Attributes:
        title: Stands above it.
        data: Field -> numbers, shape (methods, tables, seeds, rows), or (methods, models). Metrics
            of other fields are left out.
        points: End of a column's name, such as ``" @25"`` -> the row that it shows.
        runs: Runs of each method.
        trials: Number of trials behind each row; counted from 1 if empty.
    """

    title: str
    data: Mapping[str, FloatArray]
    points: Mapping[str, int]
    runs: int
    trials: Sequence[int] = ()


@dataclass(frozen=True)
class Results:
    """The runs of a complete comparison.

    Attributes:
        methods: Names, in the order of the records.
        tables: Names, in the order of the records.
        seeds: Ascending.
        runs: (method, table, seed) -> record.
    """

    methods: tuple[str, ...]
    tables: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: Mapping[tuple[str, str, int], Record]

    @classmethod
    def of(cls, records: Sequence[Record]) -> Results:
        """The results that these records are.

        Raises:
            QhpoError: If there are none, if two are of the same run, or if a method lacks a table
                or seed that another has.
        """
        if not records:
            raise QhpoError("a comparison needs the records of at least one run; got none")
        methods = tuple(dict.fromkeys(record.method for record in records))
        tables = tuple(dict.fromkeys(record.table for record in records))
        seeds = tuple(sorted({record.seed for record in records}))
        runs = {(record.method, record.table, record.seed): record for record in records}
        expected = len(methods) * len(tables) * len(seeds)
        if not len(records) == len(runs) == expected:
            raise QhpoError(
                "a comparison needs every method on every table with every seed, once; got "
                f"{len(records)} records of {len(runs)} runs where {len(methods)} methods, "
                f"{len(tables)} tables and {len(seeds)} seeds make {expected}; add the missing ones"
            )
        return cls(methods, tables, seeds, runs)

    @property
    def versions(self) -> dict[str, str]:
        """Package -> version, or all its versions where the records differ."""
        found: dict[str, set[str]] = {}
        for record in self.runs.values():
            for package, version in record.versions.items():
                found.setdefault(package, set()).add(version)
        return {package: " and ".join(sorted(versions)) for package, versions in found.items()}

    def rows(self, tables: Sequence[str]) -> int:
        """The number of rows that all runs on these tables have.

        Raises:
            QhpoError: If they differ.
        """
        lengths = sorted({len(r.rows) for (_, table, _), r in self.runs.items() if table in tables})
        if len(lengths) > 1:
            raise QhpoError(
                f"runs to compare must have the same number of rows; got {lengths}; "
                f"cut them with record.prefix({lengths[0]})"
            )
        return lengths[0]

    def field(self, name: str, tables: Sequence[str]) -> FloatArray:
        """A field of all runs on these tables, shape (methods, tables, seeds, rows).

        It is infinite where a row has None.
        """
        shape = len(self.methods), len(tables), len(self.seeds), self.rows(tables)
        runs = (self.runs[m, t, s] for m in self.methods for t in tables for s in self.seeds)
        values = [row[name] for run in runs for row in run.rows]
        return np.array([np.inf if v is None else v for v in values], dtype=float).reshape(shape)

    def group(self, title: str, tables: Sequence[str], points: Mapping[str, int]) -> Group:
        """The runs on some of the tables as a group."""
        first = self.runs[self.methods[0], tables[0], self.seeds[0]]
        data = {name: self.field(name, tables) for name in first.rows[0]}
        return Group(title, data, points, runs=len(tables) * len(self.seeds))


def mean(numbers: FloatArray) -> FloatArray:
    """Over all runs; of an array of trials, over these too."""
    return each_method(np.mean)(numbers)


def median(numbers: FloatArray) -> FloatArray:
    """As `mean`."""
    return each_method(np.median)(numbers)


def each_method(reduce: Callable[[FloatArray], object]) -> Reduce:
    """What a function of one array of numbers makes of each method's; NaN where it has none."""

    def of_each(numbers: FloatArray) -> FloatArray:
        of_method = [row[~np.isnan(row)] for row in numbers.reshape(len(numbers), -1)]
        return np.array([reduce(row) if len(row) else np.nan for row in of_method], dtype=float)

    return of_each


def standard_error(numbers: FloatArray) -> FloatArray:
    """Standard error over seeds of the mean over tables; NaN with one seed.

    The tables are a fixed set, so only the seeds are a sample of something larger.

    Args:
        numbers: Shape (methods, tables, seeds, ...).

    Returns:
        Shape (methods, ...).
    """
    by_seed: FloatArray = numbers.mean(axis=1)
    n_seeds = by_seed.shape[1]
    if n_seeds < 2:
        return np.full(np.delete(by_seed.shape, 1), np.nan)
    error: FloatArray = by_seed.std(axis=1, ddof=1) / np.sqrt(n_seeds)
    return error
