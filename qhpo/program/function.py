"""The objective that calls a function of the user's for every trial."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from qhpo.errors import QhpoError
from qhpo.problem import Objective, suggest
from qhpo.program.answer import AnswerError, is_finite, number
from qhpo.program.handover import measure, note
from qhpo.program.spec import Bound

__all__ = ["objective_of_callable"]

Conditions = Mapping[str, Mapping[str, Any]]


def objective_of_callable(
    function: Callable[..., object],
    metric: str,
    search_space: Mapping[str, BaseDistribution],
    conditions: Conditions | None = None,
    measured: Mapping[str, Bound] | None = None,
    given: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> Objective:
    """The objective that calls a function with the parameters of each trial as keyword arguments.

    Args:
        function: Returns the metric, or a mapping with it and other numbers. If it has an argument
            ``trial``, it gets the Optuna trial, for ``trial.report`` and ``trial.should_prune``.
        metric: Key of the value to optimize, where a mapping is returned.
        search_space: Distributions by parameter name.
        conditions: Which parameters exist only under some values of others; an absent one is not
            passed.
        measured: Bounds of further keys, which are constraints known only afterwards.
        given: As `ProgramSpec.given`.

    Raises:
        QhpoError: If the function does not take the parameters of a trial. The objective raises it.
    """
    takes_trial = _takes_trial(function)

    def run(trial: optuna.Trial) -> float:
        params = dict(given(suggest(trial, search_space, conditions)))
        if takes_trial:
            params["trial"] = trial
        _check(function, params)
        answer = function(**params)
        keys = dict(answer) if isinstance(answer, Mapping) else {metric: answer}

        def value_of(name: str) -> float:
            if name not in keys:
                seen = ", ".join(map(str, keys)) or "nothing"
                raise AnswerError(f"the function must return {name}; got {seen}")
            return number(name, _plain(keys[name]))

        value = value_of(metric)
        measure(trial, measured or {}, value_of)
        plain = {str(name): _plain(each) for name, each in keys.items() if name != metric}
        note(trial, {k: v for k, v in plain.items() if is_finite(v)})
        return value

    return run


def _takes_trial(function: Callable[..., object]) -> bool:
    return "trial" in (_signature(function) or inspect.Signature()).parameters


def _check(function: Callable[..., object], arguments: Mapping[str, Any]) -> None:
    """That the function can be called so: if not, every trial would fail."""
    signature = _signature(function)
    if signature is None:
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        name = getattr(function, "__name__", repr(function))
        raise QhpoError(
            f"the function must take the parameters {', '.join(arguments)} as keyword arguments, "
            f"and one that a condition can take away must have a default; got {name}{signature}: "
            f"{error}"
        ) from error


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # of a builtin, which tells nothing
        return None


def _plain(value: object) -> object:
    """A number of NumPy or torch as Python's own."""
    item = getattr(value, "item", None)
    if callable(item) and not isinstance(value, int | float):
        try:
            return item()
        except (TypeError, ValueError, RuntimeError):  # an array of several
            return value
    return float(value) if isinstance(value, float) else value
