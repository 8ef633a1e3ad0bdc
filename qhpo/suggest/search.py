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
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition import Acquisition
from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet, Moves
from qhpo.space import OccurringValues, Space
from qhpo.surrogate.base import Part, QuadraticKind

__all__ = ["Guide", "Region", "Search", "best_observed"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
CodeArray = NDArray[np.uint64]

_BEST = 32
"""Best observed configurations whose values between levels a search visits, far more than it climbs
from: a trust region may leave out most."""


class Guide(Protocol):
    """What the starts of a search come from: every `Surrogate` is one.

    Attributes are as in `Surrogate`.
    """

    space: Space
    n_members: int
    observed: FloatArray
    observed_mean: FloatArray

    def quadratic(
        self, kind: QuadraticKind, member: int, rng: np.random.Generator, part: Part | None = None
    ) -> DenseDQM:
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
    fixed: BoolArray
    centre: IntArray
    radius: int

    @cached_property
    def _codes(self) -> CodeArray:
        """A random number for every place of every axis, shape (d, places).

        The last two columns are of what no configuration to avoid has, and of -1. The code of a
        configuration is the sum of its places' (Zobrist 1970, "A new hashing method with
        application for game playing"). Different ones that share a code are less likely than an
        error of the machine, and would only keep something new from being suggested.
        """
        shape = len(self.centre), int(self.avoid.max(initial=-1)) + 3
        return np.random.default_rng(0).integers(2**64, size=shape, dtype=np.uint64)

    @cached_property
    def _avoided(self) -> CodeArray:
        """Codes of what must not be suggested, increasing, shape (t,)."""
        return np.unique(self._code_of(self.avoid).sum(axis=1, dtype=np.uint64))

    def _code_of(self, places: IntArray) -> CodeArray:
        """Codes of places, both of shape (q, d)."""
        known = np.minimum(places, self._codes.shape[1] - 2)
        codes: CodeArray = self._codes[np.arange(len(self.centre)), known]
        return codes

    def is_avoided(self, places: IntArray) -> BoolArray:
        """Which candidates must not be suggested, (q, d) to (q,)."""
        return self._are_avoided(self._code_of(places).sum(axis=1, dtype=np.uint64))

    def are_changes_avoided(self, places: IntArray, block: IntArray, level: IntArray) -> BoolArray:
        """Which single changes of candidates must not be suggested.

        Args:
            places: Shape (S, d).
            block: Axis of every change, shape (D,).
            level: Place that it leads to, shape (D,).

        Returns:
            Shape (S, D).
        """
        if not len(self.avoid):
            return np.zeros((len(places), len(block)), dtype=bool)
        own = self._code_of(places)
        after = self._codes[block, np.minimum(level, self._codes.shape[1] - 2)]
        rest = own.sum(axis=1, dtype=np.uint64)[:, None] - own[:, block]
        return self._are_avoided(rest + after)

    def _are_avoided(self, codes: CodeArray) -> BoolArray:
        """Codes of candidates, any shape."""
        if not len(self.avoid):
            return np.zeros(codes.shape, dtype=bool)
        at = np.minimum(np.searchsorted(self._avoided, codes), len(self._avoided) - 1)
        avoided: BoolArray = self._avoided[at] == codes
        return avoided


def best_observed(surrogate: Guide) -> FloatArray:
    """The best observed configurations, the one of lowest mean first, shape (k, d).

    Of every axis that any observed configuration has, the best that has it is among them.
    """
    by_mean = np.argsort(surrogate.observed_mean.mean(axis=0), kind="stable")
    is_active = ~np.isnan(surrogate.observed[by_mean])
    first = is_active.argmax(axis=0)[is_active.any(axis=0)]
    chosen = np.union1d(np.arange(min(_BEST, len(by_mean))), first)
    best: FloatArray = surrogate.observed[by_mean[chosen]]
    return best


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
        self.best_observed = occurring.places(best_observed(surrogate))
        """Their places."""

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
