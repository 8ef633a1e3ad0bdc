"""Constraints as text and back: what Python's `repr` writes of them, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from qhpo.constraints.arithmetic import linear, quadratic
from qhpo.constraints.base import Constraint
from qhpo.constraints.counting import all_different, at_least, at_most, exactly
from qhpo.constraints.logic import forbid, requires
from qhpo.errors import QhpoError

__all__ = ["read_call", "read_constraint"]

_MAKERS: Mapping[str, Callable[..., Constraint]] = MappingProxyType(
    {
        "all_different": all_different,
        "at_least": at_least,
        "at_most": at_most,
        "exactly": exactly,
        "forbid": forbid,
        "linear": linear,
        "quadratic": quadratic,
        "requires": requires,
    }
)
"""Those whose arguments are names, numbers and texts. What a function says has no text."""


def read_constraint(text: str) -> Constraint | None:
    """The constraint that its `repr` was made of; None if that does not say all of it.

    Example:
        >>> read_constraint("forbid({'optimizer': 'sgd', 'amsgrad': True})")
        forbid({'optimizer': 'sgd', 'amsgrad': True})
        >>> read_constraint("predicate(is_small)") is None
        True
    """
    made = read_call(text, _MAKERS)
    return made if isinstance(made, Constraint) else None


def read_call(text: str, makers: Mapping[str, Callable[..., Any]]) -> Any:
    """What a text such as ``name(1, key='a')`` makes; None if it is none, or that is not allowed.

    Args:
        text: A call whose arguments are literals: numbers, texts, truth values, and collections.
        makers: What may be called, by name.
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        arguments = [ast.literal_eval(each) for each in call.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        return makers[call.func.id](*arguments, **named)
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError, QhpoError):
        return None
