"""A configuration as text to paste: Python, and arguments of a program."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from typing import Any

__all__ = ["as_arguments", "as_python"]


def as_python(params: Mapping[str, Any]) -> str:
    """The configuration as a dict, and how to try it again in a study."""
    rows = [f"    {name!r}: {_literal(value)}," for name, value in params.items()]
    listed = "\n".join(["params = {", *rows, "}"]) if rows else "params = {}"
    return f"{listed}\n# To try it again in a study:\nstudy.enqueue_trial(params)"


def as_arguments(params: Mapping[str, Any]) -> str:
    """The configuration as ``--name=value`` arguments of a shell."""
    words = [f"--{name}={_plain(value)}" for name, value in params.items()]
    return " \\\n  ".join(shlex.quote(word) for word in words)


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _plain(value: Any) -> str:
    """As a program reads it: text as it is, all else as JSON where there is one."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        return str(value)
