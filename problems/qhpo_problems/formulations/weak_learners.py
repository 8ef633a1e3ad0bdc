"""QBoost as a quadratic model: which weak learners vote, and with what weight.

H. Neven, V. S. Denchev, G. Rose and W. G. Macready, "Training a binary classifier with the quantum
adiabatic algorithm", arXiv:0811.0416 (2008), eq. (3) and (4): the squared loss of the vote against
the labels plus a price per learner, over binary weights.

Glossary
--------
S, N, b
    Examples; weak learners in the pool; bits of a weight.
H
    Outputs of the learners, shape (S, N), -1 or +1.
y
    Labels, shape (S,), -1 or +1.
w
    Weights, shape (N,), multiples of 1 / (2^b - 1) from 0 to 1. With one bit, 0 or 1.
x
    Bits, shape (N b,): learner i has x_ib .. x_ib+b-1, least significant first.
c
    Share of a vote: T learners of weight 1 that agree make the vote 1, c = 1/T. In the paper T is
    N, so that a sparse ensemble never gets near the labels; here it is `full_vote`.
lambda
    Regularization, in units of c: what a learner of weight 1 must lower the loss by, at least.

Minimized is  (1/S) sum_s (c (Hw)_s - y_s)^2  +  lambda c sum_i w_i.  With one bit the sum over w is
the number of learners.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.base import Formulation
from qhpo_problems.formulations.model import BinaryModel

__all__ = ["WeakLearners"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class WeakLearners(Formulation[FloatArray]):
    """The choice of voters as a `Formulation`; a solution is their weights w, shape (N,).

    Args:
        outputs: H, shape (S, N), -1 or +1.
        labels: y, shape (S,), -1 or +1.
        regularization: lambda, at least 0.
        full_vote: T, above 0.
        weight_bits: b, at least 1.

    Raises:
        QhpoError: If shapes disagree, or a number is out of its range.
    """

    def __init__(
        self,
        outputs: FloatArray,
        labels: FloatArray,
        *,
        regularization: float,
        full_vote: float,
        weight_bits: int = 1,
    ) -> None:
        if outputs.ndim != 2 or labels.shape != (len(outputs),):
            raise QhpoError(
                "outputs of N learners on S examples have shape (S, N), and labels (S,); got "
                f"{outputs.shape} and {labels.shape}"
            )
        if not regularization >= 0.0 or not full_vote > 0.0 or weight_bits < 1:
            raise QhpoError(
                "regularization must be at least 0, full_vote above 0 and weight_bits at least 1; "
                f"got {regularization}, {full_vote} and {weight_bits}"
            )
        self.outputs, self.labels = outputs, labels
        self.regularization, self.full_vote = regularization, full_vote
        self.weight_bits = weight_bits

    @cached_property
    def model(self) -> BinaryModel:
        """The formula of the module; the constant is the loss of no votes at all, 1."""
        n_examples = len(self.labels)
        share = 1.0 / self.full_vote
        votes = share * np.kron(self.outputs, self._place_values)
        linear = -2.0 * votes.T @ self.labels / n_examples
        linear += self.regularization * share * np.tile(self._place_values, self.outputs.shape[1])
        return BinaryModel(
            2.0 * votes.T @ votes / n_examples, linear, float((self.labels**2).mean())
        )

    @property
    def _place_values(self) -> FloatArray:
        """What each bit of a weight counts, shape (b,), together 1."""
        values: FloatArray = 2.0 ** np.arange(self.weight_bits) / (2**self.weight_bits - 1)
        return values

    def solution_of(self, bits: IntArray) -> FloatArray:
        weights: FloatArray = bits.reshape(-1, self.weight_bits) @ self._place_values
        return weights

    def objective(self, solution: FloatArray) -> float:
        share = 1.0 / self.full_vote
        loss = (share * self.outputs @ solution - self.labels) ** 2
        return float(loss.mean() + self.regularization * share * solution.sum())
