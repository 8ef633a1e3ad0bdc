"""A Python function as the objective of a sweep file: ``program: module:function``.

The function gets the parameters as keyword arguments, nested ones as mappings, subsets and orders
as tuples; inactive ones are not given. It returns the metric as a number, or a mapping with the
metric and what else is bounded.
"""

from __future__ import annotations

import importlib
import math
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from qhpo.errors import QhpoError
from qhpo.problem import suggest
from qhpo.program import Bound
from qhpo.space import declared_conditions
from qhpo.sweep.keys import shown

__all__ = ["FunctionObjective", "is_function", "load_function", "suggest_active"]

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


def is_function(program: str) -> bool:
    """Whether a program is written as ``module:function``."""
    return bool(_FUNCTION.match(program))


def load_function(program: str) -> Callable[..., Any]:
    """The function that ``module:function`` names, also of a module of the working directory.

    Raises:
        QhpoError: If it cannot be imported, or is no function.
    """
    module, _, name = program.partition(":")
    if (folder := os.getcwd()) not in sys.path:
        sys.path.insert(0, folder)
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # the user's own code runs, and may raise anything
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise QhpoError(
            f"program must be a function that can be imported; got {program!r}: {cause}; correct "
            "it, or start qhpo where the module is"
        ) from error
    if not callable(function):
        raise QhpoError(
            f"program must be a function; got {program!r}, a {type(function).__name__}; name a "
            "function"
        )
    result: Callable[..., Any] = function
    return result


def suggest_active(
    trial: optuna.Trial,
    search_space: Mapping[str, BaseDistribution],
    conditions: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Asks a trial for every active parameter, in the order of the space, parents first."""
    known = {
        condition.child: condition for condition in declared_conditions(conditions, search_space)
    }
    params: dict[str, Any] = {}
    waiting = list(search_space)
    while waiting:
        later = []
        for name in waiting:
            condition = known.get(name)
            if condition and any(parent.parent in waiting for parent in condition.parents):
                later.append(name)
            elif condition is None or condition.is_active(params):
                params |= suggest(trial, {name: search_space[name]})
        waiting = later
    return {name: params[name] for name in search_space if name in params}


@dataclass(frozen=True)
class FunctionObjective:
    """Calls a function with the parameters of a trial.

    Attributes:
        function: See the module.
        handed: Makes the arguments of the parameters of a trial.
        metric: Key of the value to optimize in a mapping that is returned.
        search_space: What a trial is asked for.
        conditions: Which parameters exist when.
        measured: Bounds of further values of the mapping.
    """

    function: Callable[..., Any]
    handed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    metric: str
    search_space: Mapping[str, BaseDistribution] = field(hash=False)
    conditions: Mapping[str, Mapping[str, Any]] = field(hash=False)
    measured: Mapping[str, Bound] = field(hash=False)

    def __call__(self, trial: optuna.Trial) -> float:
        """The value of a trial.

        Raises:
            ValueError: If what the function returns has no such number.
        """
        params = suggest_active(trial, self.search_space, self.conditions)
        answer = self.function(**self.handed(params))
        values = answer if isinstance(answer, Mapping) else {self.metric: answer}
        for key, bound in self.measured.items():
            trial.set_constraint(key, _excess(self._number(values, key), bound))
        return self._number(values, self.metric)

    def _number(self, values: Mapping[str, Any], key: str) -> float:
        try:
            return float(values[key])
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f"the function must return a number, or a mapping with the key {key!r}; got "
                f"{shown(values)}"
            ) from None


def _excess(value: float, bound: Bound) -> float:
    """By how much a value is out of bounds; at most 0 where it is within."""
    low = -math.inf if bound.low is None else bound.low
    high = math.inf if bound.high is None else bound.high
    return max(low - value, value - high)
