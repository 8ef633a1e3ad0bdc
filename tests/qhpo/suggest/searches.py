"""Searches of known scores, in random regions of random spaces."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution

from qhpo.encoding import DenseDQM
from qhpo.feasible import FeasibleSet
from qhpo.space import OccurringValues, Space
from qhpo.suggest.search import Region, Search
from tests.qhpo.known import KnownScore, KnownValues
from tests.qhpo.strategies import KINDS, Problem, conditions_over, rule_sets, search_spaces

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Score = Callable[[FloatArray], FloatArray]


@st.composite
def problems(draw: Any, kinds: Sequence[str] = KINDS, most: int = 3) -> Problem:
    """Some of them plain, some with a number that has values between its levels."""
    distributions = draw(search_spaces(most=most, axes=(2, 4)))
    has_number = draw(st.booleans())
    if has_number:
        # What is asked one by one is asked of few changes only.
        kinds = [kind for kind in kinds if kind != "predicate"]
    rules = draw(st.just([]) | rule_sets(distributions, kinds, most=2))
    conditions = draw(st.just(()) | conditions_over(distributions))
    if has_number:
        distributions = {**distributions, "number": FloatDistribution(0.0, 1.0)}
    return Problem(Space(distributions), rules, conditions)


def rugged(space: Space, seed: int) -> Score:
    """A score that has many local maxima."""

    def score(x: FloatArray) -> FloatArray:
        return np.array([random.Random(f"{seed} {space.key(one)}").gauss(0.0, 1.0) for one in x])

    return score


def random_configurations(problem: Problem, n: int, rng: np.random.Generator) -> FloatArray:
    """Configurations that the conditions allow, shape (n, d); constraints they may break."""
    axes = problem.space.axes
    columns = [
        rng.choice(axis.coordinates, n) if axis.is_exhaustive else axis.snap(rng.random(n))
        for axis in axes
    ]
    return problem.active(np.stack(columns, axis=1))


class Where(NamedTuple):
    """A region, in coordinates."""

    centre: FloatArray
    avoid: FloatArray
    fixed: NDArray[np.bool_]
    radius: int

    def distance(self, x: FloatArray) -> IntArray:
        """Number of axes in which configurations differ from the centre, (q, d) to (q,)."""
        same = (x == self.centre) | (np.isnan(x) & np.isnan(self.centre))
        distance: IntArray = (~same).sum(axis=1)
        return distance

    def is_avoided(self, x: FloatArray) -> bool:
        """Whether a configuration, shape (d,), is one to avoid."""
        same = (x == self.avoid) | (np.isnan(x) & np.isnan(self.avoid))
        return bool(same.all(axis=1).any())


def everywhere(space: Space, centre: FloatArray) -> Where:
    """A region without any restriction around a configuration."""
    d = len(space)
    return Where(centre, np.empty((0, d)), np.zeros(d, dtype=bool), d)


def make_search(
    feasible: FeasibleSet,
    where: Where,
    observed: FloatArray,
    tables: DenseDQM | Sequence[DenseDQM],
    score: Score | None = None,
    others: FloatArray | None = None,
) -> Search:
    """A search.

    Args:
        feasible: The search space.
        where: The region.
        observed: Shape (n, d).
        tables: Energies of the surrogate's members.
        score: What is maximized; the first member's energies are minimized if not given.
        others: Further configurations whose values occur, shape (q, d).
    """
    space = feasible.space
    members = [tables] if isinstance(tables, DenseDQM) else tables
    surrogate = KnownValues(space, observed, members)
    acquisition = KnownScore(space, score or (lambda x: -surrogate.predict(x).mean[0]))
    known = [observed, where.avoid, where.centre[None, :]]
    occurring = OccurringValues(
        space, np.concatenate(known if others is None else [*known, others])
    )
    region = Region(
        occurring.places(where.avoid),
        where.fixed,
        occurring.places(where.centre[None, :])[0],
        where.radius,
    )
    return Search(acquisition, surrogate, feasible, occurring, region)
