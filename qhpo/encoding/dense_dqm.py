"""A DiscreteQuadraticModel as dense arrays: what models are made as, encoded from and solved as.

A `dimod.DiscreteQuadraticModel` is made of them only where dimod needs one.

Glossary
--------
d, D
    Variables of the DQM; cases of all of them together, in the order of its variables.
case
    Number of a value of one variable, from 0.
h, J
    Linear biases, shape (D,), and symmetric quadratic biases, shape (D, D), zero inside a block.
    The energy of a configuration x, as D zeros and ones, is h'x + x'Jx/2 + offset.
block
    The cases of one variable.
local field
    Energy that a case contributes, given the cases of the other variables.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import dimod
import numpy as np
from numpy.typing import NDArray

__all__ = ["DenseDQM"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_LEAST_GAIN = 1e-12
"""What a change must gain to be made. Rounding stays below it where energies are of the order of
one, as the surrogate's are, so that a descent ends."""

_FLAT = 1e-7
"""Deviations of local fields that are no larger count as none, in units of the largest bias: their
squares cancel to half of the digits of a float."""


@dataclass(frozen=True)
class DenseDQM:
    """A DQM as dense arrays; its variables are numbered.

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
    def from_upper(
        cls, starts: IntArray, linear: FloatArray, quadratic: FloatArray, offset: float
    ) -> DenseDQM:
        """The model of the biases above the blocks of a matrix; the rest of it is not read.

        Args:
            starts: See `DenseDQM`.
            linear: See `DenseDQM`.
            quadratic: Shape (D, D). Where it is symmetric only up to rounding, what is made of it
                is exactly so.
            offset: Constant energy.
        """
        sizes = np.diff(starts)
        block = np.repeat(np.arange(len(sizes)), sizes)
        upper = np.where(block[:, None] < block, quadratic, 0.0)
        return cls(starts, linear, upper + upper.T, float(offset))

    @classmethod
    def from_dqm(cls, dqm: dimod.DiscreteQuadraticModel) -> DenseDQM:
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

    def to_dqm(self, labels: Sequence[Hashable] | None = None) -> dimod.DiscreteQuadraticModel:
        """The DQM with these biases; a pair of cases without a bias becomes no interaction.

        Args:
            labels: Names of the variables, shape (d,). None numbers them from 0.
        """
        rows, columns = np.nonzero(np.triu(self.quadratic, 1))
        dqm: dimod.DiscreteQuadraticModel = dimod.DiscreteQuadraticModel.from_numpy_vectors(
            self.starts[:-1],
            self.linear,
            (rows, columns, self.quadratic[rows, columns]),
            labels=labels,
            offset=self.offset,
        )
        return dqm

    @property
    def n_variables(self) -> int:
        """Number of discrete variables, d."""
        return len(self.starts) - 1

    @property
    def n_couplers(self) -> int:
        """Number of pairs of cases with a bias that is not 0."""
        return int(np.count_nonzero(self.quadratic)) // 2

    @cached_property
    def sizes(self) -> IntArray:
        """Number of cases of every variable, shape (d,)."""
        return np.diff(self.starts)

    @cached_property
    def block(self) -> IntArray:
        """The variable every case belongs to, shape (D,)."""
        return np.repeat(np.arange(self.n_variables), self.sizes)

    def of_variables(self, variables: IntArray, weights: FloatArray) -> DenseDQM:
        """The model of some variables, the others fixed.

        Args:
            variables: Which variables, increasing, shape (k,).
            weights: How much there is of every case, shape (D,): 1 of the fixed variables' cases, 0
                of others; those of the chosen variables are not read.
        """
        is_chosen = np.isin(self.block, variables)
        cases = np.flatnonzero(is_chosen)
        fixed = np.where(is_chosen, 0.0, weights)
        fields = self.quadratic @ fixed
        offset = self.offset + float(self.linear @ fixed + 0.5 * fixed @ fields)
        return DenseDQM(
            np.append(0, np.cumsum(self.sizes[variables])).astype(np.intp),
            self.linear[cases] + fields[cases],
            self.quadratic[np.ix_(cases, cases)],
            offset,
        )

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

        Taken over uniformly random configurations, around the mean field of the case's variable;
        1 where no variable's cases differ.
        """
        sizes = self.sizes
        weight = 1.0 / sizes[self.block]
        mean_field = self.linear + self.quadratic @ weight
        # Variance over the other variables' uniform cases: E[J^2] - E[J]^2 per block, summed.
        sums = np.add.reduceat(self.quadratic, self.starts[:-1], axis=1) / sizes
        squares = np.add.reduceat(self.quadratic**2, self.starts[:-1], axis=1) / sizes
        fluctuation = (squares - sums**2).sum(axis=1)
        block_mean = np.add.reduceat(mean_field, self.starts[:-1]) / sizes
        spread = (mean_field - block_mean[self.block]) ** 2 + fluctuation
        variance = float(spread @ weight) / max(self.n_variables, 1)
        scale = float(np.sqrt(max(variance, 0.0)))
        largest = np.abs(self.quadratic).max(initial=np.abs(self.linear).max(initial=0.0))
        return scale if scale > _FLAT * float(largest) else 1.0

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
        movable = np.flatnonzero(self.sizes > 1)
        everyone = np.arange(len(current))
        while True:
            changed = False
            for i in movable.tolist():
                start, stop = self.starts[i], self.starts[i + 1]
                block = fields[:, start:stop]
                best = block.argmin(axis=1)
                gain = block[everyone, current[:, i]] - block[everyone, best]
                moved = np.flatnonzero(gain > _LEAST_GAIN)
                if len(moved):
                    changed = True
                    fields[moved] += (
                        self.quadratic[start + best[moved]]
                        - self.quadratic[start + current[moved, i]]
                    )
                    current[moved, i] = best[moved]
            if not changed:
                return current
