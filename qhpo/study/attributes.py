"""Texts of any length as system attributes of trials, in chunks.

Optuna has no attributes of its own for what processes tell each other: what is used of its private
API for this stands in this module.
"""

from __future__ import annotations

import json
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial

__all__ = ["chunks", "has_text", "read_text", "write_text"]

_CHUNK = 1000
"""RDB storages of older schemas hold 2,048 characters of an attribute after it is written as JSON.
The text is ASCII, of which JSON writes every quote and backslash as two characters."""


def write_text(study: Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Writes what JSON can hold; what a trial had under the key is replaced."""
    for i, chunk in enumerate(chunks(json.dumps(value))):
        study._storage.set_trial_system_attr(trial._trial_id, f"{key}:{i}", chunk)


def chunks(text: str) -> list[str]:
    """Pieces of an ASCII text, each of which a storage holds as one attribute."""
    return [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]


def has_text(trial: FrozenTrial, key: str) -> bool:
    """Whether something was written, at least a part."""
    return f"{key}:0" in trial.system_attrs


def read_text(trial: FrozenTrial, key: str) -> Any:
    """What was written; None if that is nothing, or not all of it yet."""
    attributes = trial.system_attrs
    if f"{key}:0" not in attributes:
        return None
    names = (f"{key}:{i}" for i in range(len(attributes)))
    text = "".join(attributes[name] for name in names if name in attributes)
    try:
        # What was written a second time may be shorter: what follows it is left over.
        return json.JSONDecoder().raw_decode(text)[0]
    except json.JSONDecodeError:
        return None
