"""What one run leaves behind, and the directory that keeps it for the next comparison."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from qhpo.errors import QhpoError

__all__ = ["Record", "Row", "Store", "slug"]

Row = Mapping[str, float | None]
"""Field -> number; None where there is none, such as the best value before the first."""


@dataclass(frozen=True)
class Record:
    """What one method did on one table with one seed.

    Attributes:
        method: Name of the method.
        table: Name of the table.
        seed: Seed of the method.
        versions: Package -> version, of all that the rows depend on.
        fingerprint: See `qhpo_problems.benchmarks.fingerprint`.
        rows: One for each trial, setting or model, all with the same fields.
    """

    method: str
    table: str
    seed: int
    versions: Mapping[str, str]
    fingerprint: str
    rows: tuple[Row, ...]

    def prefix(self, rows: int) -> Record:
        """The record that a run of only so many trials would have left.

        The samplers are sequential and do not know how many trials will follow, so the first
        trials of a longer run are the trials of a shorter one.
        """
        return replace(self, rows=self.rows[:rows])

    def to_json(self) -> dict[str, Any]:
        """The fields, as types that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The record of which `to_json` gave these fields.

        Raises:
            TypeError, ValueError, KeyError, AttributeError: If no record did.
        """
        return cls(**{**data, "rows": tuple(dict(row) for row in data["rows"])})


class Store:
    """Finished runs, one JSON file each: ``<method>/<table>/<seed>-<fingerprint>-<rows>.json``.

    A file appears complete or not at all, so a comparison may be killed at any moment, and two of
    them may share the directory.

    Args:
        directory: Created when the first record is stored.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(
        self, *, method: str, table: str, seed: int, fingerprint: str, rows: int
    ) -> Record | None:
        """The run with these properties, if need be as the beginning of a longer one, or None.

        Raises:
            QhpoError: If a file of the store cannot be read as a record.
        """
        folder, stem = self._folder(method, table), f"{seed}-{fingerprint}-"
        ends = [path.stem.removeprefix(stem) for path in folder.glob(f"{stem}*.json")]
        lengths = [int(end) for end in ends if end.isdecimal() and int(end) >= rows]
        if not lengths:
            return None
        path = folder / f"{stem}{min(lengths)}.json"
        try:
            record = Record.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise QhpoError(
                f"a file of the benchmark cache must hold the record of one run; {path} does not "
                f"({type(error).__name__}: {error}); delete it to run it again"
            ) from error
        return record.prefix(rows)

    def save(self, record: Record) -> Path:
        """Write a record; returns its file."""
        folder = self._folder(record.method, record.table)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{record.seed}-{record.fingerprint}-{len(record.rows)}.json"
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(record.to_json(), file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    def _folder(self, method: str, table: str) -> Path:
        return self.directory / slug(method) / slug(table)


def slug(name: str) -> str:
    """A name as a file may have it. Names that collide here still differ in their fingerprints."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name).lstrip(".") or "_"
