"""Optuna trials as arrays: what has been learnt, what is running, what must not be repeated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.history import History
from qhpo.space import Space
from qhpo.study.claims import has_published, published_params
from qhpo.study.scalarization import scalarized
from qhpo.study.trials import Trials

__all__ = ["HistoryReader"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class HistoryReader:
    """A study's trials as arrays, remembering the coordinates of those that were seen finished.

    Args:
        space: The search space.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._finished: dict[int, FloatArray | None] = {}

    def history(
        self, trials: Trials, current: FrozenTrial, weights: FloatArray | None = None
    ) -> History:
        """The history that a trial is suggested from.

        A pruned trial counts with its last report, but never as better than the median completed
        trial: it was stopped early because it looked worse. Failed trials, and pruned ones without
        a report, teach nothing and are not repeated.

        Args:
            trials: The study's trials.
            current: The trial that is asking; it is left out.
            weights: Of the objectives, shape (m,), where a study has several.
        """
        complete = _complete(trials, weights)
        # One of the values: the mean of two may not exist between infinite ones.
        median = median_low(complete.values()) if complete else -math.inf
        coordinates, values, avoid = [], [], []
        for trial in trials.finished:
            x = self._coordinates(trial)
            if x is None:
                continue
            avoid.append(x)
            value = complete.get(trial.number)
            if value is None:
                value = _pruned_value(trial, trials.signs[0], median)
            if value is not None:
                coordinates.append(x)
                values.append(value)
        pending = self._pending(trials, current)
        return History(
            self._stacked(coordinates),
            np.array(values, dtype=float),
            self._stacked(pending),
            self._stacked(avoid + pending),
            is_scalarized=weights is not None,
        )

    def complete_and_pruned(self, trials: Trials) -> tuple[FloatArray, BoolArray]:
        """Configurations of complete and pruned trials, shape (n, d), and which are complete."""
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        found, complete = [], []
        for trial in trials.finished:
            x = self._coordinates(trial) if trial.state in wanted else None
            if x is not None:
                found.append(x)
                complete.append(trial.state == TrialState.COMPLETE)
        return self._stacked(found), np.array(complete, dtype=bool)

    def avoid(self, trials: Trials, current: FrozenTrial) -> FloatArray:
        """Configurations of all finished and other running trials, shape (t, d)."""
        found = [self._coordinates(trial) for trial in trials.all if trial.state.is_finished()]
        known = [x for x in found if x is not None]
        return self._stacked(known + self._pending(trials, current))

    def _stacked(self, found: list[FloatArray]) -> FloatArray:
        return np.array(found, dtype=float).reshape(len(found), len(self._space))

    def _pending(self, trials: Trials, current: FrozenTrial) -> list[FloatArray]:
        found = []
        for trial in trials.all:
            if trial.state == TrialState.RUNNING and trial.number != current.number:
                x = self._encode(published_params(trial, self._space.search_space))
                # What is missing before anything is published may still be asked for.
                if x is not None and (has_published(trial) or not np.isnan(x).any()):
                    found.append(x)
        return found

    def _coordinates(self, trial: FrozenTrial) -> FloatArray | None:
        if trial._trial_id not in self._finished:
            self._finished[trial._trial_id] = self._encode(trial.params)
        return self._finished[trial._trial_id]

    def _encode(self, params: Mapping[str, Any]) -> FloatArray | None:
        """Coordinates, or None for a configuration outside the space or without any of its axes."""
        try:
            coordinates = self._space.encode(params)
        except QhpoError:
            return None
        return None if np.isnan(coordinates).all() else coordinates


def _complete(trials: Trials, weights: FloatArray | None) -> dict[int, float]:
    """The value of every complete trial by its number, smaller is better."""
    known = [t for t in trials.finished if t.state == TrialState.COMPLETE and t.values is not None]
    n_objectives = len(trials.signs)
    values = np.array([t.values for t in known], dtype=float).reshape(-1, n_objectives)
    values = values * trials.signs
    scalars = values[:, 0] if weights is None else scalarized(values, weights)
    return dict(zip((t.number for t in known), scalars.tolist(), strict=True))


def _pruned_value(trial: FrozenTrial, sign: float, median: float) -> float | None:
    # Optuna takes reports from studies of one objective only.
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        report = sign * trial.intermediate_values[max(trial.intermediate_values)]
        return None if math.isnan(report) else max(report, median)
    return None
