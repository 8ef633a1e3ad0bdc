"""Effects from random configurations come close to those of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from qhpo.space import Space
from qhpo.surrogate.sampled import sampled_effects


def test_they_are_those_of_the_whole_function_but_for_chance() -> None:
    space = Space(
        {
            "a": IntDistribution(0, 3),
            "b": IntDistribution(0, 9),
            "c": CategoricalDistribution("xyz"),
        }
    )
    rng = np.random.default_rng(0)
    sizes = space.n_levels
    linear = [rng.standard_normal(size) for size in sizes]
    linear = [effect - effect.mean() for effect in linear]
    product = np.multiply.outer(linear[0], linear[1])
    places = rng.integers(sizes, size=(20_000, 3))
    a, b, c = places.T
    values = 5.0 + linear[0][a] + 0.5 * linear[1][b] + 2.0 * product[a, b] + linear[2][c]
    found = sampled_effects(space, places, values)
    squares = [float((effect**2).mean()) for effect in linear]
    expected = [squares[0], 0.25 * squares[1], squares[2]]
    together = 4.0 * squares[0] * squares[1]
    whole = sum(expected) + together
    np.testing.assert_allclose(found.main, expected, atol=0.02 * whole)
    assert found.pairs[0, 1] == found.pairs[1, 0] == pytest.approx(together, abs=0.02 * whole)
    # What is not there is less than what chance alone would make of it.
    assert found.pairs[0, 2] < 0.005 * whole
    assert found.mean == pytest.approx(5.0, abs=0.1)
    assert found.variance == pytest.approx(whole, rel=0.05)
    np.testing.assert_allclose(found.total, found.main + found.pairs.sum(axis=1))


def test_chance_alone_is_taken_off() -> None:
    space = Space({name: CategoricalDistribution(range(10)) for name in "ab"})
    rng = np.random.default_rng(1)
    found = [
        sampled_effects(space, rng.integers(10, size=(2000, 2)), rng.standard_normal(2000))
        for _ in range(20)
    ]
    # The means of 2,000 random numbers in 100 cells have a variance of 0.04 around their axes'.
    assert np.mean([effects.pairs[0, 1] for effects in found]) < 0.008
    assert np.mean([effects.main[0] for effects in found]) < 0.002
