"""Which parameters are suggested jointly, and when each of them is active."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.space import Condition, Space, learn_conditions
from qhpo.study.trials import HistoryReader, Trials

__all__ = ["StudyDomain", "fixed_coordinates"]

FloatArray = NDArray[np.float64]

_logger = logging.getLogger("qhpo")


class StudyDomain:
    """The domain of a study's joint suggestions, as far as its trials tell.

    Args:
        search_space: Distributions of the parameters.
        constraints: What must hold.
        conditions: Conditions that are taken as given.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        constraints: Sequence[Constraint] = (),
        conditions: Sequence[Condition] = (),
    ) -> None:
        self.search_space = dict(search_space)
        self._constraints = constraints
        self._declared = conditions
        self._everything = HistoryReader(Space(search_space))
        self._space = Space(search_space)
        self._n_known = -1
        self._told: set[str] = set()
        self.feasible = FeasibleSet(self._space, constraints, conditions)
        self.reader = self._everything

    def with_space(self, search_space: Mapping[str, BaseDistribution]) -> StudyDomain:
        """The domain of the same study over other parameters."""
        other = StudyDomain(search_space, self._constraints, self._declared)
        other._told = self._told
        return other

    def update(self, trials: Trials) -> None:
        """Learns conditions from trials that have finished since the last time.

        ``feasible`` and ``reader`` then leave out parameters that no condition explains: they are
        suggested on their own.

        Args:
            trials: The study's trials.
        """
        known, is_complete = self._everything.complete_and_pruned(trials)
        if len(known) == self._n_known:
            return
        self._n_known = len(known)
        conditions, unexplained = learn_conditions(self._space, known, self._declared, is_complete)
        # What constraints and declared conditions speak of must stay with them.
        spoken = {name for constraint in self._constraints for name in constraint.names}
        spoken.update(p.parent for condition in self._declared for p in condition.parents)
        alone = set(unexplained) - spoken
        self._tell(alone.difference(self._never_seen(known)))
        # Without its parent a child would be taken to be active always.
        while more := {
            c.child for c in conditions if any(p.parent in alone for p in c.parents)
        }.difference(alone, spoken):
            alone |= more
        joint = {n: dist for n, dist in self.search_space.items() if n not in alone}
        if joint != self.feasible.space.search_space:
            space = self._space if not alone else Space(joint)
            self.reader = self._everything if not alone else HistoryReader(space)
            self.feasible = FeasibleSet(space, self._constraints, ())
        kept = tuple(
            c for c in conditions if c.child in joint and all(p.parent in joint for p in c.parents)
        )
        if kept != self.feasible.conditions:
            self.feasible = FeasibleSet(self.feasible.space, self._constraints, kept)

    def with_fixed(self, fixed: Mapping[str, Any]) -> FeasibleSet:
        """The feasible set where what is fixed is active, unless declared conditions deny it.

        What was learnt may be wrong, and a constraint must not be broken because of that.

        Args:
            fixed: Values that are fixed in advance by parameter name.
        """
        conditions = self.feasible.conditions
        kept = [c for c in conditions if c.child not in fixed or c in self._declared]
        if not self._constraints or len(kept) == len(conditions):
            return self.feasible
        return FeasibleSet(self.feasible.space, self._constraints, kept)

    def avoid_alone(self, trials: Trials, current: FrozenTrial) -> FloatArray:
        """Configurations of trials that had no parameter beside the joint ones, shape (t, d).

        Another trial may have the joint configuration of any other one: the rest tells them apart.
        """
        avoid = self._everything.avoid(trials, current)
        is_joint = np.array(
            [axis.name in self.feasible.space.search_space for axis in self._space.axes]
        )
        found: FloatArray = avoid[np.isnan(avoid[:, ~is_joint]).all(axis=1)][:, is_joint]
        return found

    def _never_seen(self, known: FloatArray) -> set[str]:
        columns = zip(self._space.axes, known.T, strict=True)
        return {axis.name for axis, column in columns if np.isnan(column).all()}

    def _tell(self, names: set[str]) -> None:
        """Logs, once, parameters that are suggested on their own."""
        for name in sorted(names - self._told):
            _logger.info(
                "no value of one or two other parameters explains which trials have the parameter "
                "%r; it is suggested on its own",
                name,
            )
        self._told |= names


def fixed_coordinates(
    space: Space, fixed: Mapping[str, Any], *, is_strict: bool = False
) -> FloatArray:
    """Coordinates that are fixed in advance, shape (d,); NaN where free.

    Args:
        space: The search space.
        fixed: Values by parameter name.
        is_strict: Whether every value must be one of the space; others are left out if not.

    Raises:
        QhpoError: If strict and a value is not in the space.
    """
    coordinates = np.full(len(space), np.nan)
    for i, axis in enumerate(space.axes):
        if axis.name in fixed and (is_strict or axis.contains(fixed[axis.name])):
            coordinates[i] = axis.coordinate(fixed[axis.name])
    unknown = set(fixed).difference(space.search_space)
    if is_strict and unknown:
        raise QhpoError(
            "with constraints, only parameters of the search space can be fixed in advance; got "
            f"{', '.join(sorted(unknown))}; the space has: {', '.join(sorted(space.search_space))}"
        )
    return coordinates
