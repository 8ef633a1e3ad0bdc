"""A small table, records without running anything, and runs without worker processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo_problems.benchmarks import Record, Results, Suite, run, write_report
from qhpo_problems.benchmarks.sampling.tabular import TabularBenchmark

MakeRecord = Callable[..., Record]


@pytest.fixture
def table() -> TabularBenchmark:
    """Twelve different values: 4 positions of a number times 3 categories."""
    values = np.random.default_rng(0).permutation(12).reshape(4, 3).astype(float)
    return TabularBenchmark(
        name="small",
        family="made",
        search_space={
            "number": IntDistribution(0, 3),
            "category": CategoricalDistribution(("a", "b", "c")),
        },
        values=values,
    )


@pytest.fixture
def make_record() -> MakeRecord:
    """A record of trials from their values, on a benchmark with optimum 0 and reference 1."""

    def make(
        values: Sequence[float],
        *,
        method: str = "tpe",
        table: str = "car",
        seed: int = 0,
        cpu_seconds: Sequence[float] | None = None,
        repeated: Sequence[bool] | None = None,
        feasible: Sequence[bool] | None = None,
        version: str = "1.0",
    ) -> Record:
        rows, best = [], None
        for i, value in enumerate(values):
            is_feasible = feasible is None or feasible[i]
            if is_feasible:
                best = value if best is None else min(best, value)
            rows.append(
                {
                    "value": value,
                    "feasible": is_feasible,
                    "repeated": repeated is not None and repeated[i],
                    "gap": best,
                    "cpu_seconds": 0.5 if cpu_seconds is None else cpu_seconds[i],
                }
            )
        return Record(method, table, seed, {"optuna": version}, "f00d", tuple(rows))

    return make


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Method, table and seed of the runs that are really made, here instead of in a worker."""
    runs: list[tuple[str, str, int]] = []

    def in_this_process(
        function: Any, tasks: Sequence[Any], **_: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        for task in tasks:
            runs.append((task.name, task.table, task.seed))
            yield task, function(task)

    monkeypatch.setattr(run, "run_in_workers", in_this_process)
    return runs


Sheets = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def sheets(tmp_path: Path) -> Callable[[Suite, Sequence[Record]], Sheets]:
    """The numbers of a report: title -> row -> column -> number."""

    def of(suite: Suite, records: Sequence[Record]) -> Sheets:
        path = tmp_path / "sheets.json"
        write_report(suite, Results.of(records), path)
        return {sheet["title"]: sheet["rows"] for sheet in json.loads(path.read_text())["sheets"]}

    return of
