"""Dense arrays as a BinaryQuadraticModel."""

from __future__ import annotations

import dimod
import numpy as np
from numpy.typing import NDArray

__all__ = ["dense_bqm"]


def dense_bqm(
    linear: NDArray[np.float64], quadratic: NDArray[np.float64], offset: float
) -> dimod.BinaryQuadraticModel:
    """The model with the energy ``linear'x + sum over r < s of quadratic[r, s] x_r x_s + offset``.

    Args:
        linear: Shape (B,).
        quadratic: Shape (B, B). Only what is above its diagonal is read; zeros become no couplers.
        offset: Constant energy.

    Returns:
        A model over the binary variables 0..B-1, in this order.
    """
    rows, columns = np.nonzero(np.triu(quadratic, 1))
    return dimod.BinaryQuadraticModel.from_numpy_vectors(
        linear,
        (rows, columns, quadratic[rows, columns]),
        offset,
        dimod.BINARY,
        variable_order=range(len(linear)),
    )
