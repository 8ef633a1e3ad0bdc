"""The time of encodings: sizes that are known, and a clock that does as told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qhpo.encoding import ENCODINGS, DenseDQM
from qhpo_problems.benchmarks.solving import encodings
from qhpo_problems.benchmarks.solving.encodings import dense_tables, measure_encodings


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "_PARAMETERS", {"tiny": 3})


def test_all_pairs_of_a_dense_model_interact() -> None:
    tables = dense_tables([2, 3, 4], np.random.default_rng(0), linear=0.0)
    np.testing.assert_array_equal(tables.quadratic, tables.quadratic.T)
    same = tables.block[:, None] == tables.block
    np.testing.assert_array_equal(tables.quadratic == 0.0, same)
    assert not tables.linear.any()
    spread = dense_tables([500, 2], np.random.default_rng(0), linear=3.0).linear.std()
    assert spread == pytest.approx(3.0, rel=0.1)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("method", "bits", "couplers"),
    # All pairs; domain walls have only neighbours within a parameter.
    [("one-hot", 30, 30 * 29 // 2), ("domain-wall", 27, 3 * 81 + 3 * 8)],
)
def test_sizes_are_those_of_the_encodings(method: str, bits: int, couplers: int) -> None:
    (numbers,) = measure_encodings("tiny", method, 0)
    assert numbers["bits"] == bits
    assert numbers["couplers"] == couplers


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("method", ENCODINGS)
def test_the_time_is_the_median_and_nothing_is_known_before(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    durations = [0.009, 0.001, 0.007, 0.003, 0.005, 0.004, 0.006, 0.002, 9.0]
    ticks = iter([t for number, d in enumerate(durations) for t in (number, number + d)])
    monkeypatch.setattr(encodings.time, "thread_time", lambda: next(ticks))
    known: list[set[str]] = []
    plain = encodings.encode

    def spy(tables: DenseDQM, name: str) -> Any:
        known.append(set(vars(tables)) - {"starts", "linear", "quadratic", "offset"})
        return plain(tables, name)

    monkeypatch.setattr(encodings, "encode", spy)
    (numbers,) = measure_encodings("tiny", method, 0)
    assert numbers["CPU ms"] == pytest.approx(5.0)
    assert known == [set()] * (1 + len(durations))
