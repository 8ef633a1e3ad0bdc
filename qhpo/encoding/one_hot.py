"""One-hot encoding: a DiscreteQuadraticModel as a BinaryQuadraticModel, and samples back.

Glossary
--------
D
    Cases of all variables of the DQM together. Binary variable r is case r, in the order of the
    DQM's variables: 1 means that the variable takes this case.
h, J
    Linear biases, shape (D,), and symmetric quadratic biases, shape (D, D), zero inside a block.
    The energy of a one-hot x is h'x + x'Jx/2 + offset.
P
    Penalty: the encoded energy adds P (sum of a block - 1)^2 per block. A shift of each block's
    biases balances the two ways to break it: two ones cost P + shift, none costs P - shift.
"""

from __future__ import annotations

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.repair import one_hot_cases, ones

__all__ = ["OneHotEncoding"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class OneHotEncoding:
    """One-hot form of a DQM.

    Args:
        tables: The DQM as dense arrays.
        penalty: P. None takes `sufficient_penalty`, the least that is proven to keep the ground
            state; annealers do better below it, followed by `decode`, which repairs.

    Attributes:
        tables: The DQM as dense arrays.
        penalty: P, the energy added per unit of violation.
        bqm: The encoded model over binary variables 0..D-1. The energy of a valid assignment
            equals the DQM's.
    """

    def __init__(self, tables: DenseDQM, penalty: float | None = None) -> None:
        self.tables = tables
        sufficient, shift = self._balance()
        self.penalty = sufficient if penalty is None else penalty
        self.bqm = self._encode(shift)

    @staticmethod
    def count_bits(sizes: IntArray) -> int:
        """Bits that variables with these numbers of cases take: one per case.

        A variable of one case takes one too; `qhpo.encoding.reduction` leaves none of them.
        """
        return int(sizes.sum())

    def _balance(self) -> tuple[float, FloatArray]:
        """The sufficient penalty, and what to add to the biases of every block, shape (d,).

        Take a ground state of the encoded model. If its fullest block holds s >= 2 ones, turning
        one of them, r, off lowers the penalty by (2 s - 3) P and raises the rest by at most
        s N_r - h_r, where N_r sums over the other blocks the largest -J_rm above 0; s = 2 is the
        worst case. If no block holds two but one holds none, turning r on lowers the penalty by P
        and raises the rest by at most h_r + (the largest J_rm above 0, summed over blocks). Adding
        the same amount to all cases of a block changes valid energies by a constant, and balances
        the two bounds.
        """
        tables = self.tables
        starts = tables.starts[:-1]
        negative = np.maximum.reduceat(np.maximum(-tables.quadratic, 0.0), starts, axis=1)
        positive = np.maximum.reduceat(np.maximum(tables.quadratic, 0.0), starts, axis=1)
        off = np.maximum.reduceat(2.0 * negative.sum(axis=1) - tables.linear, starts)
        on = np.minimum.reduceat(positive.sum(axis=1) + tables.linear, starts)
        shift = 0.5 * (off - on)
        sufficient = max(float((0.5 * (off + on)).max(initial=0.0)), 0.0)
        return sufficient * (1.0 + 1e-6) + 1e-9, shift

    def _encode(self, shift: FloatArray) -> dimod.BinaryQuadraticModel:
        tables = self.tables
        n_cases = len(tables.linear)
        rows, columns = np.triu_indices(n_cases, 1)
        same_block = tables.block[rows] == tables.block[columns]
        biases = tables.quadratic[rows, columns] + 2.0 * self.penalty * same_block
        return dimod.BinaryQuadraticModel.from_numpy_vectors(
            tables.linear + shift[tables.block] - self.penalty,
            (rows, columns, biases),
            tables.offset + self.penalty * tables.n_variables - float(shift.sum()),
            dimod.BINARY,
            variable_order=range(n_cases),
        )

    def is_valid(self, samples: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which samples have a single one in every block, shape (q, D) -> (q,)."""
        valid: NDArray[np.bool_] = (ones(self.tables, samples) == 1).all(axis=1)
        return valid

    def decode(self, samples: NDArray[np.int8]) -> IntArray:
        """Cases of binary samples; a block with none or several ones is repaired.

        See `one_hot_cases`.

        Args:
            samples: Shape (q, D), columns in the order 0..D-1.

        Returns:
            Case indices within each variable, shape (q, d).
        """
        return one_hot_cases(self.tables, samples)
