"""The choice of terms as a quadratic model that is exact nearby.

The error after a refit, E(S), is no quadratic function of the choice. Every function of bits is,
though, a sum over the sets of bits that differ from a reference, and this is cut off after the
pairs:

    F(S) = E_0 + sum_{i in D} E_i + sum_{i < j in D} E_ij,    D = S xor S_0,
    E_0 = E(S_0),  E_i = E(S_0 xor {i}) - E_0,  E_ij = E(S_0 xor {i, j}) - E_i - E_j - E_0.

F is E wherever at most two terms differ from the reference, such as after any exchange, and
everywhere if the terms are orthogonal. Beyond, what two changes do together is known, and what
three do only together is left out. The minimum of F becomes the next reference, see
`qhpo_problems.formulations.sindy.search`.

The glossary is that of `qhpo_problems.formulations.sindy.refit`; S_0 is the reference, and s_i is
-1 for its terms and 1 for the others, so that bit i differs by s_i (x_i - x0_i), 0 or 1.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.base import Formulation
from qhpo_problems.formulations.model import BinaryModel
from qhpo_problems.formulations.sindy.refit import RefitErrors

__all__ = ["TermSelection"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class TermSelection(Formulation[IntArray]):
    """As many terms as the reference has; a solution is their numbers, sorted; minimized is F.

    Args:
        errors: E of d terms.
        reference: S_0 as bits, shape (d,).

    Raises:
        QhpoError: If the reference is not d bits.
    """

    def __init__(self, errors: RefitErrors, reference: IntArray) -> None:
        if reference.shape != (errors.n_terms,) or not np.isin(reference, (0, 1)).all():
            raise QhpoError(
                f"a reference is {errors.n_terms} bits of 0 or 1, one a term; "
                f"got an array of shape {reference.shape}"
            )
        self._errors, self._reference = errors, reference

    @cached_property
    def model(self) -> BinaryModel:
        """F as a function of x; bit i is 1 if term i is chosen."""
        d, start = len(self._reference), self._reference
        changes = np.eye(d, dtype=np.intp)
        rows, columns = np.triu_indices(d, 1)
        first = self._errors.of(start ^ changes)
        second = self._errors.of(start ^ (changes[rows] | changes[columns]))
        zeroth = float(self._errors.of(start[None, :])[0])
        single = first - zeroth
        pairs = np.zeros((d, d))
        pairs[rows, columns] = second - single[rows] - single[columns] - zeroth
        pairs += pairs.T
        sign = 1.0 - 2.0 * start
        quadratic = pairs * sign[:, None] * sign
        linear = single * sign - quadratic @ start
        offset = zeroth - float(single * sign @ start) + 0.5 * float(start @ quadratic @ start)
        return BinaryModel(quadratic, linear, offset, int(start.sum()))

    def solution_of(self, bits: IntArray) -> IntArray:
        return np.flatnonzero(bits)

    def objective(self, solution: IntArray) -> float:
        chosen = np.isin(np.arange(len(self._reference)), solution)
        differ = np.flatnonzero(chosen != self._reference).tolist()
        zeroth = self._changed()
        single = {i: self._changed(i) - zeroth for i in differ}
        pairs = [
            self._changed(i, j) - single[i] - single[j] - zeroth for i, j in combinations(differ, 2)
        ]
        return zeroth + sum(single.values()) + sum(pairs)

    def _changed(self, *terms: int) -> float:
        """E with some terms otherwise than in the reference."""
        bits = self._reference.copy()
        bits[list(terms)] ^= 1
        return float(self._errors.of(bits[None, :])[0])
