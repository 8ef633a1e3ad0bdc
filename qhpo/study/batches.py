"""The rest of a batch: what one suggestion leaves for the trials that follow it.

It is written down with the trial that it was made for, so that trials of other processes find it,
and every trial that takes a part says so. Optuna has no attributes of its own for what processes
tell each other: what is used of its private API for this stands in this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from optuna.study import Study
from optuna.trial import FrozenTrial

from qhpo.study.attributes import read_text, write_text
from qhpo.study.trials import Trials

__all__ = ["Left", "leave", "left", "take"]

_BATCH = "qhpo:batch"
"""System attributes of a trial, this and a number: configurations for the trials behind it."""

_TAKEN = "qhpo:taken"
"""System attribute of a trial that took one: the number of the other trial, and which."""

_LIFETIMES = 2
"""How many batches' worth of trials a batch is handed out for. What is left then was chosen without
what all of these have told."""


class Left(NamedTuple):
    """A configuration that nobody has taken.

    Attributes:
        number: Of the trial that left it.
        place: Its place in the batch.
        params: Optuna's internal representation of its parameters.
    """

    number: int
    place: int
    params: Mapping[str, float]


def leave(study: Study, trial: FrozenTrial, rest: Sequence[Mapping[str, float]]) -> None:
    """Writes down configurations for the trials behind one.

    Args:
        study: The study.
        trial: The running trial that they were made beside.
        rest: Optuna's internal representation of the parameters of each.
    """
    write_text(study, trial, _BATCH, [dict(params) for params in rest])


def take(study: Study, trial: FrozenTrial, one: Left) -> None:
    """Notes that a trial has taken a configuration."""
    study._storage.set_trial_system_attr(trial._trial_id, _TAKEN, [one.number, one.place])


def left(trials: Trials, number: int, batch_size: int) -> list[Left]:
    """What nobody has taken of the latest batch, in its order.

    Args:
        trials: The study's trials.
        number: Of the trial that asks; what it has taken itself is free.
        batch_size: Configurations of a batch: one made so many trials ago is over.
    """
    found: Sequence[Mapping[str, float]] | None = None
    taken = set()
    for trial in reversed(trials.all):
        if trial.number < number - _LIFETIMES * batch_size:
            break
        if trial.number != number and _TAKEN in trial.system_attrs:
            taken.add(tuple(trial.system_attrs[_TAKEN]))
        found = read_text(trial, _BATCH)
        if found is not None:
            made = trial.number
            return [
                Left(made, i, params) for i, params in enumerate(found) if (made, i) not in taken
            ]
    return []
