"""Choices as a storage gives them back: databases hold them as JSON, which knows no tuples."""

from __future__ import annotations

import json
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

__all__ = ["are_same_choices", "is_rewritten", "restored"]


def restored(distribution: BaseDistribution, value: Any) -> Any:
    """The choice that JSON has made a value of, or the value itself if it is of no choice.

    Args:
        distribution: The parameter as the program has it.
        value: As a storage gives it back.
    """
    # JSON gives back everything else as it was, or as something equal.
    if isinstance(distribution, CategoricalDistribution) and isinstance(value, (list, dict)):
        form = _as_json(value)
        for choice in distribution.choices:
            if form is not None and _as_json(choice) == form:
                return choice
    return value


def is_rewritten(distribution: BaseDistribution) -> bool:
    """Whether some of the choices may have been others before JSON."""
    choices = getattr(distribution, "choices", ())
    return any(isinstance(choice, (list, dict)) for choice in choices)


def are_same_choices(one: BaseDistribution, other: BaseDistribution) -> bool:
    """Whether two distributions have the same choices, in the same order, once they are JSON."""
    if one == other:
        return True
    if not isinstance(one, CategoricalDistribution):
        return False
    if not isinstance(other, CategoricalDistribution) or len(one.choices) != len(other.choices):
        return False
    pairs = zip(one.choices, other.choices, strict=True)
    return all(a == b or (_as_json(a) or a) == (_as_json(b) or b) for a, b in pairs)


def _as_json(choice: Any) -> str | None:
    try:
        return json.dumps(choice)
    except (TypeError, ValueError):
        return None
