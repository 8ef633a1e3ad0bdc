"""A Python function as the objective of a sweep file: ``program: module:function``.

The function gets the parameters as keyword arguments, nested ones as mappings, subsets and orders
as tuples; inactive ones are not given. See `qhpo.program.objective_of_callable` for what it
returns.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from qhpo.errors import QhpoError

__all__ = ["is_function", "load_function"]

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
