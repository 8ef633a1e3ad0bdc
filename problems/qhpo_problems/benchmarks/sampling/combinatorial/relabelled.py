"""The problems by name, with the best solution known of each, and their labels drawn at random.

The best solutions of published problems have structure, such as one level nearly everywhere, from
which a method may profit that likes it by accident (L. Papenmeier, L. Nardi and M. Poloczek,
"Bounce: reliable high-dimensional Bayesian optimization for combinatorial and mixed spaces",
NeurIPS 2023). So every seed has a permutation of the levels of each variable. Bits are flipped or
not, which is the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache, cached_property
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from optuna.distributions import CategoricalDistribution
from optuna.trial import BaseTrial

from qhpo.errors import QhpoError
from qhpo_problems.benchmarks.sampling.benchmark import Benchmark, Declaration
from qhpo_problems.benchmarks.sampling.combinatorial.contamination import Contamination
from qhpo_problems.benchmarks.sampling.combinatorial.ising import IsingSparsification
from qhpo_problems.benchmarks.sampling.combinatorial.labs import Labs
from qhpo_problems.benchmarks.sampling.combinatorial.maxsat import MaxSat
from qhpo_problems.benchmarks.sampling.pest_control import PestControl

__all__ = ["KNOWN", "Known", "Problem", "Relabelled", "load_relabelled"]

Levels = tuple[int, ...]

_DIGITS = 9
"""Decimals of a value: sums of the same numbers in another order are the same number."""

_RANDOM = 200
"""Configurations whose median is the reference."""


class Problem(Hashable, Protocol):
    """Variables of a few levels each, and a value to minimize.

    Attributes:
        sizes: Number of levels of each variable.
        description: One line on it.
    """

    sizes: tuple[int, ...]

    @property
    def description(self) -> str:
        """See the attributes."""
        ...

    def value(self, levels: Sequence[int]) -> float:
        """Value of a configuration, the level of each variable in their order."""
        ...


class Known(NamedTuple):
    """A problem, and what is known of its optimum.

    Attributes:
        problem: The published size, instance 0 where it is random.
        best: Levels of the best solution known, a digit each.
        is_optimum: Whether nothing is better, by enumeration, by proof or by construction.
    """

    problem: Problem
    best: str
    is_optimum: bool


_MAX_SAT = MaxSat()

KNOWN: Mapping[str, Known] = MappingProxyType(
    {
        # All 2^25 plans and all 2^24 choices were enumerated, see their tests.
        "contamination": Known(Contamination(), "1101101110110111101101100", True),
        "ising": Known(IsingSparsification(), "101011111110111111010011", True),
        # Energy 153, the least there is.
        "labs-50": Known(Labs(), "01001011010110001010101110110011000011111001111111", True),
        "maxsat-60": Known(_MAX_SAT, "".join(map(str, _MAX_SAT.hidden)), True),
        # The best of long anneals of the problem itself.
        "pest-control": Known(PestControl(), "3" * 24 + "0", False),
    }
)
"""Name that the user types -> problem."""


class Relabelled(Benchmark[Levels]):
    """A problem whose parameters' choices stand for levels in an order drawn at random.

    A solution has the level of each variable. It is told to no sampler which choice is which level.

    Args:
        name: Of the problem.
        known: The problem.
        seed: Of the permutations.

    Attributes:
        levels: Level that each choice stands for, a permutation for each variable.
    """

    trials = 270
    checkpoints = (50, 100, 200, 270)
    reference_name = "the median random configuration"

    def __init__(self, name: str, known: Known, seed: int) -> None:
        self.name = name
        self._known = known
        rng = np.random.default_rng(seed)
        self.levels = [tuple(map(int, rng.permutation(size))) for size in known.problem.sizes]

    @property
    def description(self) -> str:
        return self._known.problem.description

    @cached_property
    def optimum(self) -> float:
        """Value of the best solution known."""
        return self.value(tuple(map(int, self._known.best)))

    @property
    def reference(self) -> float:
        return _median(self._known.problem)

    def declaration(self) -> Declaration:
        return Declaration(
            {
                f"x{i}": CategoricalDistribution(tuple(range(len(levels))))
                for i, levels in enumerate(self.levels)
            }
        )

    def suggest(self, trial: BaseTrial) -> Levels:
        return tuple(
            levels[trial.suggest_categorical(f"x{i}", tuple(range(len(levels))))]
            for i, levels in enumerate(self.levels)
        )

    def value(self, solution: Levels) -> float:
        return round(self._known.problem.value(solution), _DIGITS)


@cache
def _median(problem: Problem) -> float:
    """Median value of random configurations, the same whatever the labels."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(problem.sizes, size=(_RANDOM, len(problem.sizes)))
    return float(np.median([problem.value(levels) for levels in drawn.tolist()]))


@cache
def load_relabelled(name: str, seed: int) -> Relabelled:
    """The problem of that name with the labels of a seed.

    Raises:
        QhpoError: If there is no such problem.
    """
    if name not in KNOWN:
        raise QhpoError(f"a problem must be one of: {', '.join(KNOWN)}; got {name!r}")
    return Relabelled(name, KNOWN[name], seed)
