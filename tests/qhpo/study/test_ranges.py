"""The union of distributions, and what keeps a parameter inside of one of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qhpo.study.ranges import limits, union

Float, Int = FloatDistribution, IntDistribution


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Int(0, 5), Int(0, 7), Int(0, 7)),
        (Int(0, 5), Int(8, 9), Int(0, 9)),
        (Int(0, 8, step=4), Int(2, 8, step=6), Int(0, 8, step=2)),
        (Int(2, 2), Int(2, 16), Int(2, 16)),
        (Int(4, 4), Int(2, 10, step=2), Int(2, 10, step=2)),
        (Int(1, 8, log=True), Int(2, 64, log=True), Int(1, 64, log=True)),
        (Int(1, 8, log=True), Int(1, 8), None),
        (Float(0, 1), Float(-1, 0.5), Float(-1, 1)),
        (Float(0, 1), Float(0, 1, step=0.5), Float(0, 1)),
        (Float(0, 0.9, step=0.3), Float(0.1, 0.9, step=0.2), Float(0, 0.9, step=0.1)),
        (Float(1e-3, 1, log=True), Float(1e-4, 0.1, log=True), Float(1e-4, 1, log=True)),
        (Float(0.1, 1, log=True), Float(0.1, 1), None),
        (Float(0, 1), Int(0, 1), None),
        (
            CategoricalDistribution("ab"),
            CategoricalDistribution("ab"),
            CategoricalDistribution("ab"),
        ),
        (CategoricalDistribution("ab"), CategoricalDistribution("abc"), None),
    ],
)
def test_union(
    one: BaseDistribution, other: BaseDistribution, expected: BaseDistribution | None
) -> None:
    assert union(one, other) == expected
    assert union(other, one) == expected


@st.composite
def _ints(draw: st.DrawFn) -> IntDistribution:
    step, low = draw(st.integers(1, 6)), draw(st.integers(-9, 9))
    return IntDistribution(low, low + step * draw(st.integers(0, 5)), step=step)


@given(_ints(), _ints(), st.integers(-20, 50))
def test_the_union_contains_both_and_limits_lead_back(
    one: IntDistribution, other: IntDistribution, value: int
) -> None:
    both = union(one, other)
    assert both is not None
    for part in (one, other):
        assert all(both._contains(v) for v in range(part.low, part.high + 1, part.step))
        if both._contains(value):
            kept = all(c.satisfied({"x": value}) for c in limits("x", both, part))
            assert kept == part._contains(value)
