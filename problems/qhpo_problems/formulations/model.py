"""A dense quadratic model of bits, optionally with a fixed number of ones.

Glossary
--------
n, k
    Bits; how many of them are 1, where that is fixed.
x
    Bits, 0 or 1, shape (n,); q rows of them, shape (q, n).
Q, h, c
    Quadratic biases, shape (n, n), symmetric; linear biases, shape (n,); a constant. The energy
    x'Qx/2 + h'x + c is minimized.
J, b
    The same with an empty diagonal, as x_i^2 = x_i: J is Q off the diagonal, b = h + diag(Q)/2.
f
    Local field, shape (n,): f_i = b_i + (Jx)_i is what bit i adds to the energy by being 1.
P
    Penalty: P (sum of x - k)^2 is added to the energy where samplers take no constraint.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import dimod
import numpy as np
from numpy.typing import ArrayLike, NDArray

from qhpo.encoding import DenseDQM
from qhpo.errors import QhpoError

__all__ = ["BinaryModel"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class BinaryModel:
    """x'Qx/2 + h'x + offset over bits, all of them or those with exactly ``count`` ones.

    Attributes:
        quadratic: Q, shape (n, n), symmetric. The diagonal counts as it stands in the formula.
        linear: h, shape (n,).
        offset: Constant energy.
        count: k; None where any number of ones is allowed.

    Raises:
        QhpoError: If shapes disagree, Q is not symmetric, a bias is not finite, or k is not in
            0..n.
    """

    quadratic: FloatArray
    linear: FloatArray
    offset: float = 0.0
    count: int | None = None

    def __post_init__(self) -> None:
        n = len(self.linear)
        if self.linear.shape != (n,) or self.quadratic.shape != (n, n):
            raise QhpoError(
                "a model of n bits has linear biases of shape (n,) and quadratic biases of shape "
                f"(n, n); got {self.linear.shape} and {self.quadratic.shape}"
            )
        if not (np.isfinite(self.linear).all() and np.isfinite(self.quadratic).all()):
            raise QhpoError("biases must be finite; got NaN or infinity; check the data")
        if not np.allclose(self.quadratic, self.quadratic.T, rtol=1e-9):
            gap = np.abs(self.quadratic - self.quadratic.T).max()
            raise QhpoError(
                f"quadratic biases must be symmetric; got a difference of {gap:.3g}; "
                "give (Q + Q.T) / 2"
            )
        if self.count is not None and not 0 <= self.count <= n:
            raise QhpoError(
                f"the number of ones must be 0 to the number of bits, {n}; got {self.count}"
            )

    @property
    def n_bits(self) -> int:
        """Number of bits, n."""
        return len(self.linear)

    @cached_property
    def couplings(self) -> FloatArray:
        """J, shape (n, n): Q with an empty diagonal."""
        couplings = self.quadratic.copy()
        np.fill_diagonal(couplings, 0.0)
        return couplings

    @cached_property
    def biases(self) -> FloatArray:
        """b, shape (n,): what a bit costs with all others 0."""
        biases: FloatArray = self.linear + 0.5 * np.diag(self.quadratic)
        return biases

    def energies(self, bits: ArrayLike) -> FloatArray:
        """Energies of rows of bits, shape (q, n) -> (q,)."""
        x = np.asarray(bits, dtype=float)
        energies: FloatArray = (
            0.5 * ((x @ self.couplings) * x).sum(axis=1) + x @ self.biases + self.offset
        )
        return energies

    def fields(self, bits: ArrayLike) -> FloatArray:
        """Local fields f given the other bits, shape (q, n) -> (q, n)."""
        fields: FloatArray = self.biases + np.asarray(bits, dtype=float) @ self.couplings
        return fields

    def penalized(self, penalty: float, shift: float = 0.0) -> BinaryModel:
        """The model without the rule on ones, which P (sum of x - k)^2 stands for.

        Args:
            penalty: P, in the unit of the energy.
            shift: Added is also shift (sum of x - k), a Lagrange multiplier; energies of k ones
                stay the same.
        """
        k = 0 if self.count is None else self.count
        # x'1 1'x has x_i^2 on its diagonal: Q is twice the matrix of the quadratic form.
        return BinaryModel(
            self.quadratic + 2.0 * penalty,
            self.linear + (shift - 2.0 * penalty * k),
            self.offset + penalty * k**2 - shift * k,
        )

    def sufficient_penalty(self) -> float:
        """The least P that is proven to leave k ones in every ground state, by local fields.

        With d ones too many or too few, changing one of them lowers the penalty by at least P
        (2d - 1) and raises the rest by at most max_i (abs(b_i) + sum_j abs(J_ij)).
        """
        reach = np.abs(self.biases) + np.abs(self.couplings).sum(axis=1)
        return float(reach.max(initial=0.0)) * (1.0 + 1e-6) + 1e-9

    def given(self, bits: IntArray, free: IntArray) -> BinaryModel:
        """The model on some bits while the others stay, with equal energies.

        Args:
            bits: All bits, shape (n,).
            free: Numbers of the bits that are free, shape (m,).
        """
        fixed = bits.copy()
        fixed[free] = 0
        count = None if self.count is None else self.count - int(fixed.sum())
        return BinaryModel(
            self.couplings[np.ix_(free, free)],
            self.fields(fixed[None, :])[0, free],
            float(self.energies(fixed[None, :])[0]),
            count,
        )

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        """As a BQM over binary variables 0..n-1; a fixed number of ones by `sufficient_penalty`."""
        model = self if self.count is None else self.penalized(self.sufficient_penalty())
        rows, columns = np.nonzero(np.triu(model.couplings, 1))
        bqm: dimod.BinaryQuadraticModel = dimod.BinaryQuadraticModel.from_numpy_vectors(
            model.biases,
            (rows, columns, model.couplings[rows, columns]),
            model.offset,
            dimod.BINARY,
        )
        return bqm

    def to_cqm(self) -> dimod.ConstrainedQuadraticModel:
        """As a CQM over binary variables 0..n-1, the number of ones as the constraint ``count``."""
        free = BinaryModel(self.quadratic, self.linear, self.offset)
        cqm: dimod.ConstrainedQuadraticModel = dimod.ConstrainedQuadraticModel.from_bqm(
            free.to_bqm()
        )
        if self.count is not None:
            terms = [(i, 1) for i in range(self.n_bits)]
            cqm.add_constraint(terms, sense="==", rhs=self.count, label="count")
        return cqm

    def to_dense(self) -> DenseDQM:
        """As a DQM over variables 0..n-1 of two cases each, without the rule on ones."""
        n = self.n_bits
        linear = np.zeros(2 * n)
        linear[1::2] = self.biases
        quadratic = np.zeros((2 * n, 2 * n))
        quadratic[1::2, 1::2] = self.couplings
        starts = np.arange(0, 2 * n + 1, 2, dtype=np.intp)
        return DenseDQM.from_upper(starts, linear, quadratic, self.offset)
