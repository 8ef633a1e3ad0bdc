"""Probabilities to keep conditions against their definition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from optuna.distributions import CategoricalDistribution, FloatDistribution
from scipy.stats import norm

from qhpo.acquisition import LogEI, LogFeasibility, LogNovelty, LogProduct
from qhpo.space import Space
from qhpo.surrogate.base import Moments
from tests.qhpo.known import KnownValues, random_tables

FloatArray = NDArray[np.float64]
SPACE = Space({"kind": CategoricalDistribution(["a", "b", "c"])})
EVERYTHING = np.array([[0.0], [1.0], [2.0]])


class _Believes(KnownValues):
    """Means and deviations of every member at each kind."""

    def __init__(self, means: Sequence[Sequence[float]], deviation: float) -> None:
        self._means = np.array(means)
        self._deviation = deviation
        super().__init__(SPACE, EVERYTHING[:0], [])
        self.n_members = len(means)

    def predict(self, x: FloatArray) -> Moments:
        mean = self._means[:, x[:, 0].astype(int)]
        return Moments(mean, np.full_like(mean, self._deviation**2))


def test_is_the_probability_of_at_most_zero() -> None:
    found = LogFeasibility([_Believes([[-1.0, 0.0, 2.0]], 0.5)]).score(EVERYTHING)
    np.testing.assert_allclose(np.exp(found), norm.cdf([2.0, 0.0, -4.0]))


def test_averages_members_and_multiplies_conditions() -> None:
    first, second = _Believes([[-1.0, 0.0, 1.0], [1.0, 1.0, 1.0]], 1.0), _Believes([[0.0] * 3], 2.0)
    found = np.exp(LogFeasibility([first, second]).score(EVERYTHING))
    expected = 0.5 * (norm.cdf([1.0, 0.0, -1.0]) + norm.cdf(-1.0)) * 0.5
    np.testing.assert_allclose(found, expected)


def test_falls_more_steeply_below_the_least_probability() -> None:
    believes = _Believes([[-1.0, 0.0, 1.0]], 0.6)
    found = LogFeasibility([believes], noise=0.64, least=0.5, steepness=3.0).score(EVERYTHING)
    log_kept = norm.logcdf([1.0, 0.0, -1.0])
    extra = [0.0, 0.0, 3.0 * (log_kept[2] - math.log(0.5))]
    np.testing.assert_allclose(found, log_kept + extra, atol=1e-12)


def test_keeps_its_order_where_probabilities_underflow() -> None:
    found = LogFeasibility([_Believes([[1.0, 1.1, 9.0]], 1e-6)]).score(EVERYTHING)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0.0).all()
    certain = LogFeasibility([_Believes([[-1.0, -2.0, -9.0]], 1e-6)]).score(EVERYTHING)
    np.testing.assert_array_equal(certain, 0.0)


def test_improvement_is_on_the_incumbents_only() -> None:
    tables = random_tables(SPACE, np.random.default_rng(3))
    surrogate = KnownValues(SPACE, EVERYTHING, [tables])
    for kind in range(3):
        incumbent = EVERYTHING[[kind]]
        better = tables.energies(EVERYTHING.astype(int)) < tables.energies(incumbent.astype(int))
        scores = LogEI([surrogate], incumbent).score(EVERYTHING)
        np.testing.assert_array_equal(scores > math.log(1e-3), better)


def test_novelty_is_lost_where_something_is_pending() -> None:
    space = Space({"x": FloatDistribution(0.0, 1.0)})
    novelty = LogNovelty(space, np.array([[0.2]]))
    x = np.array([[0.2], [0.7]])
    before = novelty.score(x)
    assert before[0] < -20.0
    assert before[1] == 0.0
    novelty.set_pending(np.array([[0.7]]))
    assert (novelty.score(x) < -20.0).all()
    product = LogProduct([novelty, novelty])
    np.testing.assert_allclose(product.score(x), 2.0 * novelty.score(x))
    product.set_pending(x[:0])
    assert product.score(x)[1] == pytest.approx(0.0)
