"""The expected hypervolume improvement against hypervolumes, integrals and its own definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna._hypervolume import compute_hypervolume
from optuna.distributions import CategoricalDistribution

from qhpo.acquisition import LogEHVI
from qhpo.acquisition.hypervolume import boxes_below, front_of, reference_of
from qhpo.space import Space
from qhpo.surrogate.base import Moments
from tests.qhpo.known import KnownValues

FloatArray = NDArray[np.float64]

fronts = st.tuples(st.integers(1, 4), st.integers(1, 14), st.integers(0, 2**32 - 1))


def _values(shape: tuple[int, int, int]) -> FloatArray:
    """Rows with ties, shape (n, m)."""
    m, n, seed = shape
    values: FloatArray = np.random.default_rng(seed).integers(0, 6, size=(n, m)).astype(float)
    return values


@given(fronts)
def test_a_front_is_what_no_other_dominates(shape: tuple[int, int, int]) -> None:
    values = _values(shape)
    kept = {
        tuple(row)
        for row in values
        if not any((o <= row).all() and (o < row).any() for o in values)
    }
    found = front_of(values)
    assert {tuple(row) for row in found} == kept
    assert len(found) == len(kept)


@given(fronts, st.integers(0, 2**32 - 1))
def test_boxes_hold_what_is_not_dominated_once_each(shape: tuple[int, int, int], seed: int) -> None:
    front = front_of(_values(shape))
    reference = np.full(front.shape[1], 5.5)
    boxes = boxes_below(front, reference)
    x = np.random.default_rng(seed).uniform(-1.0, 7.0, size=(300, front.shape[1]))
    inside = np.ones((len(boxes.lower), len(x)), dtype=bool)
    for j, edges in enumerate(boxes.edges):
        lower = np.where(boxes.lower[:, j] < 0, -np.inf, edges[boxes.lower[:, j]])
        upper = edges[boxes.upper[:, j]]
        inside &= (lower[:, None] < x[:, j]) & (x[:, j] <= upper[:, None])
    dominated = (front[:, None, :] <= x).all(axis=2).any(axis=0)
    expected = ~dominated & (x < reference).all(axis=1)
    np.testing.assert_array_equal(inside.sum(axis=0), expected.astype(int))


@given(fronts)
def test_nothing_of_a_front_lies_at_its_reference(shape: tuple[int, int, int]) -> None:
    values = _values(shape)
    front = front_of(values)
    assert (reference_of(front, values) > front.max(axis=0)).all()


class _Objective(KnownValues):
    """Means at every choice of one parameter, with one deviation."""

    def __init__(self, means: FloatArray, deviation: float, n_observed: int) -> None:
        self._means = means
        self._deviation = deviation
        space = Space({"x": CategoricalDistribution(range(means.shape[1]))})
        super().__init__(space, np.arange(float(n_observed))[:, None], [])
        self.n_members = len(means)
        self.noise = np.zeros(self.n_members)
        self.observed_mean = means[:, :n_observed]

    def predict(self, x: FloatArray) -> Moments:
        mean = self._means[:, x[:, 0].astype(int)]
        return Moments(mean, np.full_like(mean, self._deviation**2))


def _acquisition(means: FloatArray, deviations: Sequence[float], n_observed: int) -> LogEHVI:
    """Of means of shape (m, M, n)."""
    return LogEHVI([_Objective(*pair, n_observed) for pair in zip(means, deviations, strict=True)])


@given(st.integers(2, 4), st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_is_the_improvement_where_everything_is_known(m: int, n: int, seed: int) -> None:
    means = np.random.default_rng(seed).standard_normal((m, 1, n + 5))
    known = means[:, 0].T
    front = front_of(known[:n])
    reference = reference_of(front, known[:n])
    before = compute_hypervolume(front, reference)
    found = _acquisition(means, [1e-7] * m, n).score(np.arange(float(n), n + 5.0)[:, None])
    for score, row in zip(found, known[n:], strict=True):
        gain = 0.0
        if (row < reference).all():
            gain = compute_hypervolume(np.vstack([front, row]), reference) - before
        assert np.exp(score) == pytest.approx(gain, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("m", [2, 3])
def test_is_the_mean_of_improvements(m: int) -> None:
    rng = np.random.default_rng(m)
    means = rng.standard_normal((m, 1, 12))
    deviations = rng.uniform(0.3, 1.0, size=m)
    known = means[:, 0, :8].T
    front, reference = front_of(known), reference_of(front_of(known), known)
    before = compute_hypervolume(front, reference)
    x = np.arange(8.0, 12.0)[:, None]
    found = np.exp(_acquisition(means, deviations.tolist(), 8).score(x))
    for mean, expected in zip(means[:, 0, 8:].T, found, strict=True):
        drawn = rng.normal(mean, deviations, size=(4000, m))
        gains = np.zeros(len(drawn))
        for i in np.flatnonzero((drawn < reference).all(axis=1)):
            gains[i] = compute_hypervolume(np.vstack([front, drawn[i]]), reference) - before
        assert abs(gains.mean() - expected) < 4.5 * gains.std() / np.sqrt(len(gains)) + 1e-4


def test_averages_members() -> None:
    # Members that agree on what was observed, so that their front and reference are the same.
    rng = np.random.default_rng(0)
    means = np.repeat(rng.standard_normal((2, 1, 9)), 2, axis=1)
    means[:, :, 6:] = rng.standard_normal((2, 2, 3))
    x = np.arange(6.0, 9.0)[:, None]
    together = np.exp(_acquisition(means, [0.5, 0.7], 6).score(x))
    alone = [np.exp(_acquisition(means[:, [k]], [0.5, 0.7], 6).score(x)) for k in range(2)]
    assert not np.allclose(*alone)
    np.testing.assert_allclose(together, np.mean(alone, axis=0))


def test_keeps_its_order_where_it_underflows() -> None:
    means = np.array([[[0.0, 1.0, 60.0, 70.0, 80.0]], [[1.0, 0.0, 60.0, 70.0, 80.0]]])
    found = _acquisition(means, [1.0, 1.0], 2).score(np.array([[2.0], [3.0], [4.0]]))
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0.0).all()
    assert found[0] < -700.0


@pytest.mark.parametrize("m", [2, 3, 4])
def test_a_large_front_is_thinned_and_keeps_its_ends(m: int) -> None:
    rng = np.random.default_rng(0)
    front = np.abs(rng.standard_normal((400, m)))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    front = front_of(1.0 - front)
    means = np.concatenate([front, front - 0.05, front + 0.05]).T[:, None, :]
    n = len(front)
    acquisition = _acquisition(means, [1e-6] * m, n)
    better = acquisition.score(np.arange(float(n), 2.0 * n)[:, None])
    ends = front.argmin(axis=0)
    behind = acquisition.score(2.0 * n + ends[:, None].astype(float))
    assert (better > behind.max()).all()
