"""The next configuration: a design first, then the proposals, and never one that is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qhpo.acquisition.design import design_row
from qhpo.acquisition.proposal import Proposer
from qhpo.acquisition.settings import Settings
from qhpo.feasible import FeasibleSet
from qhpo.history import History
from qhpo.solvers import Solver
from qhpo.space import Space

__all__ = ["Choice", "Chooser"]

FloatArray = NDArray[np.float64]

_BEST_AGAIN = 5
_RANDOM_DRAWS = 200


@dataclass(frozen=True)
class Choice:
    """A configuration that was chosen.

    Attributes:
        coordinates: Shape (d,), NaN where inactive.
        is_new: Whether it is not taken.
        is_proof: Where it is, whether it is proven that nothing else is left, or only the budget of
            the search spent.
    """

    coordinates: FloatArray
    is_new: bool
    is_proof: bool = False


class Chooser:
    """Chooses configurations from histories.

    Args:
        solver: Samples the quadratic models.
        n_startup: Trials of the first, balanced design.
        seed: Seed of the design.
        settings: What a proposal is made of.
    """

    def __init__(self, solver: Solver, n_startup: int, seed: int, settings: Settings) -> None:
        self._n_startup = n_startup
        self._seed = seed
        self._settings = settings
        self._proposer = Proposer(solver, n_startup, settings)

    def choose(
        self,
        domain: FeasibleSet,
        history: History,
        frozen: FloatArray,
        number: int,
        rng: np.random.Generator,
    ) -> Choice:
        """The next configuration.

        Args:
            domain: The search space with its constraints and conditions.
            history: What is known.
            frozen: Coordinates that are fixed in advance, shape (d,); NaN where free.
            number: Number of the trial.
            rng: Decides what is left to chance.

        Raises:
            QhpoError: If no configuration keeps the constraints; names those in conflict.
        """
        space = domain.space
        taken = {space.key(configuration) for configuration in history.taken}
        candidates = self._candidates(domain, history, frozen, number, rng)
        for configuration in candidates:
            if space.key(configuration) not in taken and domain.satisfied(configuration):
                return Choice(configuration, True)
        left = domain.unseen(frozen, history.taken, rng)
        if left.coordinates is not None:
            return Choice(left.coordinates, True)
        again = _best_again(domain, history, frozen, number)
        if again is None:
            again = domain.any_configuration(frozen, rng)
        return Choice(again, False, left.is_proof)

    def _candidates(
        self,
        domain: FeasibleSet,
        history: History,
        frozen: FloatArray,
        number: int,
        rng: np.random.Generator,
    ) -> Iterator[FloatArray]:
        """Configurations in the order in which they are wanted."""
        n_rows = max(self._n_startup, 1)
        if len(history.values) < n_rows:
            row = self._first_configuration(domain.space, number, n_rows)
            if domain.is_plain:
                yield np.where(np.isnan(frozen), row, frozen)
            else:
                nearest = domain.nearest(row, frozen, rng)
                if nearest is not None:
                    yield nearest
        else:
            yield from self._proposer.ranked(domain, history, frozen, rng)
        if not domain.is_plain:
            yield from domain.draws(_RANDOM_DRAWS, frozen, rng)

    def _first_configuration(self, space: Space, number: int, n_rows: int) -> FloatArray:
        if self._settings.balanced_design:
            return design_row(space, number, n_rows, self._seed)
        rng = np.random.default_rng([self._seed, number])
        return np.array([axis.draw(rng) for axis in space.axes])


def _best_again(
    domain: FeasibleSet, history: History, frozen: FloatArray, number: int
) -> FloatArray | None:
    """One of the best configurations so far that agree with what is fixed, in turns."""
    agrees = ((history.coordinates == frozen) | np.isnan(frozen)).all(axis=1)
    order = np.argsort(history.values[agrees], kind="stable")
    best: dict[object, FloatArray] = {}
    for configuration in history.coordinates[agrees][order]:
        if len(best) == _BEST_AGAIN:
            break
        if domain.is_whole(configuration) and domain.satisfied(configuration):
            best[domain.space.key(configuration)] = configuration
    kept = list(best.values())
    return kept[number % len(kept)] if kept else None
