"""What a formulation is, and how any solver minimizes it.

A formulation turns a step of machine learning into a `BinaryModel`, and its bits back into what
the step is about. `solve` does the rest, in three parts.

- One anneal: the solver samples the model as bits with two cases each.
- Exactly k ones, where the formulation asks for them: a Lagrange multiplier and a small penalty
  lead the solver near k; reads are then repaired to exactly k by least loss and polished by
  exchanges. A penalty that is large enough by itself freezes the anneal.
- Beyond one anneal: with more bits than `BLOCK`, local searches from random starts make a pool of
  local minima. Again and again, a block of bits that some of them have otherwise than the best is
  solved, given the rest of the best. (Akin to sample persistence: H. Karimi and G. Rosenberg,
  "Boosting quantum annealer performance via sample persistence", Quantum Information Processing
  16, 166 (2017).) Blocks of arbitrary bits, tried first, almost never left the minimum that they
  started from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.errors import QhpoError
from qhpo.solvers import Solver, find_solver, make_solver
from qhpo_problems.formulations.exchange import descend_by_bits, exchange, with_count
from qhpo_problems.formulations.model import BinaryModel

__all__ = ["BLOCK", "Formulation", "minimize", "solve"]

IntArray = NDArray[np.intp]

SolutionT = TypeVar("SolutionT")

BLOCK = 256
"""Most bits of one anneal."""

_POOL = 16
"""Local searches from random starts, of a model that is solved in blocks."""

_MAX_BLOCKS = 20
"""Anneals of a model that is solved in blocks."""

_FRUITLESS = 3
"""Blocks in a row that bring nothing before the search ends earlier."""

_POLISHED = 16
"""Reads that are repaired and polished, the best of an anneal."""

_PENALTY = 0.1
"""P in units of the standard deviation of the local fields, beside the Lagrange multiplier. From
0.01 to 0.2 the best energies found on models of 60 to 250 bits were the same; without it, or at 1,
some were 1 to 2 % off."""


class Formulation(ABC, Generic[SolutionT]):
    """A step of machine learning as a quadratic model of bits.

    A subclass gives the model, what its bits stand for, and the objective computed from the
    solution itself, by its own formula, so that the model can be checked against it.
    """

    @property
    @abstractmethod
    def model(self) -> BinaryModel:
        """The model, n bits. Where it is made on access, make it once."""

    @abstractmethod
    def solution_of(self, bits: IntArray) -> SolutionT:
        """What bits stand for, shape (n,) of 0 and 1."""

    @abstractmethod
    def objective(self, solution: SolutionT) -> float:
        """What is minimized; of ``solution_of(bits)`` it is the energy of the bits."""

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        """As a BQM over variables 0..n-1, see `BinaryModel.to_bqm`."""
        return self.model.to_bqm()

    def to_cqm(self) -> dimod.ConstrainedQuadraticModel:
        """As a CQM over variables 0..n-1, see `BinaryModel.to_cqm`."""
        return self.model.to_cqm()

    def decode(self, sample: Mapping[Hashable, float]) -> SolutionT:
        """The solution of a sample of `to_bqm` or `to_cqm`.

        Where the model fixes the number of ones, samples with another number are repaired by
        least loss.
        """
        model = self.model
        bits = np.rint([sample[i] for i in range(model.n_bits)]).astype(np.intp)
        if model.count is not None:
            bits = with_count(model, bits, model.count)
        return self.solution_of(bits)


def solve(
    formulation: Formulation[SolutionT],
    solver: str | dimod.Sampler | Solver = "neal",
    *,
    seed: int = 0,
    start: IntArray | None = None,
) -> SolutionT:
    """The best solution that a solver finds.

    Args:
        formulation: What to minimize.
        solver: A name or an object, as in `qhpo.solvers.make_solver`.
        seed: Of all random numbers, in [0, 2^31).
        start: Bits that the result is never worse than, shape (n,); see `minimize`.

    Raises:
        QhpoError: If the start does not fit the model, or as `make_solver` raises.
    """
    return formulation.solution_of(minimize(formulation.model, solver, seed=seed, start=start))


def minimize(
    model: BinaryModel,
    solver: str | dimod.Sampler | Solver = "neal",
    *,
    seed: int = 0,
    start: IntArray | None = None,
) -> IntArray:
    """Bits of low energy, see the module for how.

    Args:
        model: What to minimize.
        solver: A name or an object, as in `qhpo.solvers.make_solver`. Names that take encodings
            get domain walls, which spend one bit on a variable of two cases.
        seed: Of all random numbers, in [0, 2^31).
        start: Bits that the result is never worse than, shape (n,), with the model's number of
            ones. None for the greedy ones: the cheapest bit turned on, again and again.

    Returns:
        Bits, shape (n,), with exactly ``model.count`` ones where that is given.

    Raises:
        QhpoError: If the start does not fit the model, or as `make_solver` raises.
    """
    sampler = _solver(solver)
    rng = np.random.default_rng(seed)
    best = _local_minimum(model, _greedy(model) if start is None else _checked(model, start))
    if model.n_bits <= BLOCK:
        return _improved(model, best, sampler, rng)
    pool = [best, *(_local_minimum(model, _random(model, rng)) for _ in range(_POOL))]
    best = pool[int(model.energies(pool).argmin())]
    fruitless = 0
    for _ in range(_MAX_BLOCKS):
        block = _disputed(best, [pool[i] for i in rng.permutation(len(pool))], rng)
        if not len(block):  # one local minimum for all starts
            break
        found = best.copy()
        found[block] = _improved(model.given(best, block), best[block], sampler, rng)
        found = _local_minimum(model, found)
        fruitless = fruitless + 1 if np.array_equal(found, best) else 0
        if fruitless == _FRUITLESS:
            break
        if not fruitless:
            best = found
            pool.append(best)
    return best


def _disputed(best: IntArray, others: list[IntArray], rng: np.random.Generator) -> IntArray:
    """At most `BLOCK` bits that the first of the others have otherwise than the best."""
    differ = np.zeros(len(best), dtype=np.bool_)
    for other in others:
        if differ.sum() >= BLOCK:
            break
        differ |= other != best
    return rng.permutation(np.flatnonzero(differ))[:BLOCK]


def _local_minimum(model: BinaryModel, bits: IntArray) -> IntArray:
    return descend_by_bits(model, bits) if model.count is None else exchange(model, bits)


def _random(model: BinaryModel, rng: np.random.Generator) -> IntArray:
    if model.count is None:
        return rng.integers(2, size=model.n_bits).astype(np.intp)
    return rng.permutation(np.arange(model.n_bits) < model.count).astype(np.intp)


def _improved(
    model: BinaryModel, start: IntArray, solver: Solver, rng: np.random.Generator
) -> IntArray:
    """The best of one anneal and of the start, shape (n,)."""
    if model.count in (0, model.n_bits):  # nothing is free
        return start
    sampled = model if model.count is None else _near_count(model, start)
    reads = solver.reads(sampled.to_dense(), int(rng.integers(2**31))).cases[:_POLISHED]
    if model.count is not None:
        reads = np.array([exchange(model, with_count(model, x, model.count)) for x in reads])
    candidates = np.concatenate([start[None, :], reads])
    # Of equal energies the start stays, so that the blocks end.
    energies = model.energies(candidates)
    least = int(energies.argmin())
    gain = energies[0] - energies[least]
    best: IntArray = candidates[least if gain > 1e-12 * abs(float(energies[0])) else 0]
    return best


def _near_count(model: BinaryModel, start: IntArray) -> BinaryModel:
    """The model without the rule on ones, its low energies near k ones.

    The Lagrange multiplier lies between the ones and the zeros of the start, a local minimum under
    exchanges: where the fields of all its ones are below those of all its zeros, no single bit
    gains by changing.
    """
    fields = model.fields(start[None, :])[0]
    shift = -0.5 * float(fields[start == 1].max() + fields[start == 0].min())
    # The model's own spread, without what the rule adds to it.
    scale = float(np.sqrt(model.biases.var() + 0.25 * (model.couplings**2).sum(axis=1).mean()))
    return model.penalized(_PENALTY * scale, shift)


def _greedy(model: BinaryModel) -> IntArray:
    zeros = np.zeros(model.n_bits, dtype=np.intp)
    return zeros if model.count is None else with_count(model, zeros, model.count)


def _checked(model: BinaryModel, start: IntArray) -> IntArray:
    bits = np.asarray(start)
    if bits.shape != (model.n_bits,) or not np.isin(bits, (0, 1)).all():
        raise QhpoError(
            f"a start is {model.n_bits} bits of 0 or 1; got an array of shape {bits.shape}"
        )
    if model.count is not None and int(bits.sum()) != model.count:
        raise QhpoError(f"a start has the model's {model.count} ones; got {int(bits.sum())}")
    return bits.astype(np.intp)


def _solver(solver: str | dimod.Sampler | Solver) -> Solver:
    if isinstance(solver, str) and "domain-wall" in find_solver(solver).encodings:
        return make_solver(solver, encoding="domain-wall")
    return make_solver(solver)
