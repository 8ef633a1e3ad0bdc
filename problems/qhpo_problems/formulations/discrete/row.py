"""Least squares with discrete weights: the weights of one output as a QUBO.

P. Date, D. Arthur and L. Pusey-Nazzaro, "QUBO formulations for training machine learning models",
Scientific Reports 11, 10029 (2021), write linear regression with given place values for each weight
as a QUBO. Here the levels are few, every output has a scale of its own, and biases stay real.

Glossary
--------
N, n, R
    Examples; features; outputs.
X, Y
    Features, shape (N, n), and targets, shape (N, R), both less their means: the bias of an output
    is what its weights leave of the means.
alpha
    Ridge: the price of a squared weight.
G, B, c
    X'X + alpha I, shape (n, n); Y'X, shape (R, n); squares of the targets, shape (R,).
w
    Weights of one output, shape (n,): a scale times levels, s v, see
    `qhpo_problems.formulations.discrete.levels`. The loss is
    abs(y - Xw)^2 + alpha abs(w)^2 = w'Gw - 2 b'w + c.
x
    Bits, shape (n b,): weight i has x_ib .. x_ib+b-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo_problems.formulations.base import Formulation
from qhpo_problems.formulations.discrete.levels import Levels
from qhpo_problems.formulations.model import BinaryModel

__all__ = ["DiscreteRow", "Moments", "class_targets", "moments_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """What the squared loss of linear models depends on.

    Attributes:
        gram: G, shape (n, n).
        slopes: B, shape (R, n).
        squares: c, shape (R,).
    """

    gram: FloatArray
    slopes: FloatArray
    squares: FloatArray

    @cached_property
    def solution(self) -> FloatArray:
        """The real weights of least loss, shape (R, n); of several the shortest ones."""
        solution = np.linalg.lstsq(self.gram, self.slopes.T, rcond=None)[0].T
        return np.asarray(solution, dtype=float)

    def of(self, outputs: NDArray[np.intp]) -> Moments:
        """The moments of some outputs, by their numbers, which may repeat."""
        return Moments(self.gram, self.slopes[outputs], self.squares[outputs])

    def losses(self, weights: FloatArray) -> FloatArray:
        """The loss of every output, (R, n) -> (R,)."""
        losses: FloatArray = (
            np.einsum("ri,ri->r", weights @ self.gram - 2.0 * self.slopes, weights) + self.squares
        )
        return losses

    def rescaled(self, levels: FloatArray, scales: FloatArray) -> FloatArray:
        """The scales of least loss for levels v, b'v / v'Gv, shape (R,).

        Where that is not above 0, as no positive scale is best, the old scale stays.
        """
        along = np.einsum("ri,ri->r", self.slopes, levels)
        curvature = np.einsum("ri,ri->r", levels @ self.gram, levels)
        rescaled = scales.copy()
        some = (along > 0) & (curvature > 0)
        rescaled[some] = along[some] / curvature[some]
        return rescaled


def moments_of(X: FloatArray, Y: FloatArray, alpha: float) -> Moments:
    """The moments of data, which are centred here.

    Args:
        X: Features, shape (N, n).
        Y: Targets, shape (N, R).
        alpha: Ridge, at least 0, in the unit of squared features summed over the examples.

    Raises:
        QhpoError: If shapes disagree, or alpha is out of range.
    """
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        raise QhpoError(
            f"features have shape (N, n) and targets (N, R); got {X.shape} and {Y.shape}"
        )
    if not 0.0 <= alpha < np.inf:
        raise QhpoError(f"alpha must be a number of at least 0; got {alpha!r}")
    features, targets = X - X.mean(axis=0), Y - Y.mean(axis=0)
    gram = features.T @ features + alpha * np.eye(X.shape[1])
    return Moments(gram, targets.T @ features, np.square(targets).sum(axis=0))


def class_targets(numbers: NDArray[np.intp], n_classes: int) -> FloatArray:
    """Targets of classes: +1 for the class of an output and -1 for the others.

    Args:
        numbers: Of classes, from 0, shape (N,).
        n_classes: C, at least 2.

    Returns:
        Shape (N, C); for two classes one output, that of the second, shape (N, 1).
    """
    outputs = np.arange(1, 2) if n_classes == 2 else np.arange(n_classes)
    return np.where(numbers[:, None] == outputs, 1.0, -1.0)


class DiscreteRow(Formulation[IntArray]):
    """The levels of one output's weights, at a given scale; a solution is v, shape (n,).

    Args:
        moments: Of one output.
        levels: What a weight may be.
        scale: s, positive.

    Raises:
        QhpoError: If there are more outputs than one, or the scale is not positive.
    """

    def __init__(self, moments: Moments, levels: Levels, scale: float) -> None:
        if len(moments.slopes) != 1:
            raise QhpoError(f"a row is one output; got moments of {len(moments.slopes)}")
        if not scale > 0:
            raise QhpoError(f"a scale must be positive; got {scale}")
        self.moments, self.levels, self.scale = moments, levels, scale

    @cached_property
    def model(self) -> BinaryModel:
        """The loss of w = s (lowest + step p'x): each bit adds its place to its weight."""
        gram = self.moments.gram
        bottom = np.full(len(gram), self.scale * self.levels.lowest)
        places = self.scale * self.levels.step * np.array(self.levels.places, dtype=float)
        slopes = bottom @ gram - self.moments.slopes[0]
        return BinaryModel(
            np.asarray(np.kron(2.0 * gram, np.outer(places, places)), dtype=float),
            np.asarray(np.kron(2.0 * slopes, places), dtype=float),
            float(self.moments.losses(bottom[None])[0]),
        )

    def solution_of(self, bits: NDArray[np.intp]) -> IntArray:
        return self.levels.values(self.levels.codes(bits))

    def objective(self, solution: IntArray) -> float:
        return float(self.moments.losses(self.scale * solution[None].astype(float))[0])
