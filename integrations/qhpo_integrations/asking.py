"""Asking an Optuna trial for the parameters of a declared space that exist under its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial

from qhpo.problem import suggest
from qhpo.space import Condition
from qhpo.space.conditions import parents_first

__all__ = ["ask"]


def ask(
    trial: BaseTrial,
    search_space: Mapping[str, BaseDistribution],
    conditions: Iterable[Condition] = (),
) -> dict[str, Any]:
    """Values of all active parameters by name, in the order of the search space.

    Args:
        trial: Asked for parents before children.
        search_space: Optuna distributions by parameter name.
        conditions: Which parameters exist only under some values of others.
    """
    by_child = {condition.child: condition for condition in conditions}
    asked: dict[str, Any] = {}
    for name in parents_first(by_child, list(search_space)):
        if name not in by_child or by_child[name].is_active(asked):
            asked.update(suggest(trial, {name: search_space[name]}))
    return {name: asked[name] for name in search_space if name in asked}
