"""The quadratic model that suggestions are annealed from, for other people's solvers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import dimod
import numpy as np

from qhpo.encoding import DenseDQM, encode
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet, PenaltyWeights, penalized
from qhpo.history import History
from qhpo.space import Space
from qhpo.surrogate.base import SurrogateFitter

__all__ = ["Meaning", "QuadraticModel", "quadratic_model"]

_MOST_LEVELS = 4096
"""Levels of all parameters together: the model has a square of them, 130 MB."""


class Meaning(NamedTuple):
    """What a binary variable says if it is 1.

    Attributes:
        variable: Its name in the model.
        parameter: Name of the parameter; None for one that only helps to keep a rule.
        value: The value that the parameter takes.
        is_absent: Whether the parameter is not there at all, and has no value.
    """

    variable: str
    parameter: str | None
    value: Any = None
    is_absent: bool = False


@dataclass(frozen=True)
class QuadraticModel:
    """Main effects and pairs of a study's model, with penalties for its rules.

    Of the variables of a parameter exactly one should be 1. Smaller energies are better.

    Attributes:
        space: The parameters.
        tables: The discrete model: a variable for each parameter, then those that rules need. A
            case behind the levels of a parameter means that it is absent.
    """

    space: Space
    tables: DenseDQM

    @cached_property
    def meanings(self) -> tuple[Meaning, ...]:
        """Of every binary variable, in their order."""
        found = []
        sizes = self.tables.sizes.tolist()
        for axis, size in zip(self.space.axes, sizes, strict=False):
            values = [axis.value(c) for c in axis.coordinates.tolist()]
            found += [Meaning(f"{axis.name}={v!r}", axis.name, v) for v in values]
            found += [Meaning(f"{axis.name} absent", axis.name, is_absent=True)] * (
                size - len(values)
            )
        for number, size in enumerate(sizes[len(self.space) :], start=1):
            found += [Meaning(f"rule {number}: case {k}", None) for k in range(size)]
        # Two choices may look the same.
        taken: Counter[str] = Counter()
        for i, meaning in enumerate(found):
            taken[meaning.variable] += 1
            if taken[meaning.variable] > 1:
                again = f"{meaning.variable} #{taken[meaning.variable]}"
                found[i] = meaning._replace(variable=again)
        return tuple(found)

    def to_bqm(self) -> dimod.BinaryQuadraticModel:
        """One-hot, its variables named as in `meanings`; valid samples have the model's energy."""
        bqm = encode(self.tables, "one-hot").bqm
        bqm.relabel_variables({i: m.variable for i, m in enumerate(self.meanings)})
        return bqm


def quadratic_model(
    feasible: FeasibleSet, history: History, fitter: SurrogateFitter
) -> QuadraticModel:
    """The model of the posterior mean, of the middle one of several.

    Args:
        feasible: The search space, with its constraints and conditions.
        history: At least one configuration with a value.
        fitter: Makes the surrogate.

    Raises:
        QhpoError: If the space has too many levels for one model.
    """
    space = feasible.space
    n_levels = int(space.starts[-1])
    if n_levels > _MOST_LEVELS:
        raise QhpoError(
            f"a model has at most {_MOST_LEVELS} values of all parameters together; got "
            f"{n_levels}; give parameters coarser steps, or fix some"
        )
    surrogate = fitter.fit(space, history.coordinates, history.values)
    rng = np.random.default_rng(0)
    tables = surrogate.quadratic("mean", surrogate.n_members // 2, rng)
    if not feasible.is_plain:
        best = history.coordinates[int(history.feasible_values.argmin())]
        centre = space.nearest_levels(np.nan_to_num(best))
        free = np.zeros(len(space), dtype=bool)
        tables = penalized(tables, feasible.levels, centre, free, PenaltyWeights())
    return QuadraticModel(space, tables)
