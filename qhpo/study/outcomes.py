"""What only running a trial tells of it: constraints that it measured, and whether it failed.

Optuna keeps what `Trial.set_constraint` and a ``constraints_func`` have said in one place, a number
each of at most 0 where the constraint is kept: what is used of its private API for this stands in
this module, and with it all that differs in Optuna 4, where a constraint has no name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.samplers._base import _process_constraints_after_trial
from optuna.study import Study
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, Trial, TrialState

from qhpo.history import Outcomes

__all__ = [
    "ConstraintsFunc",
    "Tried",
    "constraint_attributes",
    "measure",
    "measured_constraints",
    "set_constraint",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_PREFIX = f"{_CONSTRAINTS_KEY}:"
"""Of the attributes that hold one constraint each, with its name behind."""

ConstraintsFunc = Callable[[FrozenTrial], Sequence[float]]
"""What Optuna's samplers take: the constraints of a trial that has ended, at most 0 if kept."""


def measure(
    function: ConstraintsFunc | None, study: Study, trial: FrozenTrial, state: TrialState
) -> None:
    """Stores what a function says of a trial's constraints, as Optuna's samplers do."""
    if function is not None:
        _process_constraints_after_trial(function, study, trial, state)


def set_constraint(trial: Trial, name: str, value: float) -> None:
    """Stores a constraint that a running trial has measured, which has not been stored before."""
    if hasattr(trial, "set_constraint"):
        trial.set_constraint(name, value)
        return
    # Optuna 4 has no such method, and its samplers and `Study.best_trial` read a list. The name
    # stands beside it, where Optuna 5 looks for it.
    known = trial.storage.get_trial_system_attrs(trial._trial_id).get(_CONSTRAINTS_KEY) or ()
    trial.storage.set_trial_system_attr(trial._trial_id, _CONSTRAINTS_KEY, [*known, value])
    trial.storage.set_trial_system_attr(trial._trial_id, f"{_PREFIX}{name}", value)


def constraint_attributes(values: Sequence[float]) -> dict[str, list[float]]:
    """System attributes of a trial that is made with constraints, whose names do not matter."""
    return {_CONSTRAINTS_KEY: list(values)} if values else {}


def measured_constraints(trial: FrozenTrial) -> dict[str, float]:
    """Constraints that a trial has measured, by name.

    They are read where Optuna keeps them: ``FrozenTrial.constraints`` came with Optuna 5.
    """
    attributes = trial.system_attrs
    named = {k.removeprefix(_PREFIX): attributes[k] for k in attributes if k.startswith(_PREFIX)}
    # A list comes from a ``constraints_func``, or repeats what has a name: see `set_constraint`.
    listed = attributes.get(_CONSTRAINTS_KEY) or ()
    if sorted(listed) != sorted(named.values()):
        named = {**{str(i): value for i, value in enumerate(listed)}, **named}
    return {name: float(value) for name, value in named.items() if not math.isnan(value)}


@dataclass(frozen=True)
class Tried:
    """What became of a trial that ended by itself.

    Attributes:
        x: Its configuration, shape (d,).
        value: Smaller is better; None if it ended without one: an error, NaN, or nothing reported.
        constraints: What it measured, by name.
        is_complete: Whether it was neither pruned nor failed.
    """

    x: FloatArray
    value: float | None
    constraints: Mapping[str, float]
    is_complete: bool

    @classmethod
    def constraints_of(cls, tried: Sequence[Tried], n_axes: int) -> tuple[Outcomes, ...]:
        """Every constraint as the trials saw it that measured it."""
        names = {name: None for one in tried for name in one.constraints}
        return tuple(
            _outcomes([(t.x, t.constraints[k]) for t in tried if k in t.constraints], n_axes)
            for k in names
        )

    @classmethod
    def failures_of(cls, tried: Sequence[Tried], n_axes: int) -> Outcomes | None:
        """See `qhpo.history.History`."""
        if all(one.value is not None for one in tried):
            return None
        return _outcomes([(t.x, 1.0 if t.value is None else -1.0) for t in tried], n_axes)

    @classmethod
    def feasible_of(cls, tried: Sequence[Tried]) -> BoolArray | None:
        """Of those with a value, see `qhpo.history.History`.

        What a complete trial did not measure it keeps, as Optuna has it; a pruned one may not have
        come to it.
        """
        names = {name for one in tried for name in one.constraints}
        kept = [
            all(v <= 0.0 for v in one.constraints.values())
            and (one.is_complete or len(one.constraints) == len(names))
            for one in tried
            if one.value is not None
        ]
        return None if all(kept) else np.array(kept, dtype=bool)


def _outcomes(found: Sequence[tuple[FloatArray, float]], n_axes: int) -> Outcomes:
    x = np.array([x for x, _ in found], dtype=float).reshape(-1, n_axes)
    return Outcomes(x, np.array([value for _, value in found], dtype=float))
