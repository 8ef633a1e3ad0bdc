"""Up or down: the rounding of one row of weights as a QUBO.

M. Nagel et al., "Up or down? Adaptive rounding for post-training quantization", ICML 2020: rounding
each weight to the nearer grid point is not best for what the layer puts out, and to choose the
upper or the lower one for each weight is a QUBO. Its quadratic form is, for each row of a layer,
that of the second moments of the layer's inputs, E[xx'] (their section 3.2).

Glossary
--------
w, H, s, c, e
    As in `qhpo_problems.formulations.quantization.grid`, of one row: w, c and e have shape (in,).
l
    Lower codes, shape (in,).
x
    Bits, shape (in,): the code is c = l + x, so that 1 means up.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.base import Formulation
from qhpo_problems.formulations.model import BinaryModel
from qhpo_problems.formulations.quantization.grid import Grid

__all__ = ["RowRounding", "lower_codes"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class RowRounding(Formulation[IntArray]):
    """The codes of one row: lower or upper for each weight; the cost is e'He.

    Args:
        weights: w, shape (in,).
        gram: H, shape (in, in).
        scale: s, positive, in the unit of the weights.
        lower: l, shape (in,).

    Raises:
        QhpoError: If shapes disagree, or the scale is not positive.
    """

    def __init__(
        self, weights: FloatArray, gram: FloatArray, scale: float, lower: IntArray
    ) -> None:
        width = len(weights)
        if gram.shape != (width, width) or lower.shape != (width,):
            raise QhpoError(
                f"a row of {width} weights needs a gram matrix of shape {(width, width)} and lower "
                f"codes of shape {(width,)}; got {gram.shape} and {lower.shape}"
            )
        if not scale > 0:
            raise QhpoError(f"a scale must be positive; got {scale}")
        self._weights, self._gram = weights, gram
        self._scale, self._lower = scale, lower

    @cached_property
    def model(self) -> BinaryModel:
        """(e + s x)'H(e + s x) with the errors e of the lower codes."""
        error = self._scale * self._lower - self._weights
        slopes = self._gram @ error
        return BinaryModel(
            2.0 * self._scale**2 * self._gram, 2.0 * self._scale * slopes, float(error @ slopes)
        )

    def solution_of(self, bits: NDArray[np.intp]) -> IntArray:
        return self._lower + bits

    def objective(self, solution: IntArray) -> float:
        error = self._scale * solution - self._weights
        return float(error @ self._gram @ error)


def lower_codes(weights: FloatArray, grid: Grid, codes: IntArray | None = None) -> IntArray:
    """Lower codes of all rows, such that both codes of every weight are on the grid.

    Args:
        weights: w, shape (rows, in).
        grid: Of these rows.
        codes: Codes that shall be among the two of each weight, shape (rows, in); the other one is
            the next towards the weight. None for those around the weight.
    """
    if codes is None:
        lower = np.floor(weights / grid.scales[:, None])
    else:
        lower = codes - (grid.values(codes) > weights)
    return np.clip(lower, grid.lowest, grid.highest - 1).astype(np.int64)
