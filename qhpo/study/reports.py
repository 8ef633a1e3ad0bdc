"""The reports of a study's trials as learning curves, and what they say of how each will end.

Glossary
--------
quantity
    What a report is to the value of its trial: the same as the last one ("last") or the best one
    ("best") of its reports, or something else that no report tells ("other").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from qhpo.curves import Curve, CurveModel, EndBelief
from qhpo.space import Space

__all__ = ["Quantity", "StudyCurves", "last_turn"]

FloatArray = NDArray[np.float64]

Quantity = Literal["last", "best", "other"]

_SAME = 1e-6
"""Relative difference of a value and its report that rounding to single precision explains."""

_MOST = 0.5
"""Share of the complete trials that have to agree on what a report is."""


_EVERY_TRIAL_UNTIL, _TURN = 16, 8
"""Finished trials up to which each is learnt from at once; from there on curves are learnt from
anew when there are an eighth more: that takes some tens of milliseconds, and adds little."""


def last_turn(n: int) -> int:
    """Of n finished trials, how many of the first ones curves are learnt from."""
    at = min(n, _EVERY_TRIAL_UNTIL)
    while at + at // _TURN <= n and at >= _EVERY_TRIAL_UNTIL:
        at += at // _TURN
    return at


class StudyCurves:
    """What the reports of finished trials say of those that have not gone to the end.

    Args:
        space: The search space.
        known: Complete and pruned trials in order of completion, with configurations of shape (d,).
        sign: 1 where values are minimized, -1 where they are maximized.

    Attributes:
        quantity: What reports are.
        ends: Number of every complete trial -> its end, in the unit of reports, smaller is better.
    """

    def __init__(
        self, space: Space, known: Sequence[tuple[FrozenTrial, FloatArray]], sign: float
    ) -> None:
        self._sign = sign
        complete = [t for t, _ in known if t.state == TrialState.COMPLETE]
        self.quantity = _quantity(complete, sign)
        reported = [trial.intermediate_values for trial, _ in known]
        self._shift = int(any(0 in reports for reports in reported))
        self.ends: dict[int, float] = {}
        self._pruned: dict[int, float] = {}
        self._places: dict[int, int] = {}
        for trial in complete:
            end = self.end_of(trial)
            if math.isfinite(end):
                self.ends[trial.number] = end
        self._model = self._learnt(space, known)

    @property
    def is_able(self) -> bool:
        """Whether anything can be said: a complete trial has reported what led to its end."""
        return self._model is not None

    @property
    def tells_values(self) -> bool:
        """Whether ends are in the unit of values, so that they can stand for them."""
        return self.is_able and self.quantity != "other"

    def end(self, trial: FrozenTrial, x: FloatArray) -> EndBelief:
        """What a trial will end with that has not gone to the end, by its reports so far.

        Args:
            trial: The trial, with one report at least.
            x: Its configuration, shape (d,).
        """
        assert self._model is not None
        return self._model.end(x, self._curve(trial))

    def running_value(self, trial: FrozenTrial, x: FloatArray) -> float:
        """The value that a trial will end with, no better than any of `ends` before it has."""
        return max(self.end(trial, x).quantile(0.5), min(self.ends.values()))

    def pruned_value(self, trial: FrozenTrial, x: FloatArray) -> float:
        """The value that a trial would have ended with, no better than any of `ends`."""
        if trial.number not in self._pruned:
            learnt = self._places.get(trial.number)
            if learnt is None:
                expected = self.end(trial, x).quantile(0.5)
            else:
                assert self._model is not None
                expected = self._model.learnt_end(learnt)
            self._pruned[trial.number] = max(expected, min(self.ends.values()))
        return self._pruned[trial.number]

    def _learnt(
        self, space: Space, known: Sequence[tuple[FrozenTrial, FloatArray]]
    ) -> CurveModel | None:
        kept = [
            (trial, x)
            for trial, x in known
            if (trial.number in self.ends)
            or (trial.state == TrialState.PRUNED and trial.intermediate_values)
        ]
        if not any(t.number in self.ends and _numbers(t) for t, _ in kept):
            return None
        self._places = {trial.number: place for place, (trial, _) in enumerate(kept)}
        return CurveModel(
            space, np.array([x for _, x in kept]), [self._curve(trial) for trial, _ in kept]
        )

    def _curve(self, trial: FrozenTrial) -> Curve:
        reports = _numbers(trial)
        steps = sorted(reports)
        values = [self._sign * reports[step] for step in steps]
        if self.quantity == "best":
            values = np.minimum.accumulate(values).tolist() if values else values
        end = self.ends.get(trial.number)
        last = max(trial.intermediate_values, default=0)
        if end is None and trial.intermediate_values and last not in reports:
            # It has diverged, as far as it tells.
            steps, values = [*steps, last], [*values, math.inf]
        at = np.array(steps, dtype=float) + self._shift
        return Curve(at, np.array(values, dtype=float), end)

    def end_of(self, trial: FrozenTrial) -> float:
        """The end of a complete trial, in the unit of reports, smaller is better."""
        reports = _numbers(trial)
        if self.quantity == "other" and reports:
            return self._sign * reports[max(reports)]
        assert trial.values is not None
        return self._sign * float(trial.values[0])


def _quantity(complete: Sequence[FrozenTrial], sign: float) -> Quantity:
    """What most complete trials with reports agree on."""
    reported = [t for t in complete if t.values is not None and _numbers(t)]
    least = _MOST * len(reported)
    if sum(_is_last(t) for t in reported) >= least:
        return "last"
    return "best" if sum(_is_best(t, sign) for t in reported) >= least else "other"


def _is_last(trial: FrozenTrial) -> bool:
    reports = _numbers(trial)
    return _is_same(trial.values[0], reports[max(reports)])


def _is_best(trial: FrozenTrial, sign: float) -> bool:
    return _is_same(sign * trial.values[0], min(sign * v for v in _numbers(trial).values()))


def _numbers(trial: FrozenTrial) -> dict[int, float]:
    """The reports that are numbers: one that is not says nothing, where others follow."""
    return {s: v for s, v in trial.intermediate_values.items() if not math.isnan(v)}


def _is_same(one: float, other: float) -> bool:
    return one == other or math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME * abs(one))
