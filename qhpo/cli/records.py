"""A study for other programs: as JSON, and as a table of comma-separated values.

JSON has no number for infinity and NaN: these are the texts ``"inf"``, ``"-inf"`` and ``"nan"``.
The columns of the table are named as those of ``study.trials_dataframe()``.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import optuna
from optuna.trial import FrozenTrial

from qhpo.cli.report import attributes
from qhpo.cli.studies import (
    ERROR,
    PROBLEM,
    SAMPLER,
    SEED,
    SOLVER,
    best_trials,
    metrics,
    status,
    suggesting_seconds,
    traceback_of,
)
from qhpo.study import Recommendation, measured_constraints

__all__ = ["study_record", "trial_record", "write_csv", "write_json"]


def trial_record(trial: FrozenTrial) -> dict[str, Any]:
    """Everything that is known of a trial; what it does not have is None or empty."""
    return {
        "trial": trial.number,
        "state": status(trial).value,
        "values": trial.values,
        "params": trial.params,
        "attributes": attributes(trial.user_attrs),
        "constraints": measured_constraints(trial),
        "reports": trial.intermediate_values,
        "started": _time(trial.datetime_start),
        "ended": _time(trial.datetime_complete),
        "seconds": _seconds(trial),
        "suggest_seconds": suggesting_seconds(trial) or None,
        "sampler": trial.user_attrs.get(SAMPLER),
        "solver": trial.user_attrs.get(SOLVER),
        "error": trial.user_attrs.get(ERROR),
        "traceback": traceback_of(trial) or None,
    }


def study_record(
    study: optuna.Study, trials: Sequence[FrozenTrial], recommended: Sequence[Recommendation]
) -> dict[str, Any]:
    """A study with all of its trials.

    Args:
        study: The study.
        trials: Its trials.
        recommended: What its model holds to be the best, nothing if it cannot say.
    """
    return {
        "study": study.study_name,
        "problem": study.user_attrs.get(PROBLEM),
        "seed": study.user_attrs.get(SEED),
        "metrics": metrics(study),
        "directions": [direction.name.lower() for direction in study.directions],
        "attributes": attributes(study.user_attrs),
        "best": [trial.number for trial in best_trials(study)],
        "recommended": _recommended(study, recommended),
        "trials": [trial_record(trial) for trial in trials],
    }


def _recommended(study: optuna.Study, recommended: Sequence[Recommendation]) -> Any:
    """Of one objective the one there is, or None; of several a list."""
    if len(study.directions) > 1:
        return [
            {"trial": one.trial.number, "values": one.values, "deviations": one.deviations}
            for one in recommended
        ]
    for one in recommended:
        return {"trial": one.trial.number, "value": one.value, "deviation": one.deviation}
    return None


def write_json(record: Mapping[str, Any], stream: TextIO) -> None:
    """Write a record, and a line's end."""
    json.dump(_plain(record), stream, indent=2, allow_nan=False)
    stream.write("\n")


def write_csv(study: optuna.Study, trials: Sequence[FrozenTrial], stream: TextIO) -> None:
    """Write a line for each trial below a line of names; what a trial does not have is empty."""
    names = metrics(study)
    values = ["value"] if len(names) == 1 else [f"values_{name}" for name in names]
    parts = {
        "params": _names(trial.params for trial in trials),
        "user_attrs": _names(attributes(trial.user_attrs) for trial in trials),
        "constraints": _names(measured_constraints(trial) for trial in trials),
    }
    writer = csv.writer(stream, lineterminator="\n")
    columns = [f"{part}_{name}" for part, found in parts.items() for name in found]
    head = ["number", *values, "state", "datetime_start", "datetime_complete", "seconds"]
    writer.writerow([*head, "suggest_seconds", *columns])
    for trial in trials:
        record = trial_record(trial)
        cells = [trial.number, *(trial.values or [None] * len(values)), record["state"]]
        cells += [record[key] for key in ("started", "ended", "seconds", "suggest_seconds")]
        for key, found in zip(("params", "attributes", "constraints"), parts.values(), strict=True):
            cells += [_cell(record[key][name]) if name in record[key] else None for name in found]
        writer.writerow(cells)


def _names(trials: Iterable[Mapping[str, Any]]) -> list[str]:
    """All that some trial has, in the order in which they came up."""
    return list(dict.fromkeys(name for each in trials for name in each))


def _cell(value: Any) -> str:
    """None and what else is no text or number as Python and JSON write it."""
    return json.dumps(_plain(value)) if isinstance(value, list | dict | tuple) else str(value)


def _plain(value: Any) -> Any:
    """As JSON can hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def _seconds(trial: FrozenTrial) -> float | None:
    return None if trial.duration is None else trial.duration.total_seconds()
