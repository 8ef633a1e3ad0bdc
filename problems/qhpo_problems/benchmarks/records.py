"""What one benchmark run leaves behind, and the directory that keeps it for the next comparison."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from qhpo.errors import QhpoError

__all__ = ["Record", "Run", "RunCache", "RunRecord"]


@dataclass(frozen=True)
class Record:
    """What one contestant did on one table with one seed, one entry per trial.

    Attributes:
        sampler: Name of the contestant in the comparison.
        table: Name of the table, or of the problem.
        seed: Seed of the contestant.
        versions: Version of each package that took part.
        fingerprint: See `qhpo_problems.benchmarks.provenance.fingerprint`.
    """

    sampler: str
    table: str
    seed: int
    versions: dict[str, str]
    fingerprint: str

    _by_trial: ClassVar[tuple[str, ...]]
    """Names of the fields that have one entry per trial."""

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(getattr(self, self._by_trial[0]))

    def prefix(self, trials: int) -> Self:
        """The record that a run of only so many trials would have left.

        The samplers are sequential and do not know how many trials will follow, so the first
        trials of a longer run are the trials of a shorter one.
        """
        shorter: dict[str, Any] = {name: getattr(self, name)[:trials] for name in self._by_trial}
        return replace(self, **shorter)

    def to_json(self) -> dict[str, Any]:
        """The fields, as types that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record of which `to_json` gave these fields."""
        fields: dict[str, Any] = {
            name: tuple(value) if name in cls._by_trial else value for name, value in data.items()
        }
        return cls(**fields)


@dataclass(frozen=True)
class Run(Record):
    """One sampler on one problem with one seed, trial by trial.

    Attributes:
        optimum: Smallest value that there is.
        values: Objective value of every trial, minimized.
        cpu_seconds: CPU seconds of the suggesting thread for every trial's suggestion.
        repeated: For every trial, whether an earlier trial had the same configuration.
    """

    optimum: float
    values: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    repeated: tuple[bool, ...]

    _by_trial: ClassVar[tuple[str, ...]] = ("values", "cpu_seconds", "repeated")

    @property
    def best_so_far(self) -> npt.NDArray[np.float64]:
        """Best value up to and including each trial, shape (trials,)."""
        return np.minimum.accumulate(np.array(self.values))


@dataclass(frozen=True)
class RunRecord(Run):
    """A run on a table of recorded trainings.

    Attributes:
        family: Family of the table.
        median: Median value of the table.
    """

    family: str
    median: float

    @property
    def regret(self) -> npt.NDArray[np.float64]:
        """Normalized regret of `best_so_far`, shape (trials,): 0 optimum, 1 the table's median."""
        regret: npt.NDArray[np.float64] = (self.best_so_far - self.optimum) / (
            self.median - self.optimum
        )
        return regret


RunT = TypeVar("RunT", bound=Record)


class RunCache(Generic[RunT]):
    """Finished runs, one JSON file each: ``<sampler>/<table>/<seed>-<fingerprint>-<trials>.json``.

    A file appears complete or not at all, so a comparison may be killed at any moment, and two of
    them may share the directory.

    Args:
        directory: Created when the first record is stored.
        kind: Class of the records.
    """

    def __init__(self, directory: Path, kind: type[RunT]) -> None:
        self.directory = directory
        self._kind = kind

    def load(
        self, *, sampler: str, table: str, seed: int, trials: int, fingerprint: str
    ) -> RunT | None:
        """The run with these properties, if need be as the beginning of a longer one, or None.

        Raises:
            QhpoError: If a file of the cache cannot be read as a record.
        """
        folder, stem = self._folder(sampler, table), f"{seed}-{fingerprint}-"
        lengths = [n for n in _lengths(folder, stem) if n >= trials]
        if not lengths:
            return None
        path = folder / f"{stem}{min(lengths)}.json"
        try:
            record = self._kind.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise QhpoError(
                f"a file of the benchmark cache must hold the record of one run; {path} does not "
                f"({type(error).__name__}: {error}); delete it to run it again"
            ) from error
        return record.prefix(trials)

    def store(self, record: RunT) -> Path:
        """Write a record; returns its file."""
        folder = self._folder(record.sampler, record.table)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{record.seed}-{record.fingerprint}-{record.trials}.json"
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(record.to_json(), file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    def _folder(self, sampler: str, table: str) -> Path:
        return self.directory / _slug(sampler) / _slug(table)


def _lengths(folder: Path, stem: str) -> Iterator[int]:
    for path in folder.glob(f"{stem}*.json"):
        number = path.stem.removeprefix(stem)
        if number.isdecimal():
            yield int(number)


def _slug(name: str) -> str:
    # Names that collide here still differ in their fingerprints.
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name).lstrip(".") or "_"
