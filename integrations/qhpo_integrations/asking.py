"""What programs that drive a study themselves ask and tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import BaseTrial, TrialState

from qhpo.problem import suggest
from qhpo.space import Condition
from qhpo.space.conditions import parents_first

__all__ = ["ask", "hand_back"]


def ask(
    trial: BaseTrial,
    search_space: Mapping[str, BaseDistribution],
    conditions: Iterable[Condition] = (),
) -> dict[str, Any]:
    """Asks a trial for all active parameters: their values by name, in the search space's order.

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


def hand_back(study: Study, numbers: Iterable[int]) -> None:
    """Ends running trials whose program is gone, so that they are done again first.

    Args:
        study: The study.
        numbers: Of the trials.
    """
    try:
        # As if Ctrl-C had cut them off: a failure of their own would be learnt from.
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        for number in numbers:
            study.tell(number, state=TrialState.FAIL)
