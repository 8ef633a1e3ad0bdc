"""Optuna trials as arrays: what has been learnt, what is running, what must not be repeated."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from qhpo.errors import QhpoError
from qhpo.scalarization import scalarized
from qhpo.space import Space

__all__ = ["History", "HistoryReader", "publish", "published_params"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_PARAMS = "qhpo:params"
# RDB storages of older schemas hold at most 2,046 characters of an attribute's value.
_CHUNK = 2000


@dataclass(frozen=True)
class History:
    """A study's trials over one search space.

    Attributes:
        coordinates: Configurations with a value, in order of completion, shape (n, d); NaN where
            a trial did not ask for the parameter.
        values: Their values, shape (n,), smaller is better; may be infinite. Of several objectives
            one number each, by the weights that they were read with.
        pending: Configurations of other running trials, shape (p, d).
        avoid: Configurations of all finished and other running trials, shape (t, d).
        is_scalarized: Whether values are weighted sums of several objectives.
    """

    coordinates: FloatArray
    values: FloatArray
    pending: FloatArray
    avoid: FloatArray
    is_scalarized: bool = False


class HistoryReader:
    """Reads a study's trials, remembering the coordinates of those it has seen finished.

    Args:
        space: The search space.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._finished: dict[int, FloatArray | None] = {}

    def read(
        self, study: Study, current: FrozenTrial, weights: FloatArray | None = None
    ) -> History:
        """The history that a trial is suggested from.

        A pruned trial counts with its last report, but never as better than the median completed
        trial: it was stopped early because it looked worse. Failed trials, and pruned ones without
        a report, teach nothing and are not repeated.

        Args:
            study: The study.
            current: The trial that is asking; it is left out.
            weights: Of the objectives, shape (m,), where a study has several.
        """
        signs = [-1.0 if direction.name == "MAXIMIZE" else 1.0 for direction in study.directions]
        trials = study._get_trials(deepcopy=False, use_cache=False)
        finished = _by_completion(trials)
        complete = _complete(finished, signs, weights)
        # One of the values: the mean of two may not exist between infinite ones.
        median = median_low(complete.values()) if complete else -math.inf
        coordinates, values, taken = [], [], []
        for trial in finished:
            place = self._coordinates(trial)
            if place is None:
                continue
            taken.append(place)
            value = complete.get(trial.number)
            if value is None:
                value = _pruned_value(trial, signs[0], median)
            if value is not None:
                coordinates.append(place)
                values.append(value)
        pending = self._pending(trials, current)
        return History(
            self._stacked(coordinates),
            np.array(values, dtype=float),
            self._stacked(pending),
            self._stacked(taken + pending),
            weights is not None,
        )

    def finished(self, study: Study) -> tuple[FloatArray, BoolArray]:
        """Configurations of complete and pruned trials, shape (n, d), and which are complete."""
        wanted = (TrialState.COMPLETE, TrialState.PRUNED)
        trials = study._get_trials(deepcopy=False, states=wanted, use_cache=False)
        places, complete = [], []
        for trial in _by_completion(trials):
            place = self._coordinates(trial)
            if place is not None:
                places.append(place)
                complete.append(trial.state == TrialState.COMPLETE)
        return self._stacked(places), np.array(complete, dtype=bool)

    def taken(self, study: Study, current: FrozenTrial) -> FloatArray:
        """Configurations of all finished and other running trials, shape (t, d)."""
        trials = study._get_trials(deepcopy=False, use_cache=False)
        places = [self._coordinates(trial) for trial in trials if trial.state.is_finished()]
        known = [place for place in places if place is not None]
        return self._stacked(known + self._pending(trials, current))

    def _stacked(self, places: list[FloatArray]) -> FloatArray:
        return np.array(places, dtype=float).reshape(len(places), len(self._space))

    def _pending(self, trials: list[FrozenTrial], current: FrozenTrial) -> list[FloatArray]:
        found = []
        for trial in trials:
            if trial.state == TrialState.RUNNING and trial.number != current.number:
                place = self._encode(published_params(trial, self._space.search_space))
                # What is missing before anything is published may still be asked for.
                is_known = f"{_PARAMS}:0" in trial.system_attrs
                if place is not None and (is_known or not np.isnan(place).any()):
                    found.append(place)
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


def _by_completion(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The finished ones, in order of completion."""
    return sorted(
        (trial for trial in trials if trial.state.is_finished()),
        key=lambda trial: (
            trial.datetime_complete is None,
            trial.datetime_complete,
            trial.number,
        ),
    )


def _complete(
    finished: list[FrozenTrial], signs: list[float], weights: FloatArray | None
) -> dict[int, float]:
    """The value of every complete trial by its number, smaller is better."""
    known = [t for t in finished if t.state == TrialState.COMPLETE and t.values is not None]
    values = np.array([t.values for t in known], dtype=float).reshape(-1, len(signs)) * signs
    scalars = values[:, 0] if weights is None else scalarized(values, weights)
    return dict(zip((t.number for t in known), scalars.tolist(), strict=True))


def _pruned_value(trial: FrozenTrial, sign: float, median: float) -> float | None:
    # Optuna takes reports from studies of one objective only.
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        report = sign * trial.intermediate_values[max(trial.intermediate_values)]
        return None if math.isnan(report) else max(report, median)
    return None


def publish(study: Study, trial: FrozenTrial, params: Mapping[str, float]) -> None:
    """Tell other processes what a trial is going to use, before its objective asks for it.

    Args:
        study: The study.
        trial: The running trial.
        params: Optuna's internal representation of the parameters that the sampler chose, numbers
            even where the choices are objects that cannot be written down.
    """
    text = json.dumps(params)
    for start in range(0, len(text), _CHUNK):
        key = f"{_PARAMS}:{start // _CHUNK}"
        study._storage.set_trial_system_attr(trial._trial_id, key, text[start : start + _CHUNK])


def published_params(
    trial: FrozenTrial, search_space: Mapping[str, BaseDistribution]
) -> dict[str, Any]:
    """Parameters of a running trial: what it published, overridden by what it asked for.

    Args:
        trial: The running trial.
        search_space: Distributions to read the published values by; others are left out.
    """
    chunks: Sequence[str] = [
        trial.system_attrs[key]
        for key in (f"{_PARAMS}:{i}" for i in range(len(trial.system_attrs)))
        if key in trial.system_attrs
    ]
    try:
        # A second publication may be shorter than the first: what follows it is left over.
        internal = json.JSONDecoder().raw_decode("".join(chunks))[0]
    except json.JSONDecodeError:
        internal = {}  # nothing is published, or it is being written
    published = {
        name: search_space[name].to_external_repr(value)
        for name, value in internal.items()
        if name in search_space and search_space[name]._contains(value)
    }
    return {**published, **trial.system_attrs.get("fixed_params", {}), **trial.params}
