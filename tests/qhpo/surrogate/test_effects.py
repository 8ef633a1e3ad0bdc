"""Effects in closed form are those that listing every configuration of the levels gives."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.space import Space
from qhpo.surrogate.anova_gp import AnovaGP

FloatArray = NDArray[np.float64]


def _part(table: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """What a set of axes adds to the effects of its subsets, by its definition."""
    others = tuple(i for i in range(table.ndim) if i not in axes)
    mean: FloatArray = table.mean(axis=others, keepdims=True)
    for size in range(len(axes)):
        for fewer in itertools.combinations(axes, size):
            mean = mean - _part(table, fewer)
    return mean


@pytest.mark.parametrize("rest", [0.0, 0.4, 2.0])
@pytest.mark.parametrize(("seed", "inactive"), [(0, 0.0), (1, 0.3)])
def test_every_effect_is_that_of_the_listed_mean(
    small_space: Space,
    every_level: NDArray[np.intp],
    observe: Any,
    hyperparameters: Any,
    seed: int,
    inactive: float,
    rest: float,
) -> None:
    x = observe(small_space, 12, seed, inactive)
    members = [replace(h, rest=rest, nugget=0.3) for h in hyperparameters(small_space, 2)]
    y = np.random.default_rng(seed).standard_normal((2, 12))
    model = AnovaGP(small_space, x, y, members)
    mean = model.predict(small_space.at_levels(every_level)).mean
    for table, found in zip(mean, model.effects(), strict=True):
        whole = table.reshape(small_space.n_levels)
        assert found.mean == pytest.approx(float(whole.mean()), abs=1e-9)
        assert found.variance == pytest.approx(float(whole.var()), rel=1e-8)
        for i in range(3):
            start, stop = small_space.starts[i : i + 2]
            np.testing.assert_allclose(
                found.main[start:stop], _part(whole, (i,)).ravel(), atol=1e-9
            )
            total = whole.var() - whole.mean(axis=i).var()
            assert found.total[i] == pytest.approx(float(total), rel=1e-7, abs=1e-9)
        for i, j in itertools.combinations(range(3), 2):
            expected = float((_part(whole, (i, j)) ** 2).mean())
            assert found.pairs[i, j] == found.pairs[j, i] == pytest.approx(expected, abs=1e-9)


def test_what_the_others_predict_is_a_share(
    small_space: Space, observe: Any, hyperparameters: Any
) -> None:
    x = observe(small_space, 12, 0, 0.0)
    rough = [replace(h, noise=1e-6, nugget=1e-6) for h in hyperparameters(small_space, 1)]
    smooth = AnovaGP(small_space, x, np.nansum(x, axis=1), rough)
    chance = AnovaGP(small_space, x, np.random.default_rng(0).standard_normal(12), rough)
    assert chance.explained() < smooth.explained() <= 1.0
    assert AnovaGP(small_space, x, np.zeros(12), rough).explained() == 0.0


def test_the_nugget_adds_what_the_smooth_part_leaves_out(
    small_space: Space, observe: Any, hyperparameters: Any
) -> None:
    x = observe(small_space, 12, 0, 0.2)
    members = [replace(h, nugget=0.3) for h in hyperparameters(small_space, 1)]
    model = AnovaGP(small_space, x, np.random.default_rng(0).standard_normal(12), members)
    smooth = model.quadratic("mean", 0, np.random.default_rng(0))
    rough, whole = model.nugget_orders(0), model.effects()[0]
    np.testing.assert_allclose(smooth.linear + rough.linear, whole.main, atol=1e-9)
    assert smooth.offset + rough.offset == pytest.approx(whole.mean, abs=1e-9)
    starts = small_space.starts
    for i, j in itertools.combinations(range(3), 2):
        rows, columns = slice(*starts[i : i + 2]), slice(*starts[j : j + 2])
        table = smooth.quadratic[rows, columns] + rough.quadratic[rows, columns]
        assert (table**2).mean() == pytest.approx(whole.pairs[i, j], abs=1e-12)
