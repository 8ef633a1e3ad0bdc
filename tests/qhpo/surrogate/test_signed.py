"""The transform that keeps 0 where it is."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qhpo.surrogate.signed import signed

VALUES = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=12)


@given(VALUES)
def test_order_and_sign_stay(values: list[float]) -> None:
    given_ = np.array(values)
    found = signed(given_)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(np.sign(found), np.sign(given_))
    assert (np.diff(found[np.argsort(given_)]) >= 0.0).all()


@given(VALUES, st.sampled_from([2.0**-20, 0.5, 2.0**30]))
def test_the_unit_does_not_matter(values: list[float], unit: float) -> None:
    np.testing.assert_allclose(signed(unit * np.array(values)), signed(np.array(values)))


def test_labels_stay_as_they_are() -> None:
    labels = np.array([1.0, -1.0, -1.0, 1.0, -1.0])
    np.testing.assert_allclose(signed(labels), labels)
    np.testing.assert_array_equal(signed(np.zeros(3)), np.zeros(3))


def test_infinite_values_count_as_the_farthest_finite() -> None:
    found = signed(np.array([-math.inf, -1.0, 4.0, math.inf]))
    assert found[0] == -found[3] == -found[2]
    np.testing.assert_array_equal(signed(np.array([math.inf, -math.inf, 0.0])), [1.0, -1.0, 0.0])
