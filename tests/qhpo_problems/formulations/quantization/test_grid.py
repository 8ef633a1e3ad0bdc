from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.quantization import Grid, fit_grid, greedy, output_errors

FloatArray = NDArray[np.float64]


def correlated_inputs(seed: int, width: int, examples: int = 200) -> FloatArray:
    """Inputs as after a ReLU: positive, with much in common."""
    rng = np.random.default_rng(seed)
    return np.maximum(
        rng.normal(size=(examples, 3)) @ rng.normal(size=(3, width))
        + 0.3 * rng.normal(size=(examples, width)),
        0.0,
    )


@pytest.mark.parametrize(("bits", "codes"), [(2, [-2, -1, 0, 1]), (3, list(range(-4, 4)))])
def test_a_grid_has_two_to_the_bits_codes(bits: int, codes: list[int]) -> None:
    grid = Grid(bits, np.array([0.5]))
    weights = np.linspace(-9, 9, 1001)[None]
    assert np.unique(grid.nearest(weights)).tolist() == codes
    whole = np.arange(-10, 10)
    assert whole[grid.holds(whole)].tolist() == codes


def test_nearest_is_nearest() -> None:
    rng = np.random.default_rng(0)
    weights, grid = rng.normal(size=(3, 7)), Grid(3, np.array([0.1, 0.4, 0.7]))
    every = grid.scales[:, None] * np.arange(-4, 4)
    distance = np.abs(every[:, None, :] - weights[:, :, None]).min(axis=2)
    np.testing.assert_allclose(np.abs(grid.values(grid.nearest(weights)) - weights), distance)


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_out_of_range_are_refused(bits: int) -> None:
    with pytest.raises(QhpoError, match=f"bits must be 2 to 8; got {bits}"):
        fit_grid(np.ones((1, 2)), np.eye(2), bits)


def test_output_errors_are_the_mean_square_change_of_outputs() -> None:
    inputs = correlated_inputs(0, 5)
    errors = np.random.default_rng(1).normal(size=(4, 5))
    np.testing.assert_allclose(
        output_errors(inputs.T @ inputs / len(inputs), errors),
        ((inputs @ errors.T) ** 2).mean(axis=0),
    )


def test_the_scale_clips_a_weight_of_which_the_outputs_hear_nothing() -> None:
    weights = np.array([[10.0, 0.7, -0.9, 0.5]] * 2)
    deaf = fit_grid(weights, np.diag([0.0, 1.0, 1.0, 1.0]), 4)
    hearing = fit_grid(weights, np.diag([1.0, 1.0, 1.0, 1.0]), 4)
    np.testing.assert_allclose(deaf.scales, 0.3 * 10.0 / 7, rtol=1e-9)
    assert (hearing.scales > deaf.scales).all()


def test_rows_and_inputs_of_zeros_are_exact() -> None:
    weights, gram = np.zeros((2, 3)), np.zeros((3, 3))
    grid = fit_grid(weights, gram, 2)
    for codes in (grid.nearest(weights), greedy(weights, gram, grid)):
        np.testing.assert_array_equal(grid.values(codes), weights)


def test_greedy_follows_the_equations() -> None:
    """Each weight in turn is rounded, and those still free go to their best values given that."""
    inputs = correlated_inputs(3, 5)
    gram = inputs.T @ inputs / len(inputs)
    weights = np.random.default_rng(4).normal(size=(3, 5))
    grid = fit_grid(weights, gram, 3)
    regular = gram + 0.01 * np.trace(gram) / 5 * np.eye(5)
    order = np.argsort(-np.diag(gram))
    expected = np.empty((3, 5), dtype=int)
    for row, (target, scale) in enumerate(zip(weights, grid.scales, strict=True)):
        left = target.copy()
        for done in range(5):
            i, fixed, free = order[done], order[: done + 1], order[done + 1 :]
            expected[row, i] = np.clip(np.rint(left[i] / scale), -4, 3)
            error = scale * expected[row, fixed] - target[fixed]
            # The best values of the free weights: the gradient over them is zero.
            left[free] = target[free] - np.linalg.solve(
                regular[np.ix_(free, free)], regular[np.ix_(free, fixed)] @ error
            )
    np.testing.assert_array_equal(greedy(weights, gram, grid), expected)


def test_greedy_beats_nearest_on_correlated_inputs() -> None:
    inputs = correlated_inputs(5, 40)
    gram = inputs.T @ inputs / len(inputs)
    weights = np.random.default_rng(6).normal(size=(8, 40))
    grid = fit_grid(weights, gram, 3)
    cost = [
        output_errors(gram, grid.values(codes) - weights).sum()
        for codes in (greedy(weights, gram, grid), grid.nearest(weights))
    ]
    assert cost[0] < 0.5 * cost[1]
