"""Which parameters are suggested jointly, and when each of them is active."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.feasible import FeasibleSet
from qhpo.space import Condition, Space, are_same_choices, learn_conditions
from qhpo.study.ranges import Dependence, Expected, limits, overlap, union
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
        suggested: Distributions to suggest from where nothing else is expected, if they are
            narrower than those of the parameters.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        constraints: Sequence[Constraint] = (),
        conditions: Sequence[Condition] = (),
        suggested: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        self._suggested = suggested or {}
        self.search_space = dict(search_space)
        self._constraints = constraints
        self._declared = conditions
        self._everything = HistoryReader(Space(search_space))
        self._space = Space(search_space)
        self._n_known = (-1, -1)
        self._told: set[str] = set()
        self._expected: dict[str, tuple[Expected, ...]] = {}
        self.feasible = FeasibleSet(self._space, constraints, conditions)
        self.reader = self._everything

    def with_space(self, search_space: Mapping[str, BaseDistribution]) -> StudyDomain:
        """The domain of the same study over other parameters."""
        other = StudyDomain(search_space, self._constraints, self._declared, self._suggested)
        other._told = self._told
        return other

    def holding(self, asked: Mapping[str, BaseDistribution], trials: Trials) -> StudyDomain:
        """The domain over ranges that contain those that a trial asks for, too."""
        space = {
            n: union(known, asked.get(n, known)) or known for n, known in self.search_space.items()
        }
        if space == self.search_space:
            return self
        wider = self.with_space(space)
        wider.update(trials)
        return wider

    def update(self, trials: Trials) -> None:
        """Learns conditions from trials that have finished since the last time.

        ``feasible`` and ``reader`` then leave out parameters that trials do not ask for any more.

        Args:
            trials: The study's trials.
        """
        known, is_complete = self._everything.complete_and_pruned(trials)
        n_known = len(known), trials.ranges.n_trials
        if n_known == self._n_known:
            return
        self._n_known = n_known
        conditions, gone = learn_conditions(self._space, known, self._declared, is_complete)
        # What constraints and declared conditions speak of must stay with them.
        spoken = {name for constraint in self._constraints for name in constraint.names}
        spoken.update(p.parent for condition in self._declared for p in condition.parents)
        alone = set(gone) - spoken
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
            self._expected = {}
        kept = tuple(
            c for c in conditions if c.child in joint and all(p.parent in joint for p in c.parents)
        )
        # A declared range is what the constraints were checked with.
        expected = {} if self._constraints else self._expect(trials, joint)
        if kept != self.feasible.conditions or expected != self._expected:
            self._expected = expected
            self.feasible = self._set(kept, expected)

    def _expect(
        self, trials: Trials, joint: Mapping[str, BaseDistribution]
    ) -> dict[str, tuple[Expected, ...]]:
        """What the next trial is taken to ask for, where that is less than the space."""
        found: dict[str, tuple[Expected, ...]] = {}
        for name, distribution in joint.items():
            asked = trials.ranges.expected(name)
            if isinstance(asked, Dependence) and asked.parent not in joint:
                asked = None
            both = (asked, self._suggested.get(name))
            narrower = tuple(e for e in both if e is not None and e != distribution)
            if narrower:
                found[name] = narrower
        return found

    @property
    def is_always(self) -> NDArray[np.bool_]:
        """Axes that every joint suggestion has, shape (d,)."""
        children = {condition.child for condition in self.feasible.conditions}
        return np.array([axis.name not in children for axis in self.feasible.space.axes])

    @property
    def is_narrowed(self) -> bool:
        """Whether trials are taken to ask for less than the space."""
        return bool(self._expected)

    def expects(self, name: str, asked: BaseDistribution) -> bool:
        """Whether a parameter was expected to be asked for with a distribution."""
        known = self.search_space[name]
        expected = self._expected.get(name, ())
        within = [known, *(e for e in expected if isinstance(e, BaseDistribution))]
        if len(within) <= len(expected):
            return False
        if isinstance(asked, CategoricalDistribution):
            return are_same_choices(known, asked)
        return overlap(within) == overlap([self._suggested.get(name, asked), asked])

    def with_fixed(self, fixed: Mapping[str, Any]) -> FeasibleSet:
        """The feasible set where what is fixed is active, unless declared conditions deny it.

        What was learnt may be wrong, and a constraint must not be broken because of that.

        Args:
            fixed: Values that are fixed in advance by parameter name.
        """
        conditions = self.feasible.conditions
        kept = [c for c in conditions if c.child not in fixed or c in self._declared]
        is_same = not self._constraints or len(kept) == len(conditions)
        expected = {n: e for n, e in self._expected.items() if not _speaks_of(n, e, fixed)}
        if is_same and expected == self._expected:
            return self.feasible
        return self._set(conditions if is_same else kept, expected)

    def with_asked(self, name: str, asked: BaseDistribution) -> FeasibleSet:
        """The feasible set where one parameter is active and keeps the range asked for."""
        kept = [c for c in self.feasible.conditions if c.child != name]
        declared = self._suggested.get(name, asked)
        return self._set(kept, {name: (asked, declared)})

    def _set(
        self, conditions: Sequence[Condition], expected: Mapping[str, tuple[Expected, ...]]
    ) -> FeasibleSet:
        """The feasible set where some parameters keep narrower ranges than those of the space."""
        space = self.feasible.space
        kept = [
            limit
            for name, several in expected.items()
            for each in several
            for limit in limits(name, space.search_space[name], each)
        ]
        return FeasibleSet(space, [*self._constraints, *kept], conditions)

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
        """Logs, once, parameters that are not suggested any more."""
        for name in sorted(names - self._told):
            _logger.info(
                "none of the last trials has asked for the parameter %r; it is suggested again "
                "once one has",
                name,
            )
        self._told |= names


def _speaks_of(name: str, expected: Sequence[Expected], fixed: Mapping[str, Any]) -> bool:
    parents = {each.parent for each in expected if isinstance(each, Dependence)}
    return name in fixed or not parents.isdisjoint(fixed)


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
