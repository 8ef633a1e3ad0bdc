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

from dataclasses import dataclass
from functools import cached_property

import dimod
import numpy as np
from numpy.typing import NDArray

__all__ = ["OneHotEncoding", "PairTables"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class PairTables:
    """The biases of a DQM as dense arrays.

    Attributes:
        starts: First case of every variable and the total, shape (d + 1,).
        linear: h, shape (D,).
        quadratic: J, shape (D, D), symmetric, zero between cases of one variable.
        offset: Constant energy.
    """

    starts: IntArray
    linear: FloatArray
    quadratic: FloatArray
    offset: float

    @classmethod
    def from_dqm(cls, dqm: dimod.DiscreteQuadraticModel) -> PairTables:
        """The biases of a DQM, its variables in their order."""
        vectors = dqm.to_numpy_vectors(return_offset=True)
        n_cases = len(vectors.linear_biases)
        starts = np.append(vectors.case_starts, n_cases).astype(np.intp)
        rows, columns, biases = vectors.quadratic
        quadratic = np.zeros((n_cases, n_cases))
        quadratic[rows, columns] = biases
        quadratic[columns, rows] = biases
        return cls(
            starts, np.asarray(vectors.linear_biases, float), quadratic, float(vectors.offset)
        )

    @property
    def n_variables(self) -> int:
        """Number of discrete variables, d."""
        return len(self.starts) - 1

    @cached_property
    def block(self) -> IntArray:
        """The variable every case belongs to, shape (D,)."""
        return np.repeat(np.arange(self.n_variables), np.diff(self.starts))

    def energies(self, cases: IntArray) -> FloatArray:
        """Energies of configurations, shape (q, d) of case indices within each variable -> (q,)."""
        selected = cases + self.starts[:-1]
        linear = self.linear[selected].sum(axis=1)
        pairs = self.quadratic[selected[:, :, None], selected[:, None, :]].sum(axis=(1, 2))
        energies: FloatArray = linear + 0.5 * pairs + self.offset
        return energies

    def local_fields(self, cases: IntArray) -> FloatArray:
        """Energy of every case given the rest of the configuration, (q, d) -> (q, D)."""
        selected = cases + self.starts[:-1]
        fields: FloatArray = self.linear + self.quadratic[selected].sum(axis=1)
        return fields

    @cached_property
    def field_scale(self) -> float:
        """Standard deviation of a case's local field, the model's own energy scale.

        Taken over uniformly random configurations, around the mean field of the case's variable.
        """
        sizes = np.diff(self.starts)
        weight = 1.0 / sizes[self.block]
        mean_field = self.linear + self.quadratic @ weight
        # Variance over the other variables' uniform cases: E[J^2] - E[J]^2 per block, summed.
        sums = np.add.reduceat(self.quadratic, self.starts[:-1], axis=1) / sizes
        squares = np.add.reduceat(self.quadratic**2, self.starts[:-1], axis=1) / sizes
        fluctuation = (squares - sums**2).sum(axis=1)
        block_mean = np.add.reduceat(mean_field, self.starts[:-1]) / sizes
        spread = (mean_field - block_mean[self.block]) ** 2 + fluctuation
        scale = float(np.sqrt(spread @ weight / self.n_variables))
        return scale if scale > 0.0 else 1.0

    def descend(self, cases: IntArray) -> IntArray:
        """Categorical coordinate descent, until no single change lowers the energy.

        Each variable in turn takes its case of lowest energy given the others.

        Args:
            cases: Configurations, shape (q, d). Not modified.

        Returns:
            Local minima, shape (q, d), of energies no higher than before.
        """
        current = cases.copy()
        fields = self.local_fields(current)
        movable = np.flatnonzero(np.diff(self.starts) > 1)
        everyone = np.arange(len(current))
        while True:
            changed = False
            for i in movable.tolist():
                start, stop = self.starts[i], self.starts[i + 1]
                block = fields[:, start:stop]
                best = block.argmin(axis=1)
                gain = block[everyone, current[:, i]] - block[everyone, best]
                moved = np.flatnonzero(gain > 1e-12)
                if len(moved):
                    changed = True
                    fields[moved] += (
                        self.quadratic[start + best[moved]]
                        - self.quadratic[start + current[moved, i]]
                    )
                    current[moved, i] = best[moved]
            if not changed:
                return current


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

    def __init__(self, tables: PairTables, penalty: float | None = None) -> None:
        self.tables = tables
        sufficient, shift = self._balance()
        self.penalty = sufficient if penalty is None else penalty
        self.bqm = self._encode(shift)

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

    def decode(self, samples: NDArray[np.int8]) -> IntArray:
        """Cases of binary samples; a block with none or several ones is repaired.

        Such a block takes the case of lowest local field, among its ones if it has any, given the
        valid blocks.

        Args:
            samples: Shape (q, D), columns in the order 0..D-1.

        Returns:
            Case indices within each variable, shape (q, d).
        """
        tables = self.tables
        starts = tables.starts[:-1]
        counts = np.add.reduceat(samples.astype(np.intp), starts, axis=1)
        valid = counts == 1
        trusted = samples * valid[:, tables.block]
        fields = tables.linear + trusted @ tables.quadratic
        allowed = (samples == 1) | (counts == 0)[:, tables.block]
        fields = np.where(allowed, fields, np.inf)
        cases = np.empty((len(samples), tables.n_variables), dtype=np.intp)
        for i, (start, stop) in enumerate(zip(starts, tables.starts[1:], strict=True)):
            cases[:, i] = fields[:, start:stop].argmin(axis=1)
        return cases
