"""Records say what happened, and the cache gives back exactly what was stored, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.records import RunCache, RunRecord

MakeRecord = Callable[..., RunRecord]
VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


def _load(cache: RunCache[RunRecord], **changes: Any) -> RunRecord | None:
    key = {"sampler": "tpe", "table": "small", "seed": 0, "trials": 3, "fingerprint": "f00d"}
    return cache.load(**{**key, **changes})


def test_best_so_far_and_regret() -> None:
    record = RunRecord(
        sampler="tpe",
        table="t",
        family="f",
        seed=0,
        optimum=1.0,
        median=5.0,
        values=(9.0, 3.0, 4.0, 1.0),
        cpu_seconds=(0.0,) * 4,
        repeated=(False,) * 4,
        versions={},
        fingerprint="",
    )
    assert record.trials == 4
    assert record.best_so_far.tolist() == [9.0, 3.0, 3.0, 1.0]
    assert record.regret.tolist() == [2.0, 0.5, 0.5, 0.0]


@given(values=VALUES, data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_prefix_is_what_a_shorter_run_would_have_left(
    make_record: MakeRecord, values: list[float], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(values)))
    flags = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    seconds = [0.1 * i for i in range(len(values))]
    whole = make_record(values, cpu_seconds=seconds, repeated=flags)
    part = make_record(values[:n], cpu_seconds=seconds[:n], repeated=flags[:n])
    assert whole.prefix(n) == part
    assert np.array_equal(whole.best_so_far[:n], part.best_so_far)


@given(values=VALUES, sampler=st.text(min_size=1, max_size=20), seed=st.integers(0, 2**32 - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_cache_gives_back_what_was_stored(
    make_record: MakeRecord,
    tmp_path_factory: pytest.TempPathFactory,
    values: list[float],
    sampler: str,
    seed: int,
) -> None:
    cache = RunCache(tmp_path_factory.mktemp("cache"), RunRecord)
    record = make_record(values, sampler=sampler, seed=seed)
    path = cache.store(record)
    assert cache.directory in path.parents
    assert ".." not in path.relative_to(cache.directory).parts
    assert _load(cache, sampler=sampler, seed=seed, trials=len(values)) == record


def test_longer_run_answers_for_its_beginning_only(make_record: MakeRecord, tmp_path: Path) -> None:
    cache = RunCache(tmp_path / "cache", RunRecord)
    assert _load(cache) is None
    cache.store(make_record([4.0, 3.0, 2.0, 1.0]))
    cache.store(make_record([4.0, 3.0]))
    assert _load(cache, trials=3) == make_record([4.0, 3.0, 2.0])
    assert _load(cache, trials=2) == make_record([4.0, 3.0])
    assert _load(cache, trials=5) is None


@pytest.mark.parametrize(
    "change",
    [{"sampler": "gp"}, {"table": "other"}, {"seed": 1}, {"fingerprint": "beef"}],
    ids=str,
)
def test_other_runs_are_not_mistaken(
    make_record: MakeRecord, tmp_path: Path, change: dict[str, Any]
) -> None:
    cache = RunCache(tmp_path, RunRecord)
    cache.store(make_record([4.0, 3.0, 2.0]))
    assert _load(cache) is not None
    assert _load(cache, **change) is None


@pytest.mark.parametrize("content", ["", "[]", '{"sampler": "tpe"}', '{"values": 1}'])
def test_damaged_file_is_named(make_record: MakeRecord, tmp_path: Path, content: str) -> None:
    cache = RunCache(tmp_path, RunRecord)
    path = cache.store(make_record([4.0, 3.0, 2.0]))
    path.write_text(content)
    with pytest.raises(QhpoError, match="must hold the record of one run") as caught:
        _load(cache)
    assert str(path) in str(caught.value)


def test_interrupted_store_leaves_nothing(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: str, target: Path) -> None:
        assert Path(source).exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RunCache(tmp_path, RunRecord).store(make_record([1.0]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
