"""What a user has declared about a study: parameters, what they must keep, when they exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from qhpo.constraints import Constraint
from qhpo.errors import QhpoError
from qhpo.space import (
    Axis,
    Condition,
    Space,
    are_same_choices,
    declared_conditions,
    restored,
)

__all__ = ["Declaration"]

FloatArray = NDArray[np.float64]

_MAX_ASKED = 4096
"""Values that are asked about for one parameter on its own, some milliseconds."""


@dataclass(frozen=True)
class Declaration:
    """Arguments of `QUBOSampler`, checked.

    Attributes:
        search_space: Optuna distributions by parameter name; None where they are learnt.
        constraints: What every trial must keep.
        conditions: Which parameters exist only under some values of others.
    """

    search_space: dict[str, BaseDistribution] | None
    constraints: tuple[Constraint, ...]
    conditions: tuple[Condition, ...]

    @classmethod
    def checked(
        cls,
        search_space: Mapping[str, BaseDistribution] | None,
        constraints: Iterable[Constraint],
        conditions: Mapping[str, Mapping[str, Any]] | None,
    ) -> Declaration:
        """From what a user has written.

        Raises:
            QhpoError: If it is not of the form that `QUBOSampler` documents.
        """
        declared = None if search_space is None else _checked_space(search_space)
        rules = _checked_constraints(constraints, declared)
        if conditions and declared is None:
            raise QhpoError(
                "conditions need the declared search_space that they speak of; got none; without "
                "it conditions are learnt from the trials"
            )
        return cls(declared, rules, declared_conditions(conditions or {}, declared or {}))

    def check(self, number: int, params: Mapping[str, Any]) -> None:
        """Raises an error if a trial breaks a constraint.

        Args:
            number: Number of the trial.
            params: What it asked for.

        Raises:
            QhpoError: Naming the constraint.
        """
        declared = self.search_space or {}
        params = {
            name: restored(declared[name], value) if name in declared else value
            for name, value in params.items()
        }
        for constraint in self.constraints:
            if not constraint.satisfied(params):
                raise QhpoError(
                    f"a trial must keep every constraint; trial {number} breaks {constraint} with "
                    f"{params}; the objective must ask for each parameter with its declared "
                    "distribution, and conditions must say when it asks for which"
                )

    def check_asked(self, trial: FrozenTrial) -> None:
        """Raises an error if a trial asked for a parameter otherwise than it is declared.

        Without constraints nothing depends on it: the objective may ask for a part of a range.

        Raises:
            QhpoError: Naming the parameter and both distributions.
        """
        if self.constraints:
            for name, distribution in trial.distributions.items():
                self._check_same(name, distribution)

    def _check_same(self, name: str, distribution: BaseDistribution) -> None:
        declared = (self.search_space or {}).get(name)
        if declared is None or not are_same_choices(declared, distribution):
            raise QhpoError(
                "with constraints, an objective must ask for the parameters of the search space "
                f"with their declared distributions; got {name!r} with {distribution}; "
                f"declared: {declared or 'nothing of that name'}"
            )

    def check_any(self, trial: FrozenTrial, trials: Iterable[FrozenTrial]) -> None:
        """Raises an error if no trial of a study asked for any declared parameter.

        Args:
            trial: The one that has just ended.
            trials: All of the study.

        Raises:
            QhpoError: Naming what was asked for instead.
        """
        if not any(self.is_asked(each.params) for each in trials):
            raise QhpoError(
                "an objective must ask for parameters of the declared search space, "
                f"{', '.join(sorted(self.search_space or {}))}; trial {trial.number} asked for "
                f"{', '.join(sorted(trial.params)) or 'nothing'}; declare what it asks for, or "
                "leave search_space out"
            )

    def is_asked(self, params: Mapping[str, Any]) -> bool:
        """Whether some declared parameter was asked for, where any is declared."""
        return not self.search_space or not self.search_space.keys().isdisjoint(params)

    def value_beside(self, axis: Axis, known: Mapping[str, Any], rng: np.random.Generator) -> Any:
        """A value, drawn at random, for a parameter that was not expected to be asked for.

        Args:
            axis: The parameter as it was asked for.
            known: What the trial uses besides, as far as that is known.
            rng: Draws the value.

        Raises:
            QhpoError: If it is not as declared, or no value is found that keeps all constraints.
        """
        self._check_same(axis.name, axis.distribution)
        others = {name: value for name, value in known.items() if name != axis.name}
        # Of more values than these some are asked about.
        every = axis.every_coordinate() if axis.n_values <= _MAX_ASKED else axis.coordinates
        is_all = len(every) == axis.n_values
        drawn = [] if is_all else [axis.draw(rng) for _ in range(_MAX_ASKED)]
        for coordinate in [*rng.permutation(every).tolist(), *drawn]:
            value = axis.value(coordinate)
            if all(c.satisfied({**others, axis.name: value}) for c in self.constraints):
                return value
        tried = "none of its values" if is_all else f"none of {len(drawn):,} values that were tried"
        raise QhpoError(
            f"the parameter {axis.name!r} was asked for although it was not expected to be active, "
            f"and {tried} keeps all constraints beside {others}; declare when it is active with "
            "conditions"
        )


def _checked_space(search_space: object) -> dict[str, BaseDistribution]:
    if not isinstance(search_space, Mapping) or not all(isinstance(k, str) for k in search_space):
        raise QhpoError(
            "search_space must be a mapping of parameter names to Optuna distributions; "
            f"got {search_space!r}"
        )
    return dict(Space(search_space).search_space)


def _checked_constraints(
    constraints: Iterable[Constraint], declared: Mapping[str, BaseDistribution] | None
) -> tuple[Constraint, ...]:
    if isinstance(constraints, Constraint) or not isinstance(constraints, Iterable):
        raise QhpoError(f"constraints must be a list of constraints; got {constraints!r}")
    checked = tuple(constraints)
    for constraint in checked:
        if not isinstance(constraint, Constraint):
            raise QhpoError(
                "constraints are made with qhpo.constraints, such as constraints.forbid(...); "
                f"got {constraint!r}; wrap a function in constraints.predicate"
            )
        if declared is None:
            raise QhpoError(
                "constraints need the declared search_space, so that the first trial can keep them "
                "too; got search_space=None; pass QUBOSampler({...}, constraints=[...])"
            )
        constraint.check(declared)
    return checked
