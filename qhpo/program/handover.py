"""What of an answer goes to the trial beside its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna

from qhpo.program.spec import Bound
from qhpo.study import set_constraint

__all__ = ["measure", "note"]


def measure(
    trial: optuna.Trial, measured: Mapping[str, Bound], value_of: Callable[[str], float]
) -> None:
    """Hands measured constraints over, once all of them are known."""
    values = {name: value_of(name) for name in measured}
    for name, bound in measured.items():
        for demand, violation in bound.violations(name, values[name]).items():
            set_constraint(trial, demand, violation)


def note(trial: optuna.Trial, others: Mapping[str, float]) -> None:
    """Other numbers of the answer become user attributes, the measured ones too."""
    for name, value in others.items():
        trial.set_user_attr(name, value)
