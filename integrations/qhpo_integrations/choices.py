"""Choices of any kind by labels, which storages keep and other processes write alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["is_plain", "is_same", "labelled", "written"]


def labelled(values: Sequence[Any]) -> dict[Any, Any]:
    """Values by label; equal ones of one type are one.

    The label of a string, a finite number, a bool or None is the value itself, that of an estimator
    the name of its class; where that is not enough, and of everything else, how it is written.
    """
    short = [_short(value) for value in values]
    choices: dict[Any, Any] = {}
    for place, value in enumerate(values):
        label = short[place]
        if not is_plain(value) and short.count(label) > 1:
            label = written(value)
        if label in choices:
            if is_same(choices[label], value):
                continue
            # 1 may mean a single one, and 1.0 all of them.
            label = written(value)
        choices[f"{label} {place}" if label in choices else label] = value
    return choices


def is_same(one: Any, other: Any) -> bool:
    """Whether two choices with one label make the same candidate."""
    if is_plain(one) and is_plain(other):
        return type(_short(one)) is type(_short(other))
    return one is other or (repr(one) == repr(other) and " at 0x" not in repr(one))


def is_plain(value: Any) -> bool:
    """Whether a storage keeps the value as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int, str))


def _short(value: Any) -> Any:
    if is_plain(value):
        return value.item() if isinstance(value, np.generic) else value
    if hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    return written(value)


def written(value: Any) -> str:
    """As text that is the same in another process, where addresses are others."""
    if hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    text = " ".join(repr(value).split())
    return type(value).__name__ if " at 0x" in text else text
