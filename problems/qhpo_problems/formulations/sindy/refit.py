"""What is left unexplained when chosen terms are fitted by least squares.

Glossary
--------
d, k
    Candidate terms; how many are chosen.
A, b
    Terms, shape (q, d), and what a combination of them should be, shape (q,).
S
    The chosen terms; x is S as bits, shape (d,).
E(S)
    min over xi of abs(b - A_S xi)^2 / abs(b)^2, from 0 to 1.
Q, R
    Of the QR decomposition of A with columns of length 1. E needs no more than R, shape (d, d), and
    Q'b / abs(b).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhpo.errors import QhpoError

__all__ = ["RefitErrors"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_TOGETHER = 2048
"""Choices that are computed at a time, which bounds the memory."""


class RefitErrors:
    """E(S) of many choices at once.

    Args:
        terms: A, shape (q, d), q at least d.
        target: b, shape (q,).

    Raises:
        QhpoError: If shapes disagree, or a column or the target is zero.
    """

    def __init__(self, terms: FloatArray, target: FloatArray) -> None:
        if terms.ndim != 2 or terms.shape[0] < terms.shape[1] or target.shape != terms.shape[:1]:
            raise QhpoError(
                "terms need shape (q, d) with q at least d, and the target (q,); "
                f"got {terms.shape} and {target.shape}"
            )
        self._lengths = np.linalg.norm(terms, axis=0)
        self._length = float(np.linalg.norm(target))
        if not (self._lengths.all() and self._length):
            raise QhpoError(
                "no term and no target may be zero everywhere; got such a one; "
                "leave out variables that do not change"
            )
        orthogonal, self._r = np.linalg.qr(terms / self._lengths)
        self._b = orthogonal.T @ (target / self._length)

    @property
    def n_terms(self) -> int:
        """How many terms there are, d."""
        return len(self._lengths)

    def of(self, bits: ArrayLike) -> FloatArray:
        """E of rows of bits, shape (p, d) -> (p,)."""
        chosen = np.asarray(bits, dtype=np.bool_)
        errors = np.empty(len(chosen))
        sizes = chosen.sum(axis=1)
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            for some in np.array_split(rows, -(-len(rows) // _TOGETHER)):
                errors[some] = self._of_size(chosen[some].nonzero()[1].reshape(len(some), size))
        return errors

    def coefficients(self, chosen: IntArray) -> FloatArray:
        """The fit by the chosen terms, xi, in the unit of b / A.

        Args:
            chosen: Their numbers, shape (k,).

        Returns:
            Shape (k,).
        """
        fitted = np.linalg.lstsq(self._r[:, chosen], self._b, rcond=None)[0]
        scaled: FloatArray = fitted * self._length / self._lengths[chosen]
        return scaled

    def _of_size(self, chosen: IntArray) -> FloatArray:
        """E of choices of equally many terms, shape (p, k) -> (p,)."""
        columns = np.moveaxis(self._r[:, chosen], 0, 1)
        basis = np.linalg.qr(columns)[0]
        explained = ((self._b @ basis) ** 2).sum(axis=1)
        # Rounding can explain a little more than everything there is.
        errors: FloatArray = np.maximum(1.0 - explained, 0.0)
        return errors
