"""Small regressions whose terms are correlated, so that they stand for one another."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from qhpo_problems.formulations.sindy import RefitErrors


def regression(seed: int, terms: int = 8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Terms, shape (40, terms), and a target of three of them with noise."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(40, 3)) @ rng.normal(size=(3, terms)) + rng.normal(size=(40, terms))
    target = matrix[:, :3] @ [1.0, -2.0, 1.5] + 0.3 * rng.normal(size=40)
    return matrix, target


def refit_errors(seed: int, terms: int = 8) -> RefitErrors:
    return RefitErrors(*regression(seed, terms))


def every_choice(terms: int, count: int) -> NDArray[np.intp]:
    choices = list(itertools.combinations(range(terms), count))
    bits = np.zeros((len(choices), terms), dtype=np.intp)
    for row, chosen in zip(bits, choices, strict=True):
        row[list(chosen)] = 1
    return bits
