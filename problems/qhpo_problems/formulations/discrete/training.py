"""Training of discrete weights: scales by least squares and levels by annealing, in turns.

The glossary is that of `qhpo_problems.formulations.discrete.row`. With w* the real weights of least
loss, the loss is (w - w*)'G(w - w*) and a constant: all outputs are roundings with one G in common,
so that the search of `qhpo_problems.formulations.quantization` serves here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import dimod
import numpy as np
from numpy.typing import NDArray

from qhpo.solvers import Solver
from qhpo_problems.formulations.base import BLOCK, minimize, solve
from qhpo_problems.formulations.discrete.levels import Levels
from qhpo_problems.formulations.discrete.row import DiscreteRow, Moments
from qhpo_problems.formulations.quantization.grid import cheaper, greedy
from qhpo_problems.formulations.quantization.row import RowRounding, lower_codes
from qhpo_problems.formulations.quantization.search import anneal, descend

__all__ = ["DiscreteWeights", "descended", "train"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_STARTS = np.geomspace(1.2, 0.05, 12)
"""Scales that the descent starts from, in units of the one at which the largest level reaches the
largest real weight. Scale and levels get stuck in each other, so one start is not enough."""

_TURNS = 20
"""Descents and new scales, at most, from each start."""

_ROUNDS = (1.0, 0.85, 1.2, 0.93, 1.08, 1.0)
"""The scales that are annealed at, one after the other, in units of the best one so far: at that
one itself, the levels that it was fitted to mostly stay the best."""

_ALL_LEVELS = 3
"""Levels up to which a QUBO has all of them, as its bits then count alike, if one anneal takes
all bits. With more levels, anneals of all bits almost never left the start, and those of two levels
for each weight did."""

_NOTHING = 1e-30
"""Stands for a scale of 0, of outputs that no feature tells anything about."""


@dataclass(frozen=True)
class DiscreteWeights:
    """Weights of R outputs.

    Attributes:
        levels: v, whole numbers, shape (R, n).
        scales: s, positive, shape (R,).
    """

    levels: IntArray
    scales: FloatArray

    @property
    def values(self) -> FloatArray:
        """The weights s v, shape (R, n)."""
        values: FloatArray = self.scales[:, None] * self.levels
        return values


def train(
    moments: Moments, levels: Levels, solver: str | dimod.Sampler | Solver | None, seed: int
) -> DiscreteWeights:
    """Weights of low loss, of no output worse than `descended`.

    Args:
        moments: Of the data.
        levels: What a weight may be.
        solver: A name or an object, as in `qhpo.solvers.make_solver`, samples a QUBO for each
            output and round. None for the anneal of all outputs at once, by blocks of weights.
        seed: Of all random numbers, in [0, 2^31).

    Raises:
        SolverError: If there is no such solver.
    """
    best = descended(moments, levels)
    rng = np.random.default_rng(seed)
    for number, factor in enumerate(_ROUNDS):
        task = _Task(moments, levels, factor * best.scales)
        start = task.polished(task.cheaper(task.greedy(), levels.codes_of(best.levels)))
        if solver is None:
            found = anneal(task.targets, moments.gram, task.grid, start, rng)
        else:
            found = task.sampled(start, solver, rng, around=number % 2 == 0)
        best = _better(moments, task.fitted(task.polished(found)), best)
    return best


def descended(moments: Moments, levels: Levels) -> DiscreteWeights:
    """Weights by greedy rounding with error feedback and descent by one and two weights.

    From several scales, each fitted again after each descent; of every output the best.

    Args:
        moments: Of the data.
        levels: What a weight may be.
    """
    largest = np.abs(moments.solution).max(axis=1)
    reach = np.where(largest > 0, largest, _NOTHING) / levels.reach
    n_outputs, n_starts = len(reach), len(_STARTS)
    many = moments.of(np.repeat(np.arange(n_outputs), n_starts))
    task = _Task(many, levels, np.outer(reach, _STARTS).reshape(-1))
    codes = task.greedy()
    for _ in range(_TURNS):
        fitted = task.fitted(codes)
        task = _Task(many, levels, fitted.scales)
        moved = task.polished(codes)
        if np.array_equal(moved, codes):
            break
        codes = moved
    fitted = task.fitted(codes)
    losses = many.losses(fitted.values).reshape(n_outputs, n_starts)
    best = np.arange(n_outputs) * n_starts + losses.argmin(axis=1)
    return DiscreteWeights(fitted.levels[best], fitted.scales[best])


class _Task:
    """The search for codes at given scales, shape (R,)."""

    def __init__(self, moments: Moments, levels: Levels, scales: FloatArray) -> None:
        self.moments, self.levels, self.scales = moments, levels, scales
        self.grid = levels.grid(scales)
        self.targets = levels.shifted(moments.solution, scales)

    def greedy(self) -> IntArray:
        return greedy(self.targets, self.moments.gram, self.grid)

    def cheaper(self, one: IntArray, other: IntArray) -> IntArray:
        return cheaper(self.targets, self.moments.gram, self.grid, one, other)

    def polished(self, codes: IntArray) -> IntArray:
        return descend(self.targets, self.moments.gram, self.grid, codes, pairs=True)

    def fitted(self, codes: IntArray) -> DiscreteWeights:
        """Codes with scales of least squares."""
        values = self.levels.values(codes)
        return DiscreteWeights(values, self.moments.rescaled(values.astype(float), self.scales))

    def sampled(
        self,
        start: IntArray,
        solver: str | dimod.Sampler | Solver,
        rng: np.random.Generator,
        *,
        around: bool,
    ) -> IntArray:
        """Codes of no higher loss than the start's, by a solver, output by output.

        Args:
            start: Codes, shape (R, n).
            solver: As in `train`.
            rng: Of seeds and of the other codes.
            around: Where a weight has a choice of two codes, whether the other one is the next
                towards the real weight, or the next up or down at random.
        """
        if self.levels.top < _ALL_LEVELS and start.shape[1] * self.levels.bits <= BLOCK:
            return np.array([self._of_all(r, code, solver, rng) for r, code in enumerate(start)])
        if around:
            lower = lower_codes(self.targets, self.grid, start)
        else:
            lower = np.clip(start - rng.integers(2, size=start.shape), 0, self.grid.highest - 1)
        rows = zip(self.targets, self.grid.scales, lower, start, strict=True)
        return np.array(
            [
                solve(
                    RowRounding(target, self.moments.gram, float(scale), low),
                    solver,
                    seed=int(rng.integers(2**31)),
                    start=(code - low).astype(np.intp),
                )
                for target, scale, low, code in rows
            ]
        )

    def _of_all(
        self,
        output: int,
        start: IntArray,
        solver: str | dimod.Sampler | Solver,
        rng: np.random.Generator,
    ) -> IntArray:
        moments = self.moments.of(np.array([output]))
        model = DiscreteRow(moments, self.levels, float(self.scales[output])).model
        seed = int(rng.integers(2**31))
        return self.levels.codes(
            minimize(model, solver, seed=seed, start=self.levels.bits_of(start))
        )


def _better(moments: Moments, one: DiscreteWeights, other: DiscreteWeights) -> DiscreteWeights:
    """Of each output the weights of less loss."""
    first = moments.losses(one.values) < moments.losses(other.values)
    return DiscreteWeights(
        np.where(first[:, None], one.levels, other.levels),
        np.where(first, one.scales, other.scales),
    )
