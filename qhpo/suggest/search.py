"""What all steps of one search for the best score share.

Glossary
--------
S, D, d
    Configurations side by side; levels of all axes together; axes.
place
    Number of a value on its axis, see `OccurringValues`; -1 where inactive.
imputed
    Configurations with a place on every axis, also where conditions make it inactive: what a child
    would be if it were active is remembered there while a search switches it off and on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import Acquisition
from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet, Moves
from qhpo.space import OccurringValues, Space
from qhpo.surrogate.base import QuadraticKind

__all__ = ["Guide", "Region", "Search"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Guide(Protocol):
    """What the starts of a search come from: every `Surrogate` is one.

    Attributes are as in `Surrogate`.
    """

    space: Space
    n_members: int
    observed: FloatArray
    observed_mean: FloatArray

    def quadratic(self, kind: QuadraticKind, member: int, rng: np.random.Generator) -> DenseDQM:
        """See `Surrogate.quadratic`."""
        ...


@dataclass(frozen=True)
class Region:
    """Where candidates may lie.

    Attributes:
        avoid: Places of configurations that must not be suggested, shape (t, d).
        fixed: Axes that must not change, shape (d,), bool.
        centre: Places of the trust region's centre, shape (d,).
        radius: Number of axes in which a candidate may differ from the centre. What constraints
            need, repair and pairs of changes, may lead further.
    """

    avoid: IntArray
    fixed: NDArray[np.bool_]
    centre: IntArray
    radius: int

    def is_avoided(self, places: IntArray) -> NDArray[np.bool_]:
        """Which candidates must not be suggested, (q, d) to (q,)."""
        same = (places[:, None, :] == self.avoid[None, :, :]).all(axis=2)
        avoided: NDArray[np.bool_] = same.any(axis=1)
        return avoided


class Search:
    """One search.

    Args:
        acquisition: What is maximized.
        surrogate: What the starts come from.
        feasible: The search space with its constraints and conditions.
        occurring: Numbers the values that the search meets.
        region: Where candidates may lie.

    Attributes:
        moves: Changes that keep constraints and conditions, over these values.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        surrogate: Guide,
        feasible: FeasibleSet,
        occurring: OccurringValues,
        region: Region,
    ) -> None:
        self.acquisition = acquisition
        self.surrogate = surrogate
        self.feasible = feasible
        self.occurring = occurring
        self.region = region
        self.moves: Moves = feasible.over(occurring.of_axis)
        by_mean = np.argsort(surrogate.observed_mean.mean(axis=0), kind="stable")
        self.best_observed = occurring.places(surrogate.observed[by_mean])
        """Places of the observed configurations, the one of lowest mean first, shape (n, d)."""

    def score(self, places: IntArray) -> FloatArray:
        """The acquisition's score of candidates, (q, d) to (q,)."""
        return self.acquisition.score(self.occurring.coordinates(places))

    def score_new(self, places: IntArray) -> FloatArray:
        """`score`, minus infinity for what must not be suggested."""
        return np.where(self.region.is_avoided(places), -np.inf, self.score(places))

    def best(self, places: IntArray, n: int) -> IntArray:
        """The n candidates of highest score."""
        if len(places) <= n:
            return places
        return places[np.argsort(-self.score(places), kind="stable")[:n]]

    def active(self, imputed: IntArray) -> IntArray:
        """Places with what is inactive set to -1, (q, d) to (q, d)."""
        return self.moves.activity.apply(imputed)

    def impute(self, places: IntArray, rng: np.random.Generator) -> IntArray:
        """Inactive axes as in the best observed configuration that has them, (q, d) to (q, d).

        Args:
            places: Candidates.
            rng: Draws levels of axes that no observed configuration has.
        """
        if self.feasible.is_plain and (places >= 0).all():
            return places
        default = rng.integers(self.feasible.space.n_levels)
        for i, column in enumerate(self.best_observed.T):
            seen = np.flatnonzero(column >= 0)
            if len(seen):
                default[i] = column[seen[0]]
        imputed: IntArray = np.where(places < 0, default, places)
        return imputed
