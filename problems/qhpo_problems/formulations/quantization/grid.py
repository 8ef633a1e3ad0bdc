"""Grids of a few bits for rows of weights, and the two simplest ways to round to them.

Glossary
--------
w
    Weights, shape (rows, in).
H
    Second moments of the layer's inputs, shape (in, in), symmetric, positive semidefinite.
s
    Scales, shape (rows,), positive: the distance of neighbouring grid points of a row.
c
    Codes, whole numbers, shape (rows, in), from -2**(bits - 1) to 2**(bits - 1) - 1.
e
    Rounding errors s c - w, shape (rows, in). A row costs e'He: the mean square by which rounding
    changes its output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError

__all__ = ["Grid", "cheaper", "damped", "feed_back", "fit_grid", "greedy", "output_errors"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_SHRINKS = np.linspace(1.0, 0.3, 36)
"""Scales tried, in units of the one that reaches a row's largest weight: smaller ones clip it."""

_DAMPING = 0.01
"""Added to the diagonal of H before it is inverted, in units of its mean, as GPTQ does."""


@dataclass(frozen=True)
class Grid:
    """The values that the weights of each row may take.

    Attributes:
        bits: 2 to 8.
        scales: s, shape (rows,).
    """

    bits: int
    scales: FloatArray

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise QhpoError(f"bits must be 2 to 8; got {self.bits}")

    @property
    def lowest(self) -> int:
        """The smallest code."""
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        """The largest code."""
        return (1 << (self.bits - 1)) - 1

    def clip(self, codes: FloatArray) -> IntArray:
        """Whole numbers as codes of the grid."""
        return np.clip(codes, self.lowest, self.highest).astype(np.int64)

    def holds(self, codes: IntArray) -> NDArray[np.bool_]:
        """Which whole numbers are codes of the grid, of any shape."""
        inside: NDArray[np.bool_] = (codes >= self.lowest) & (codes <= self.highest)
        return inside

    def nearest(self, weights: FloatArray) -> IntArray:
        """The code nearest to each weight, (rows, in) -> (rows, in)."""
        return self.clip(np.rint(weights / self.scales[:, None]))

    def values(self, codes: IntArray) -> FloatArray:
        """The weights that codes stand for, (rows, in) -> (rows, in)."""
        values: FloatArray = self.scales[:, None] * codes
        return values


def output_errors(gram: FloatArray, errors: FloatArray) -> FloatArray:
    """The cost e'He of every row, (in, in) and (rows, in) -> (rows,)."""
    costs: FloatArray = np.einsum("ri,ri->r", errors @ gram, errors)
    return costs


def cheaper(
    weights: FloatArray, gram: FloatArray, grid: Grid, one: IntArray, other: IntArray
) -> IntArray:
    """Of each row the codes that cost less, shape (rows, in); of equals the first."""
    first, second = (output_errors(gram, grid.values(c) - weights) for c in (one, other))
    return np.where((first <= second)[:, None], one, other)


def fit_grid(weights: FloatArray, gram: FloatArray, bits: int) -> Grid:
    """The grid of each row whose nearest rounding costs least, of 36 scales.

    Args:
        weights: w, shape (rows, in).
        gram: H, shape (in, in).
        bits: 2 to 8.

    Raises:
        QhpoError: If ``bits`` is out of range.
    """
    largest = np.abs(weights).max(axis=1)
    # A row of zeros is exact on every grid.
    reach = np.where(largest > 0, largest, 1.0) / Grid(bits, np.ones(1)).highest
    grids = [Grid(bits, shrink * reach) for shrink in _SHRINKS]
    costs = [output_errors(gram, g.values(g.nearest(weights)) - weights) for g in grids]
    return Grid(bits, _SHRINKS[np.argmin(costs, axis=0)] * reach)


def greedy(weights: FloatArray, gram: FloatArray, grid: Grid) -> IntArray:
    """Rounding with error feedback: what one weight's rounding does, later ones make up for.

    E. Frantar et al., "GPTQ: Accurate post-training quantization for generative pre-trained
    transformers", ICLR 2023, eq. 2 and 3: weights are rounded one after the other, those of large
    inputs first, and each error is spread over the weights that are still free, by which the
    output changes least.

    Args:
        weights: w, shape (rows, in).
        gram: H, shape (in, in).
        grid: What to round to.

    Returns:
        Codes, shape (rows, in).
    """
    order = np.argsort(-np.diag(gram), kind="stable")
    inverse = np.asarray(np.linalg.inv(damped(gram)[np.ix_(order, order)]), float)
    codes = np.empty(weights.shape, dtype=np.int64)
    codes[:, order] = feed_back(weights[:, order], inverse, grid)
    return codes


def feed_back(weights: FloatArray, inverse: FloatArray, grid: Grid) -> IntArray:
    """The core of `greedy`: rounding from the first weight to the last.

    Args:
        weights: Values to be rounded, shape (rows, in).
        inverse: Of H, positive definite, shape (in, in).
        grid: What to round to.

    Returns:
        Codes, shape (rows, in).
    """
    # Row i of the factor is, but for a constant, row i of the inverse of H without weights < i.
    factor = np.linalg.cholesky(inverse).T
    left = weights.copy()
    codes = np.empty(left.shape, dtype=np.int64)
    for i in range(left.shape[1]):
        codes[:, i] = grid.clip(np.rint(left[:, i] / grid.scales))
        error = (left[:, i] - grid.scales * codes[:, i]) / factor[i, i]
        left[:, i + 1 :] -= error[:, None] * factor[i, i + 1 :]
    return codes


def damped(gram: FloatArray) -> FloatArray:
    """H with a little added to its diagonal, which makes it positive definite."""
    regular = gram.copy()
    mean = float(np.trace(gram)) / len(gram)
    # Inputs that are always zero everywhere leave nothing to scale by.
    regular[np.diag_indices_from(regular)] += _DAMPING * mean if mean > 0 else 1.0
    return regular
