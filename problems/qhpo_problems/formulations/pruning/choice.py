"""What to remove from a network, cross terms included: exactly k of n candidates, as a QUBO.

Optimal brain surgeon (B. Hassibi and D. Stork, NIPS 1992) weighs a weight by the second derivatives
of the loss; removing several at once has cross terms, and choosing them is a quadratic problem of
bits: X. Yu et al., "The combinatorial brain surgeon: pruning weights that cancel one another in
neural networks", ICML 2022. Here the second derivatives are those of Gauss and Newton, which are of
low rank, so that n may be far beyond what a dense matrix allows.

Glossary
--------
n, k
    Candidates for removal, such as weights; how many of them are removed.
m
    Outputs of the network on all calibration examples together.
A
    Changes, shape (m, n): minus column i is, to first order, how removing candidate i changes the
    outputs.
r
    Residual, shape (m,): by how much the outputs differ from the wanted ones before the removal.
x
    Bits, shape (n,): 1 is removed. The objective is abs(r - A x)^2 / 2.
f
    What the objective changes by where one bit does, shape (n,).
"""

from __future__ import annotations

from functools import cached_property

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.solvers import Solver
from qhpo_problems.formulations.base import BLOCK, Formulation, minimize
from qhpo_problems.formulations.exchange import exchange
from qhpo_problems.formulations.model import BinaryModel

__all__ = ["Pruning", "choose", "diagonal"]

Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_EXCHANGE_ROUNDS, _ANNEAL_ROUNDS = 60, 8
"""Blocks at most, by exchanges alone and then by the solver."""

_FRUITLESS, _LEAST_GAIN = 4, 1e-4
"""Blocks in a row that gain less than this share of the objective, after which it stays."""

_RESERVE = 4
"""Every second block is drawn from so many times its size of the most promising bits."""


class Pruning(Formulation[BoolArray]):
    """Which k of n candidates to remove; a solution is a mask, True for removed, shape (n,).

    Args:
        changes: A, shape (m, n).
        residual: r, shape (m,).
        count: k, 0 to n.

    Raises:
        QhpoError: If shapes disagree, or k is out of range.
    """

    def __init__(self, changes: Array, residual: Array, count: int) -> None:
        m, n = changes.shape
        if residual.shape != (m,):
            raise QhpoError(
                f"changes of {m} outputs need a residual of shape ({m},); got {residual.shape}"
            )
        if not 0 <= count <= n:
            raise QhpoError(f"of {n} candidates 0 to {n} can be removed; got {count}")
        self.changes, self.residual, self.count = changes, residual, count

    @cached_property
    def model(self) -> BinaryModel:
        """Dense, with n^2 biases: for small n; `choose` makes models of blocks only."""
        return self._model(self.residual, np.arange(self.changes.shape[1]), self.count)

    def solution_of(self, bits: NDArray[np.intp]) -> BoolArray:
        removed: BoolArray = bits == 1
        return removed

    def objective(self, solution: BoolArray) -> float:
        left = self.left(solution).astype(float)
        return 0.5 * float(left @ left)

    def left(self, removed: BoolArray) -> Array:
        """The residual after a removal, r - A x, shape (m,)."""
        left: Array = self.residual - self.changes @ removed.astype(np.float32)
        return left

    def costs(self, removed: BoolArray, left: Array) -> NDArray[np.float64]:
        """The changes f around a removal and the residual that it leaves, shape (n,)."""
        slopes = (self.changes.T @ left).astype(float)
        costs: NDArray[np.float64] = np.where(removed, slopes, -slopes) + 0.5 * self.norms
        return costs

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """Squared lengths of the changes, shape (n,)."""
        norms: NDArray[np.float64] = np.einsum("ij,ij->j", self.changes, self.changes).astype(float)
        return norms

    def block(self, removed: BoolArray, left: Array, block: NDArray[np.intp]) -> BinaryModel:
        """The model of some bits while the others stay; as many of them are removed as before."""
        inside = removed[block]
        without: Array = left + self.changes[:, block] @ inside.astype(np.float32)
        return self._model(without, block, int(inside.sum()))

    def _model(self, residual: Array, block: NDArray[np.intp], count: int) -> BinaryModel:
        columns = self.changes[:, block]
        gram = (columns.T @ columns).astype(float)
        linear = -(columns.T @ residual).astype(float)
        wide = residual.astype(float)
        # Products of 32 bits are not symmetric to the last of them.
        return BinaryModel(0.5 * (gram + gram.T), linear, 0.5 * float(wide @ wide), count)


def diagonal(problem: Pruning) -> BoolArray:
    """The k that cost least one by one, without cross terms: Y. LeCun et al., NIPS 1989.

    Args:
        problem: What to choose from.
    """
    removed = np.zeros(problem.changes.shape[1], dtype=np.bool_)
    # Nor the residual: of candidates that each make up for it, many together overshoot by far.
    removed[np.argsort(problem.norms, kind="stable")[: problem.count]] = True
    return removed


def choose(
    problem: Pruning, solver: str | dimod.Sampler | Solver = "potts", *, seed: int = 0
) -> BoolArray:
    """The removal of least objective that exchanges and a solver find, block by block.

    It starts from `diagonal`. A block has the removed candidates whose return gains most and the
    kept ones whose removal costs least, half of each.

    Args:
        problem: What to choose from.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of blocks and solver, in [0, 2^31).

    Returns:
        Mask of exactly k, shape (n,), no worse than `diagonal`.

    Raises:
        QhpoError: As `make_solver` raises.
    """
    rng = np.random.default_rng(seed)
    removed = diagonal(problem)
    left = problem.left(removed)
    for rounds, anneals in ((_EXCHANGE_ROUNDS, False), (_ANNEAL_ROUNDS, True)):
        fruitless = 0
        for number in range(rounds):
            block = _block(problem, removed, left, rng, reserve=1 if number % 2 == 0 else _RESERVE)
            model = problem.block(removed, left, block)
            start = removed[block].astype(np.intp)
            if anneals:
                bits = minimize(model, solver, seed=int(rng.integers(2**31)), start=start)
            else:
                bits = exchange(model, start)
            before, after = model.energies(np.stack([start, bits])).tolist()
            removed[block] = bits == 1
            left = problem.left(removed)
            fruitless = 0 if before - after > _LEAST_GAIN * before else fruitless + 1
            if fruitless == _FRUITLESS or len(block) == len(removed):
                break
    return removed


def _block(
    problem: Pruning, removed: BoolArray, left: Array, rng: np.random.Generator, reserve: int
) -> NDArray[np.intp]:
    """Numbers of at most `BLOCK` bits, those that promise most by themselves."""
    if len(removed) <= BLOCK:
        return np.arange(len(removed))
    costs = problem.costs(removed, left)
    halves = []
    for side in (np.flatnonzero(removed), np.flatnonzero(~removed)):
        best = side[np.argsort(costs[side], kind="stable")[: reserve * BLOCK // 2]]
        halves.append(rng.permutation(best)[: BLOCK // 2])
    return np.concatenate(halves)
