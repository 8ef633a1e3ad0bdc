from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from qhpo_problems.formulations.quantization import (
    Grid,
    anneal,
    descend,
    fit_grid,
    greedy,
    output_errors,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Instance = tuple[FloatArray, FloatArray, Grid]


def instance(seed: int, rows: int, width: int, bits: int) -> Instance:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(100, 3)) @ rng.normal(size=(3, width))
    inputs += 0.3 * rng.normal(size=(100, width))
    gram, weights = inputs.T @ inputs / 100, rng.normal(size=(rows, width))
    return weights, gram, fit_grid(weights, gram, bits)


def costs(case: Instance, codes: IntArray) -> FloatArray:
    weights, gram, grid = case
    return output_errors(gram, grid.values(codes) - weights)


def test_anneal_finds_the_best_of_all_codes_of_nearly_every_row() -> None:
    every = np.array(list(itertools.product(range(-2, 2), repeat=7)))
    found, best = [], []
    for seed in range(8):
        case = instance(seed, 3, 7, 2)
        best += [
            costs((w[None], case[1], Grid(2, np.repeat(scale, len(every)))), every).min()
            for w, scale in zip(case[0], case[2].scales, strict=True)
        ]
        codes = anneal(*case, greedy(*case), np.random.default_rng(0))
        found += costs(case, descend(*case, codes, pairs=True)).tolist()
    assert (np.array(found) >= np.array(best) * (1 - 1e-9)).all()
    assert (np.array(found) <= np.array(best) * (1 + 1e-9)).sum() >= 22


def test_anneal_improves_on_descent_and_is_never_worse_than_its_start() -> None:
    case = instance(7, 5, 80, 3)
    start = greedy(*case)
    found = anneal(*case, start, np.random.default_rng(1))
    assert (costs(case, found) <= costs(case, start)).all()
    assert case[2].holds(found).all()
    plain = descend(*case, start, pairs=True)
    assert costs(case, found).sum() < costs(case, plain).sum() < costs(case, start).sum()


def test_anneal_is_reproducible() -> None:
    case = instance(8, 2, 30, 4)
    start = case[2].nearest(case[0])
    one, two = (anneal(*case, start, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def neighbours(codes: IntArray, flips: int) -> IntArray:
    """All codes that differ from a row's in at most so many places, there by one."""
    found = []
    for places in itertools.combinations(range(len(codes)), flips):
        for signs in itertools.product((-1, 0, 1), repeat=flips):
            near = codes.copy()
            near[list(places)] += signs
            found.append(near)
    return np.array(found)


@pytest.mark.parametrize(("pairs", "flips"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_descent_ends_where_no_neighbour_is_better(pairs: bool, flips: int, seed: int) -> None:
    weights, gram, grid = case = instance(seed, 4, 12, 3)
    start = grid.clip(np.random.default_rng(seed).integers(-4, 4, size=(4, 12)).astype(float))
    end = descend(*case, start, pairs=pairs)
    assert grid.holds(end).all()
    assert (costs(case, end) < costs(case, start)).all()
    for w, scale, codes in zip(weights, grid.scales, end, strict=True):
        near = neighbours(codes, flips)
        near = near[grid.holds(near).all(axis=1)]
        row = (w[None], gram, Grid(3, np.repeat(scale, len(near))))
        own = (w[None], gram, Grid(3, np.array([scale])))
        assert costs(row, near).min() >= costs(own, codes[None])[0] * (1 - 1e-9)
