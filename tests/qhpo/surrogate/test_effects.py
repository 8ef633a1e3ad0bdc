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
from qhpo.surrogate.covariance import CrossCovariance
from qhpo.surrogate.hyperparameters import Hyperparameters

FloatArray = NDArray[np.float64]


def _part(table: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """What a set of axes adds to the effects of its subsets, by its definition."""
    others = tuple(i for i in range(table.ndim) if i not in axes)
    mean: FloatArray = table.mean(axis=others, keepdims=True)
    for size in range(len(axes)):
        for fewer in itertools.combinations(axes, size):
            mean = mean - _part(table, fewer)
    return mean


def _believed(
    space: Space, model: AnovaGP, member: Hyperparameters, levels: FloatArray
) -> FloatArray:
    """Covariance of the smooth part at all levels, given the observations, shape (N, N)."""
    n = len(model.observed)
    together = CrossCovariance(space, np.concatenate([model.observed, levels]), [member])
    smooth, nugget = (each[0] for each in together.among_observations())
    known = smooth[:n, :n] + nugget[:n, :n] + member.noise * np.eye(n)
    between = smooth[:n, n:]
    covariance: FloatArray = smooth[n:, n:] - between.T @ np.linalg.solve(known, between)
    return covariance


@pytest.mark.parametrize("rest", [0.0, 0.4, 2.0])
@pytest.mark.parametrize(("seed", "inactive"), [(0, 0.0), (1, 0.3)])
def test_every_effect_is_what_listing_the_posterior_gives(
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
    levels = small_space.at_levels(every_level)
    shape = tuple(small_space.n_levels)
    for member, mean, found in zip(
        members, model.predict(levels).mean, model.effects(), strict=True
    ):
        whole = mean.reshape(shape)
        assert found.mean == pytest.approx(float(whole.mean()), abs=1e-9)
        for i in range(3):
            start, stop = small_space.starts[i : i + 2]
            expected = _part(whole, (i,)).ravel()
            np.testing.assert_allclose(found.levels[start:stop], expected, atol=1e-9)
        # The expected square of a linear map of the function: of its mean, and of what is open.
        scales, directions = np.linalg.eigh(_believed(small_space, model, member, levels))
        open_ = directions * np.sqrt(np.maximum(scales, 0.0))
        functions = [whole, *(column.reshape(shape) for column in open_.T)]

        def variance(*axes: int, of: list[FloatArray] = functions) -> float:
            return float(sum((_part(function, axes) ** 2).mean() for function in of))

        alone = [variance(i) for i in range(3)]
        pairs = {(i, j): variance(i, j) for i, j in itertools.combinations(range(3), 2)}
        higher = variance(0, 1, 2)
        np.testing.assert_allclose(found.main, alone, atol=1e-8)
        for (i, j), expected_variance in pairs.items():
            assert found.pairs[i, j] == found.pairs[j, i]
            assert found.pairs[i, j] == pytest.approx(expected_variance, abs=1e-8)
        assert found.variance == pytest.approx(sum(alone) + sum(pairs.values()) + higher, rel=1e-7)
        for i in range(3):
            total = alone[i] + sum(v for pair, v in pairs.items() if i in pair) + higher
            assert found.total[i] == pytest.approx(total, rel=1e-7, abs=1e-9)


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
    np.testing.assert_allclose(smooth.linear + rough.linear, whole.levels, atol=1e-9)
    assert smooth.offset + rough.offset == pytest.approx(whole.mean, abs=1e-9)
