"""Normal scores of trial values, and standardized ones."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhpo.surrogate.base import Moments
from qhpo.surrogate.transform import in_units, rank_gaussian, standardized, within_fences

values = st.lists(
    st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.inf, -math.inf, 0.0, 1.0])),
    min_size=1,
    max_size=40,
)


@given(values)
def test_keeps_the_order_and_the_ties(raw: list[float]) -> None:
    scores = rank_gaussian(np.array(raw))
    assert scores.shape == (len(raw),)
    assert np.isfinite(scores).all()
    order = np.argsort(raw, kind="stable")
    for i, j in itertools.pairwise(order):
        if raw[i] == raw[j]:
            assert scores[i] == scores[j]
        else:
            assert scores[i] < scores[j]


@given(values)
def test_only_the_order_matters(raw: list[float]) -> None:
    finite = np.array([v for v in raw if math.isfinite(v)] or [0.0])
    finite = np.round(finite, 3)  # so that no two of them meet in the exponent
    rescaled = np.arctan(finite / 1e3) * 7.0 + 2.0
    if len(np.unique(rescaled)) == len(np.unique(finite)):
        np.testing.assert_array_equal(rank_gaussian(finite), rank_gaussian(rescaled))


@given(values)
def test_the_mirror_image_scores_the_opposite(raw: list[float]) -> None:
    np.testing.assert_allclose(
        rank_gaussian(-np.array(raw)), -rank_gaussian(np.array(raw)), atol=1e-9
    )


@pytest.mark.parametrize("value", [0.0, -3.5, math.inf, -math.inf])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_equal_values_score_zero(value: float, n: int) -> None:
    np.testing.assert_allclose(rank_gaussian(np.full(n, value)), 0.0, atol=1e-12)


def test_scores_are_standard_normal() -> None:
    scores = rank_gaussian(np.random.default_rng(0).permutation(2001).astype(float))
    assert scores.mean() == pytest.approx(0.0, abs=1e-9)
    assert scores.std() == pytest.approx(1.0, abs=0.01)


@given(values)
def test_standardized_keeps_the_order_of_what_is_finite(raw: list[float]) -> None:
    scores = standardized(np.array(raw))
    assert np.isfinite(scores).all()
    order = np.argsort(raw, kind="stable")
    assert (np.diff(scores[order]) >= 0.0).all()


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.floats(1e-3, 1e300))
def test_standardized_is_the_same_in_any_unit(raw: list[int], unit: float) -> None:
    scores = standardized(np.array(raw, dtype=float))
    if len(set(raw)) > 1:
        assert scores.mean() == pytest.approx(0.0, abs=1e-9)
        assert scores.std() == pytest.approx(1.0)
        moved = np.array(raw, dtype=float) * unit
        np.testing.assert_allclose(standardized(moved), scores, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e300, math.inf, -math.inf])
def test_standardized_of_equal_values_is_zero(value: float) -> None:
    assert not standardized(np.full(5, value)).any()


def test_standardized_takes_infinite_values_for_the_nearest_finite() -> None:
    scores = standardized(np.array([1.0, math.inf, 2.0, -math.inf]))
    assert scores[0] == scores[3] < scores[1] == scores[2]


class TestInUnits:
    @given(
        values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30, unique=True),
        at=st.floats(0.0, 1.0),
    )
    def test_a_certain_belief_at_an_observed_value_is_that_value(
        self, values: list[float], at: float
    ) -> None:
        v = np.array(values)
        k = round(at * (len(v) - 1))
        y = rank_gaussian(v)
        mean, deviation = in_units(y, v, Moments(y[[k]], np.full(1, 1e-24)))
        assert mean == pytest.approx(v[k], rel=1e-6, abs=1e-6 * np.ptp(v))
        assert deviation <= 1e-6 * max(np.ptp(v), 1.0)

    def test_a_linear_transform_keeps_moments_of_all_members(self) -> None:
        v = np.linspace(-50.0, 150.0, 41)
        moments = Moments(np.array([0.2, -0.4]), np.array([0.04, 0.09]))
        mean, deviation = in_units((v - 50.0) / 10.0, v, moments)
        assert mean == pytest.approx(50.0 + 10.0 * -0.1)
        # Within the members, and between them.
        assert deviation == pytest.approx(10.0 * np.sqrt(0.065 + 0.09))

    def test_nothing_is_promised_beyond_what_was_seen(self) -> None:
        v = np.array([1.0, 2.0, np.inf])
        mean, deviation = in_units(rank_gaussian(v), v, Moments(np.array([-9.0]), np.array([0.01])))
        assert (mean, deviation) == (1.0, pytest.approx(0.0, abs=1e-9))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300, -8e306])
def test_one_value_far_above_does_not_make_the_others_equal(unit: float) -> None:
    v = np.append(np.linspace(0.0, 1.0, 9), 20.0)
    far = np.append(v[:9], 1e9 if abs(unit) < 1e200 else 21.0)
    found = [within_fences(values * abs(unit)) for values in (v, far)]
    np.testing.assert_allclose(*found)
    assert np.diff(found[0][:9]).min() > 0.1
    # Far below is what is looked for.
    assert within_fences(-far)[-1] == pytest.approx(standardized(-far)[-1])


@pytest.mark.parametrize("raw", [[2.0] * 5, [np.inf] * 3, [0.0], [1.0, np.inf, -np.inf]])
def test_within_fences_is_finite(raw: list[float]) -> None:
    assert np.isfinite(within_fences(np.array(raw))).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [5e-324, 1e-300, 1.0, 1e300, 8e307])
def test_expectations_are_in_any_unit_that_floats_have(unit: float) -> None:
    v = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    y = rank_gaussian(v)
    at = Moments(np.array([0.3]), np.array([0.04]))
    mean, deviation = in_units(y, v, at)
    found = in_units(y, v * unit, at)
    np.testing.assert_allclose(found, (mean * unit, deviation * unit), rtol=1e-9, atol=5e-324)
