"""Records of a comparison by sampler, table and seed, once it is sure that none is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import Record, RunT

__all__ = ["Arrangement", "arrange", "common_trials", "merged_versions"]


@dataclass(frozen=True)
class Arrangement(Generic[RunT]):
    """The runs of a complete comparison.

    Attributes:
        samplers: Names, in the order of the records.
        tables: Names of tables or problems, in the order of the records.
        seeds: Ascending.
        runs: (sampler, table, seed) -> record.
    """

    samplers: tuple[str, ...]
    tables: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: Mapping[tuple[str, str, int], RunT]


def arrange(records: Sequence[RunT]) -> Arrangement[RunT]:
    """Arrange the records of a comparison.

    Raises:
        QhpoError: If there are none, if two are of the same run, or if a sampler lacks a table or
            seed that another has.
    """
    if not records:
        raise QhpoError("a comparison needs the records of at least one run; got none")
    samplers = tuple(dict.fromkeys(record.sampler for record in records))
    tables = tuple(dict.fromkeys(record.table for record in records))
    seeds = tuple(sorted({record.seed for record in records}))
    runs = {(record.sampler, record.table, record.seed): record for record in records}
    expected = len(samplers) * len(tables) * len(seeds)
    if not len(records) == len(runs) == expected:
        raise QhpoError(
            "a comparison needs every sampler on every table with every seed, once; got "
            f"{len(records)} records of {len(runs)} runs where {len(samplers)} samplers, "
            f"{len(tables)} tables and {len(seeds)} seeds make {expected}; add the missing ones"
        )
    return Arrangement(samplers, tables, seeds, runs)


def common_trials(records: Sequence[Record]) -> int:
    """The number of trials that all records have.

    Raises:
        QhpoError: If they differ.
    """
    lengths = sorted({record.trials for record in records})
    if len(lengths) > 1:
        raise QhpoError(
            f"runs to compare must have the same number of trials; got {lengths}; "
            f"cut them with record.prefix({lengths[0]})"
        )
    return lengths[0]


def merged_versions(records: Sequence[Record]) -> dict[str, str]:
    """Package -> version, or all its versions where the records differ."""
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: " and ".join(sorted(versions)) for package, versions in found.items()}
