"""Domain-wall encoding: one bit less per variable than one-hot, and few ways to be invalid.

N. Chancellor, "Domain wall encoding of discrete variables for quantum annealing and QAOA",
Quantum Science and Technology 4, 045004 (2019), in zeros and ones instead of spins.

Glossary
--------
d, D, B
    Variables of the DQM; cases of all of them together; bits, B = D - d.
h, J
    Linear biases, shape (D,), and symmetric quadratic biases, shape (D, D), zero inside a block.
s
    Bits. A variable of L cases has s_1..s_{L-1}, between a fixed s_0 = 1 and a fixed s_L = 0.
    Case k is k ones followed by zeros.
x
    x_k = s_k - s_{k+1}, what stands for "the variable takes case k", shape (D,). A block of x sums
    to 1 whatever its bits: 1 at a wall, a one followed by a zero; -1 at a wrong wall, a zero
    followed by a one. The energy of x is h'x + x'Jx/2 + offset, so that of s is quadratic.
P
    Penalty: the encoded energy adds P per wrong wall, P s_{k+1} (1 - s_k).
"""

from __future__ import annotations

import itertools

import dimod
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from qhpo.encoding.dense_dqm import DenseDQM
from qhpo.encoding.repair import repaired

__all__ = ["DomainWallEncoding"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class DomainWallEncoding:
    """Domain-wall form of a DQM.

    Args:
        tables: The DQM as dense arrays.
        penalty: P. None takes the sufficient penalty, which is proven to keep the ground state;
            a smaller one often does too.

    Attributes:
        tables: The DQM as dense arrays.
        penalty: P, the energy added per wrong wall.
        bqm: The encoded model over binary variables 0..B-1, the bits of the variables in their
            order. The energy of a valid assignment equals the DQM's.
    """

    def __init__(self, tables: DenseDQM, penalty: float | None = None) -> None:
        self.tables = tables
        self._first = tables.starts[:-1]
        # The case x_k that bit s_k adds to; it takes from the case before.
        self._case = np.delete(np.arange(len(tables.linear)), self._first)
        self._block = tables.block[self._case]
        self.penalty = self._sufficient_penalty() if penalty is None else penalty
        self.bqm = self._encode()

    @staticmethod
    def count_bits(sizes: IntArray) -> int:
        """Bits that variables with these numbers of cases take: one less than cases, each."""
        return int((sizes - 1).sum())

    def _sufficient_penalty(self) -> float:
        """A penalty under which every invalid assignment is above one with a wrong wall fewer.

        Take a wrong wall of a block, at case b. Turning the run of zeros before it into ones
        removes it together with the wall at some case a < b, which raises the rest by f_b - f_a,
        f being the local fields; turning the run of ones after it into zeros removes it with the
        wall at some c > b, at f_b - f_c. The other blocks, valid or not, can be any bits, and
        f_b - f_a is linear in these bits, so its maximum U(b, a) is exactly

            m_b - m_a + |v_b - v_a|_1 / 2,

        where v_r, shape (B,), is what each bit changes in f_r, and m_r is the middle of the range
        of f_r: h_r + half the sum of v_r + what the first cases of the other blocks give. The
        better of the two ways raises the rest by at most min(max_a U(b, a), max_c U(b, c)). A P
        above that, for all b between the ends of a block, makes one of the ways an improvement.
        """
        tables = self.tables
        changes = self._by_bit(tables.quadratic)
        middle = tables.linear + tables.quadratic[:, self._first].sum(axis=1)
        middle += 0.5 * changes.sum(axis=1)
        sufficient = 0.0
        for start, stop in itertools.pairwise(tables.starts.tolist()):
            if stop - start > 2:
                block = slice(start, stop)
                rise = np.subtract.outer(middle[block], middle[block])
                rise += 0.5 * cdist(changes[block], changes[block], "cityblock")
                before = np.tri(stop - start, k=-1, dtype=np.bool_)
                left = np.where(before, rise, -np.inf).max(axis=1)
                right = np.where(before.T, rise, -np.inf).max(axis=1)
                sufficient = max(sufficient, float(np.minimum(left, right)[1:-1].max()))
        return sufficient * (1.0 + 1e-6) + 1e-9

    def _by_bit(self, of_cases: FloatArray) -> FloatArray:
        """What each bit changes in a linear function of x, shape (..., D) -> (..., B)."""
        of_bits: FloatArray = of_cases[..., self._case] - of_cases[..., self._case - 1]
        return of_bits

    def _encode(self) -> dimod.BinaryQuadraticModel:
        tables = self.tables
        # Without bits, x is the first case of every variable.
        at_first = tables.quadratic[:, self._first].sum(axis=1)
        linear = self._by_bit(tables.linear + at_first)
        quadratic = self._by_bit(self._by_bit(tables.quadratic).T)
        pairs = np.flatnonzero(self._block[:-1] == self._block[1:])
        linear[pairs + 1] += self.penalty
        quadratic[pairs, pairs + 1] -= self.penalty
        offset = tables.offset + (tables.linear + 0.5 * at_first)[self._first].sum()
        rows, columns = np.nonzero(np.triu(quadratic, 1))
        return dimod.BinaryQuadraticModel.from_numpy_vectors(
            linear,
            (rows, columns, quadratic[rows, columns]),
            float(offset),
            dimod.BINARY,
            variable_order=range(len(linear)),
        )

    def is_valid(self, samples: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which samples have no wrong wall, shape (q, B) -> (q,)."""
        valid: NDArray[np.bool_] = (self._walls(samples) != -1).all(axis=1)
        return valid

    def _walls(self, samples: NDArray[np.int8]) -> NDArray[np.int8]:
        """X of samples, shape (q, B) -> (q, D)."""
        walls = np.zeros((len(samples), len(self.tables.linear)), dtype=np.int8)
        walls[:, self._first] = 1
        walls[:, self._case] += samples
        walls[:, self._case - 1] -= samples
        return walls

    def decode(self, samples: NDArray[np.int8]) -> IntArray:
        """Cases of binary samples; a block with wrong walls is repaired.

        Such a block takes, of the cases at its walls, the one of lowest local field given the
        valid blocks. It has at least two, as its walls are one more than its wrong walls.

        Args:
            samples: Shape (q, B), columns in the order 0..B-1.

        Returns:
            Case indices within each variable, shape (q, d).
        """
        walls = self._walls(samples)
        broken = np.logical_or.reduceat(walls == -1, self._first, axis=1)
        return repaired(self.tables, walls == 1, ~broken)
