"""Contamination control: at which stages of a food supply chain to pay for prevention, 2^25 plans.

The problem of Y. Hu et al., "Contamination control in food supply chain" (WSC 2010), as R. Baptista
and M. Poloczek, "Bayesian optimization of combinatorial structures" (ICML 2018), relax it. As C. Oh
et al. have it (COMBO, NeurIPS 2019), all plans meet the same random numbers, so that a plan has one
value.

Glossary
--------
x
    The plan: 1 at a stage with prevention, else 0.
Z
    Share of the food that is contaminated, one for each simulation.
Lambda, Gamma
    What a stage without prevention contaminates of the sound food; what prevention restores of the
    contaminated food.
U, epsilon
    A stage is to keep Z below U with probability 1 - epsilon. The Lagrangian charges what this
    probability falls short by, and pays for what it exceeds it by.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

__all__ = ["Contamination"]

FloatArray = npt.NDArray[np.float64]

_SIMULATIONS = 100
"""T of the paper."""

_LIMIT, _EPSILON = 0.1, 0.05
"""U and epsilon."""

_SPARSITY = 0.01
"""lambda, added to the price of 1 of each prevention: the largest that BOCS and COMBO compare
at."""


class Contamination:
    """Stages in a row, each with or without prevention; cost is minimized.

    Args:
        stages: The published problem has 25.
        instance: Seed of the random numbers that all plans meet.

    Attributes:
        sizes: Levels of each variable: 0 for nothing, 1 for prevention.
    """

    def __init__(self, stages: int = 25, instance: int = 0) -> None:
        self.sizes = (2,) * stages
        self._instance = instance

    @property
    def description(self) -> str:
        """One line on it."""
        return f"contamination control, {len(self.sizes)} stages with or without prevention"

    def value(self, levels: Sequence[int]) -> float:
        """Cost of a plan, the level of each stage in their order."""
        first, spread, restored = self.chances
        share = first
        cost = 0.0
        for stage, prevention in enumerate(levels):
            if prevention:
                cost += 1.0 + _SPARSITY
                share = (1.0 - restored[stage]) * share
            else:
                share = share + spread[stage] * (1.0 - share)
            cost += (1.0 - _EPSILON) - float((share < _LIMIT).mean())
        return cost

    @cached_property
    def chances(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Z at first, shape (simulations,); Lambda and Gamma, (stages, simulations)."""
        rng = np.random.default_rng(self._instance)
        shape = len(self.sizes), _SIMULATIONS
        return (
            beta(1.0, 30.0).ppf(rng.random(_SIMULATIONS)),
            beta(1.0, 17.0 / 3.0).ppf(rng.random(shape)),
            beta(1.0, 3.0 / 7.0).ppf(rng.random(shape)),
        )
