"""What finished trials tell of what their objective would ask for again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from qhpo.answers import Answers, EndAnswer, RangeAnswer
from qhpo.space import Space
from qhpo.study.claims import was_run
from qhpo.study.ranges import AskedRanges

__all__ = ["answers_of"]

FloatArray = NDArray[np.float64]

_SOON = 10
"""First trials without a parameter that may be chance: of a parameter that every second trial has,
one study in a thousand has so many."""

_LACKING = 2
"""Trials without a parameter, after the first with it, that tell a condition from a program that
was extended: one may be an exception."""


def answers_of(
    space: Space, known: Sequence[tuple[FrozenTrial, FloatArray]], ranges: AskedRanges
) -> Answers:
    """What the objective of a study is known to ask for.

    Args:
        space: The search space.
        known: Finished trials in order of completion, with their configurations of shape (d,).
        ranges: What ranges they asked for.
    """
    run = [one for one in known if was_run(one[0])]
    return Answers(space, [*_ends(space, run), *_asked(space, run, ranges)])


def _ends(space: Space, run: Sequence[tuple[FrozenTrial, FloatArray]]) -> list[EndAnswer]:
    """Of trials that went to the end without some of the axes."""
    ended = [x for trial, x in run if trial.state == TrialState.COMPLETE]
    if not ended:
        return []
    lacks = np.isnan(np.array(ended))
    has_been = ~np.logical_and.accumulate(np.isnan(np.array([x for _, x in run])))
    is_known = has_been[[trial.state == TrialState.COMPLETE for trial, _ in run]]
    # A program may have come to ask for more: then what it did before tells nothing. It has not if
    # it did so soon, or goes on without at times.
    is_known |= has_been[: _SOON + 1][-1]
    is_known |= (lacks & is_known).sum(axis=0) >= _LACKING
    absent = lacks & is_known & has_been[-1]
    return [EndAnswer(x, row) for x, row in zip(ended, absent, strict=True) if row.any()]


def _asked(
    space: Space, run: Sequence[tuple[FrozenTrial, FloatArray]], ranges: AskedRanges
) -> list[RangeAnswer]:
    """Of ranges of which nothing else is expected, what was last asked for after the same values.

    Between infinitely many values no trial turns out as another one.
    """
    axes = [
        (i, axis.name)
        for i, axis in enumerate(space.axes)
        if axis.name in ranges.varying and ranges.expected(axis.name) is None
    ]
    latest: dict[tuple[int, bytes], RangeAnswer] = {}
    for trial, x in run if axes else ():
        place = {name: i for i, name in enumerate(trial.distributions)}
        places = np.array([place.get(axis.name, len(place)) for axis in space.axes])
        for i, name in axes:
            asked = trial.distributions.get(name)
            if asked is not None and (asked.single() or math.isfinite(space.axes[i].n_values)):
                given = np.where(places < place[name], x, np.nan)
                answer = RangeAnswer(given, i, asked)
                latest[i, given.tobytes()] = answer
    return list(latest.values())
