"""The store gives back exactly what was stored, or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.store import Record, Store

MakeRecord = Callable[..., Record]
VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


def _load(store: Store, **changes: Any) -> Record | None:
    key = {"method": "tpe", "table": "car", "seed": 0, "rows": 3, "fingerprint": "f00d"}
    return store.load(**{**key, **changes})


@given(values=VALUES, method=st.text(min_size=1, max_size=20), seed=st.integers(0, 2**32 - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_store_gives_back_what_was_stored(
    make_record: MakeRecord,
    tmp_path_factory: pytest.TempPathFactory,
    values: list[float],
    method: str,
    seed: int,
) -> None:
    store = Store(tmp_path_factory.mktemp("cache"))
    feasible = [i > 0 for i in range(len(values))]  # so that there is None, too
    record = make_record(values, method=method, seed=seed, feasible=feasible)
    path = store.save(record)
    assert store.directory in path.parents
    assert ".." not in path.relative_to(store.directory).parts
    assert _load(store, method=method, seed=seed, rows=len(values)) == record


@given(values=VALUES, data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_prefix_is_what_a_shorter_run_would_have_left(
    make_record: MakeRecord, values: list[float], data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, len(values)))
    assert make_record(values).prefix(n) == make_record(values[:n])


def test_longer_run_answers_for_its_beginning_only(make_record: MakeRecord, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    assert _load(store) is None
    store.save(make_record([4.0, 3.0, 2.0, 1.0]))
    store.save(make_record([4.0, 3.0]))
    assert _load(store, rows=3) == make_record([4.0, 3.0, 2.0])
    assert _load(store, rows=2) == make_record([4.0, 3.0])
    assert _load(store, rows=5) is None


@pytest.mark.parametrize(
    "change",
    [{"method": "gp"}, {"table": "other"}, {"seed": 1}, {"fingerprint": "beef"}],
    ids=str,
)
def test_other_runs_are_not_mistaken(
    make_record: MakeRecord, tmp_path: Path, change: dict[str, Any]
) -> None:
    store = Store(tmp_path)
    store.save(make_record([4.0, 3.0, 2.0]))
    assert _load(store) is not None
    assert _load(store, **change) is None


# The last one is what records were once written as.
OLD = '{"sampler": "tpe", "table": "car", "seed": 0, "values": [1.0], "optimum": 0.0}'


@pytest.mark.parametrize("content", ["", "[]", '{"rows": []}', '{"rows": 1}', OLD])
def test_file_of_another_kind_is_named(
    make_record: MakeRecord, tmp_path: Path, content: str
) -> None:
    store = Store(tmp_path)
    path = store.save(make_record([4.0, 3.0, 2.0]))
    path.write_text(content)
    with pytest.raises(QhpoError, match="must hold the record of one run") as caught:
        _load(store)
    assert str(path) in str(caught.value)


def test_interrupted_store_leaves_nothing(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: str, target: Path) -> None:
        assert Path(source).exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).save(make_record([1.0]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
