"""Weighted MaxSAT of 60 variables with a hidden optimum: an instance of the family frb10-6.

Papers compare on frb10-6-4 of the MaxSAT evaluations. This is not that file: it is another instance
of the model that the family is drawn from, Model RB with a hidden solution (K. Xu and W. Li, "Exact
phase transitions in random constraint satisfaction problems", JAIR 12, 2000; K. Xu, F. Boussemart,
F. Hemery and C. Lecoutre, "Random constraint satisfaction: easy generation of hard (satisfiable)
instances", Artificial Intelligence 171, 2007), in the form of weighted Max-2-SAT:

- n groups of d = n^alpha variables, and in each group a hidden one;
- a clause "x" for every variable, of weight 1;
- a clause "not x or not y" for two variables of a group, and for p d^2 pairs of each of r n ln n
  pairs of groups, drawn at random but for pairs of hidden variables. Each weighs more than all
  clauses of one variable together.

So an optimum breaks no clause of two variables, and has no more than one true variable in a group:
to have the hidden ones true is best.

Papers standardize the weights of clauses to mean 0 and deviation 1. With a mean of 0 the lightest
clauses weigh less than nothing. Here these are the clauses of one variable, so that all variables
false would be best, and the hidden solution would be nothing special. So the weights are what they
are, and the value is that of the clauses that are not satisfied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = ["MaxSat"]

_EXPONENT = 0.8
"""alpha."""

_TIGHTNESS = 0.25
"""p."""

_DENSITY = 0.8 / math.log(4.0 / 3.0)
"""r: at -alpha / ln(1 - p) instances without a hidden solution go from satisfiable to not."""


class MaxSat:
    """Variables, each true or false; the weight of clauses that are not satisfied is minimized.

    Args:
        groups: n, two or more. The published problem has 10 groups of 6 variables.
        instance: Seed of the clauses and of the hidden solution.

    Attributes:
        sizes: Levels of each variable: 0 for false, 1 for true.
        hidden: Levels of the hidden solution, an optimum.
        pairs: Numbers of the two variables of every clause "not x or not y", shape (clauses, 2).
        weight: Of each of these.
    """

    def __init__(self, groups: int = 10, instance: int = 0) -> None:
        in_group = round(groups**_EXPONENT)
        n = groups * in_group
        rng = np.random.default_rng(instance)
        chosen = np.arange(groups) * in_group + rng.integers(in_group, size=groups)
        self.sizes = (2,) * n
        self.hidden = tuple(int(variable in chosen) for variable in range(n))
        self.weight = n + 1
        members = np.arange(n).reshape(groups, in_group)
        clauses = [np.array(list(combinations(group, 2))) for group in members]
        for _ in range(round(_DENSITY * groups * math.log(groups))):
            one, other = rng.choice(groups, 2, replace=False)
            drawable = np.array(
                [
                    (a, b)
                    for a in members[one]
                    for b in members[other]
                    if not (self.hidden[a] and self.hidden[b])
                ]
            )
            drawn = rng.choice(len(drawable), round(_TIGHTNESS * in_group**2), replace=False)
            clauses.append(drawable[drawn])
        self.pairs: npt.NDArray[np.intp] = np.concatenate(clauses)

    @property
    def description(self) -> str:
        """One line on it."""
        return (
            f"weighted MaxSAT of the family frb10-6, {len(self.sizes)} variables, "
            f"{len(self.sizes) + len(self.pairs)} clauses"
        )

    def value(self, levels: Sequence[int]) -> float:
        """Weight of the clauses that are not satisfied, a whole number."""
        is_true = np.array(levels, dtype=bool)
        broken = is_true[self.pairs].all(axis=1).sum()
        return float(self.weight * broken + (~is_true).sum())
