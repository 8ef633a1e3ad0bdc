"""Pest control: which of five measures to take at each stage of a chain, 5^25 plans.

The problem of R. Baptista and M. Poloczek, "Bayesian optimization of combinatorial structures"
(ICML 2018), in the categorical form and with the constants of C. Oh et al., "Combinatorial Bayesian
optimization using the graph Cartesian product" (NeurIPS 2019). There every evaluation draws new
random numbers; here all plans meet the same ones, so that a plan has one value.

Glossary
--------
u
    Share of the stock that is infested, one for each simulation.
alpha, beta
    Parameters of the Beta distributions of the share at first, of how much of the healthy stock is
    infested in a stage without a measure, and of how much a pesticide kills.
tolerance
    Every use of a pesticide adds tolerance / stages to its beta, so that it kills less.
discount
    A pesticide that is used n times costs the price times 1 - discount * n / stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from optuna.distributions import CategoricalDistribution
from optuna.trial import BaseTrial
from scipy.stats import beta

__all__ = ["PestControl"]

_SIMULATIONS = 100
"""Courses of the infestation, the same for all configurations: the value has no noise."""

_THRESHOLD = 0.1
"""A stage costs the share of simulations in which more than this is infested."""

# Of the four pesticides, as in the implementation that goes with the paper.
_PRICE = (1.0, 0.8, 0.7, 0.5)
_DISCOUNT = (0.2, 0.3, 0.3, 0.0)
_BETA = (2.0 / 7.0, 3.0 / 7.0, 3.0 / 7.0, 5.0 / 7.0)
_TOLERANCE = (1.0 / 7.0, 2.5 / 7.0, 2.0 / 7.0, 0.5 / 7.0)


class PestControl:
    """Stages in a row, at each of them nothing or one of four pesticides; cost is minimized.

    Args:
        stages: The published problem has 25.
        instance: Seed of the random numbers that all plans meet.

    Attributes:
        sizes: Levels of each variable, the measures of a stage.
        search_space: One categorical parameter per stage: 0 for nothing, or a pesticide, 1 to 4.
    """

    def __init__(self, stages: int = 25, instance: int = 0) -> None:
        self.stages, self._instance = stages, instance
        self.sizes = (5,) * stages
        self.search_space = {
            f"stage_{i}": CategoricalDistribution((0, 1, 2, 3, 4)) for i in range(stages)
        }

    @property
    def description(self) -> str:
        """One line on it."""
        return f"pest control, {self.stages} stages with nothing or one of four pesticides"

    def objective(self, trial: BaseTrial) -> float:
        """Cost of the plan that a trial is given."""
        plan = []
        for name, distribution in self.search_space.items():
            measure = trial.suggest_categorical(name, distribution.choices)
            plan.append(distribution.choices.index(measure))
        return self.value(plan)

    def value(self, plan: Sequence[int]) -> float:
        """Cost of a plan, the measure of each stage in their order."""
        infested, spread, luck = self._chances
        price = np.array(_PRICE)
        uses = np.bincount(plan, minlength=5)[1:]
        price *= 1.0 - np.array(_DISCOUNT) * uses / self.stages
        resistance = list(_BETA)
        cost = 0.0
        for stage, measure in enumerate(plan):
            cost += float((infested > _THRESHOLD).mean())
            if measure:
                kind = measure - 1
                cost += float(price[kind])
                # The quantile function of Beta(1, b) at the stage's luck.
                killed = 1.0 - (1.0 - luck[stage]) ** (1.0 / resistance[kind])
                infested = (1.0 - killed) * infested
                resistance[kind] += _TOLERANCE[kind] / self.stages
            else:
                infested = infested + spread[stage] * (1.0 - infested)
        return cost

    @cached_property
    def _chances(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Infested at first, shape (simulations,); spread and luck, (stages, simulations)."""
        rng = np.random.default_rng(self._instance)
        shape = self.stages, _SIMULATIONS
        return (
            beta(1.0, 30.0).ppf(rng.random(_SIMULATIONS)),
            beta(1.0, 17.0 / 3.0).ppf(rng.random(shape)),
            rng.random(shape),
        )
