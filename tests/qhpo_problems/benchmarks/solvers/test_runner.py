"""Comparisons of solvers: the same from the same seeds, and told apart by all that decides them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from qhpo.errors import QhpoError
from qhpo.solvers import make_solver
from qhpo_problems.benchmarks.solvers import run_solvers, runner, studies

CONTESTANTS = {
    "descent": partial(make_solver, "descent"),
    "neal": partial(make_solver, "neal", encoding="one-hot"),
}


def _at_once(function: Any, tasks: Any, *, jobs: int, prepare: Any) -> Any:
    """In place of worker processes."""
    for task in tasks:
        yield task, function(task)


def test_records_come_in_order_and_depend_on_nothing_but_the_seeds(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "run_in_workers", _at_once)
    monkeypatch.setattr("qhpo_problems.benchmarks.grid.run_in_workers", _at_once)
    monkeypatch.setattr(studies, "_STUDIES", {"tiny": lambda: tiny})
    runs = []
    for folder in ("one", "other"):
        told: list[tuple[str, str, int]] = []

        def tell(done: Any, told: list[tuple[str, str, int]] = told) -> None:
            told.append((done.sampler, done.table, done.seed))

        records = run_solvers(
            CONTESTANTS,
            ["tiny"],
            seeds=[4, 5],
            cache=tmp_path / folder,
            on_models=tell,
            on_record=tell,
        )
        assert [(r.seed, r.sampler) for r in records] == [
            (seed, name) for seed in (4, 5) for name in CONTESTANTS
        ]
        assert told[:2] == [("models", "tiny", 4), ("models", "tiny", 5)]
        assert len(told) == 6
        assert {record.made_of for record in records} == {(11, 11, 13, 13)}
        runs.append([(r.sampler, r.seed, r.energy, r.raw, r.valid, r.lowest) for r in records])
    assert runs[0] == runs[1]
    assert runs[0][0][2] != runs[0][2][2]


def test_unknown_studies_and_no_trials_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QhpoError, match="a study must be one of"):
        run_solvers(CONTESTANTS, ["nothing"], seeds=[0], cache=tmp_path)
    with pytest.raises(QhpoError, match="at least one finished trial; got trials=0"):
        run_solvers(CONTESTANTS, ["ordering"], seeds=[0], trials=0, cache=tmp_path)


def test_files_of_models_are_told_apart_by_what_decides_them(tmp_path: Path) -> None:
    files = {
        runner._file(study, seed, trials, tmp_path).path
        for study in ("ordering", "knapsack")
        for seed in (0, 1)
        for trials in (None, 30, 31)
    }
    assert len(files) == 12
