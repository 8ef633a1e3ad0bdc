from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.cli.report import column, duration, number, plural


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0382, "38 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.0 s"),
        (4.21, "4.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (151.0, "2 min 31 s"),
        (3599.4, "59 min 59 s"),
        (3600.0, "1 h 00 min"),
        (93784.0, "26 h 03 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([], []),
        ([1, 20], ["1", "20"]),
        (["relu", None, True], ["relu", "-", "True"]),
        ([0.5, 0.25], ["0.5000", "0.2500"]),
        ([1.5, 0.00317], ["1.50000", "0.00317"]),
        ([0.0, 12.5], ["0.00", "12.50"]),
        ([0.1, 1e-7], ["1.00e-01", "1.00e-07"]),
        ([1e9, 1.0], ["1.00e+09", "1.00e+00"]),
        ([math.inf, 2.0], ["inf", "2.000"]),
        ([12345.6], ["12346"]),
    ],
)
def test_column(values: list[object], texts: list[str]) -> None:
    assert column(values) == texts


@given(st.lists(st.floats(-1e300, 1e300, allow_subnormal=False)))
def test_a_column_keeps_two_digits_of_every_value(values: list[float]) -> None:
    for value, text in zip(values, column(values), strict=True):
        assert float(text) == pytest.approx(value, rel=0.006)


@given(st.lists(st.floats(1e-6, 1e5), min_size=1))
def test_a_column_lines_up_at_the_point(values: list[float]) -> None:
    texts = column(values)
    assert len({len(text) - text.find(".") for text in texts if "." in text}) <= 1
    assert len({"e" in text for text in texts}) == 1


def test_number() -> None:
    assert [number(v) for v in (0.123456789, 3, "relu", None)] == ["0.123457", "3", "relu", "None"]
    assert number(0.123456789, 3) == "0.123"


def test_plural() -> None:
    assert [plural(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
