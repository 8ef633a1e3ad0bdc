from __future__ import annotations

import itertools

import numpy as np
import pytest
from dwave.samplers import SteepestDescentSampler

from qhpo.errors import SolverError
from qhpo_problems.formulations.base import BLOCK
from qhpo_problems.formulations.discrete import Moments, descended, levels_of, moments_of, train

KINDS: list[tuple[str | int, int]] = [("binary", 8), ("ternary", 6), (2, 5), (3, 4)]


def moments_like(n: int, outputs: int, seed: int) -> Moments:
    rng = np.random.default_rng(seed)
    # A common part makes features alike, so that nearest rounding is poor.
    X = rng.normal(size=(4 * n, n)) + rng.normal(size=(4 * n, 1))
    return moments_of(X, X @ rng.normal(size=(n, outputs)), 1.0)


def least(moments: Moments, values: np.ndarray) -> float:
    """Over all levels at the best scale of each: c - (b'v)^2 / v'Gv, shape of one output."""
    every = np.array(list(itertools.product(values, repeat=len(moments.gram))), dtype=float)
    every = every[(every != 0).any(axis=1)]
    along = np.maximum(every @ moments.slopes[0], 0.0)
    return float(
        (moments.squares[0] - along**2 / np.einsum("ri,ri->r", every @ moments.gram, every)).min()
    )


@pytest.mark.parametrize(("weights", "n"), KINDS)
@pytest.mark.parametrize("solver", ["neal", "potts", "tabu", SteepestDescentSampler(), None])
def test_near_the_best_of_all_levels_and_scales(weights: str | int, n: int, solver: object) -> None:
    levels = levels_of(weights)
    for seed in range(1 if solver is None else 2):
        moments = moments_like(n, 1, seed)
        found = train(moments, levels, solver, seed)  # type: ignore[arg-type]
        best = least(moments, levels.values(np.arange(levels.top + 1)))
        assert moments.losses(found.values)[0] == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("weights", ["binary", "ternary", 3])
@pytest.mark.parametrize("solver", ["neal", None])
def test_better_than_the_descent_and_never_worse(weights: str | int, solver: str | None) -> None:
    moments, levels = moments_like(24, 8, 7), levels_of(weights)
    before = moments.losses(descended(moments, levels).values)
    after = moments.losses(train(moments, levels, solver, 0).values)
    assert (after <= before).all()
    assert after.sum() < before.sum()


@pytest.mark.parametrize("weights", ["binary", "ternary", 2, 4])
def test_the_descent_is_better_than_nearest_rounding(weights: str | int) -> None:
    moments, levels = moments_like(20, 5, 3), levels_of(weights)
    nearest = []
    for share in np.geomspace(1.2, 0.05, 30):
        scales = share * np.abs(moments.solution).max(axis=1) / levels.reach
        codes = levels.grid(scales).nearest(levels.shifted(moments.solution, scales))
        values = levels.values(codes)
        fitted = moments.rescaled(values.astype(float), scales)
        nearest.append(moments.losses(fitted[:, None] * values))
    ours = moments.losses(descended(moments, levels).values)
    assert ours.sum() < np.min(nearest, axis=0).sum()


def test_more_bits_than_a_block() -> None:
    n = BLOCK // 2 + 10
    rng = np.random.default_rng(0)
    X, truth = rng.normal(size=(3 * n, n)), rng.integers(-1, 2, size=n)
    moments = moments_of(X, 0.5 * X @ truth[:, None], 0.0)
    found = train(moments, levels_of("ternary"), "neal", 0)
    np.testing.assert_array_equal(found.levels[0], truth)
    assert found.scales[0] == pytest.approx(0.5)


@pytest.mark.parametrize("weights", ["binary", "ternary", 2])
@pytest.mark.parametrize("solver", ["neal", None])
def test_outputs_that_nothing_tells_about_stay_at_their_mean(
    weights: str | int, solver: str | None
) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    Y = np.stack([np.full(20, 4.0), X[:, 0]], axis=1)
    found = train(moments_of(X, Y, 1.0), levels_of(weights), solver, 0)
    np.testing.assert_allclose(found.values[0], 0.0, atol=1e-20)
    assert found.values[1, 0] > 0.4
    assert (found.scales > 0).all()


def test_equal_seeds_give_equal_weights() -> None:
    moments, levels = moments_like(25, 2, 1), levels_of(3)
    one, other = (train(moments, levels, "neal", 5) for _ in range(2))
    np.testing.assert_array_equal(one.values, other.values)


def test_unknown_solver() -> None:
    with pytest.raises(SolverError, match="did you mean 'neal'"):
        train(moments_like(4, 1, 0), levels_of("binary"), "naal", 0)
