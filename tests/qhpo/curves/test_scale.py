"""The scale that curves are modelled on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.curves.scale import Scale

numbers = st.floats(-1e300, 1e300)


@given(st.lists(numbers, min_size=1, max_size=9), st.lists(numbers | st.just(math.inf)))
def test_any_values_have_one(complete: list[float], others: list[float]) -> None:
    scale = Scale.of(np.array(complete), np.array(complete + others))
    assert math.isfinite(scale.best)
    assert 0.0 < scale.unit < math.inf
    u = scale.to(np.array(complete + others))
    assert np.isfinite(u).all()
    order = np.argsort(complete + others, kind="stable")
    assert (np.diff(u[order]) >= 0.0).all()


@given(st.floats(-100.0, 100.0), st.floats(1e-3, 1e3), st.floats(-5.0, 5.0))
def test_back_is_the_inverse(best: float, unit: float, u: float) -> None:
    scale = Scale(best, unit)
    assert scale.to(scale.back(np.array(u))) == pytest.approx(u, abs=1e-6)


def test_the_unit_is_what_the_median_complete_trial_is_worse() -> None:
    scale = Scale.of(np.array([3.0, 1.0, 5.0]), np.array([3.0, 1.0, 5.0, 100.0]))
    assert (scale.best, scale.unit) == (1.0, 2.0)
    assert scale.to(np.array(3.0)) == pytest.approx(math.asinh(1.0))


def test_equally_good_complete_trials_leave_the_unit_to_the_others() -> None:
    scale = Scale.of(np.zeros(5), np.array([0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0]))
    assert scale.unit == pytest.approx(0.1)


def test_what_is_no_number_is_the_worst() -> None:
    scale = Scale(0.0, 1.0)
    worst, nan, low = scale.to(np.array([math.inf, math.nan, -math.inf]))
    assert worst == nan == -low
