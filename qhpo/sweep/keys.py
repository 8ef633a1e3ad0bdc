"""Values of a sweep file, each checked where it stands: the errors name its key.

Glossary
--------
where
    The key of a value with all keys above it, such as ``parameters.lr.min``; what an error begins
    with.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from qhpo.errors import QhpoError

__all__ = [
    "among",
    "below",
    "boolean",
    "check_keys",
    "decimal",
    "elements",
    "fail",
    "mapping",
    "nearest",
    "number",
    "shown",
    "text",
    "whole",
]

_SHOWN = 80
"""Characters of a wrong value that an error shows: it is read on one line."""

_FEW_NAMES = 6
"""Names that are listed beside the nearest one too."""

_MOST_NAMES = 24
"""Names that an error lists at most, beside the nearest one."""


def below(where: str, key: object) -> str:
    """The place of a key inside another; a key that cannot be seen as it is stands in quotes."""
    written = str(key)
    if not written.isprintable() or written != written.strip() or not written:
        written = shown(key)
    return f"{where}.{written}" if where else written


def shown(value: object) -> str:
    """A value as an error shows it, cut to one short line."""
    try:
        written = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list of lists
        written = f"a {type(value).__name__} too long to show"
    return written if len(written) <= _SHOWN else written[: _SHOWN - 3] + "..."


def fail(where: str, rule: str, value: object, fix: str) -> NoReturn:
    """Raises the error of one value.

    Args:
        where: Its key.
        rule: What it must be.
        value: What it is.
        fix: What to do.

    Raises:
        QhpoError: Always.
    """
    raise QhpoError(f"{where or 'the file'} {rule}; got {shown(value)}; {fix}")


def nearest(name: object, names: Collection[str]) -> str:
    """Such as ``did you mean 'lr'?``, or all names where none is near."""
    near = get_close_matches(str(name), names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    listed = list(names)[:_MOST_NAMES]
    more = ", ..." if len(names) > len(listed) else ""
    return f"the names are {', '.join(listed)}{more}" if listed else "there are none"


def mapping(value: object, where: str) -> dict[str, Any]:
    """A mapping whose keys are text."""
    if not isinstance(value, Mapping):
        fail(where, "must be a mapping of keys to values", value, "write `key: value` below it")
    for key in value:
        if not isinstance(key, str):
            fail(where, "must have keys that are text", key, "put the key in quotes")
    return dict(value)


def check_keys(value: Mapping[str, Any], where: str, names: Collection[str]) -> None:
    """Raises an error for the first key that is not among the names."""
    for key in value:
        if key not in names:
            raise QhpoError(
                f"{below(where, key)} is no key that {where or 'a sweep file'} has; "
                f"{nearest(key, names)}"
            )


def elements(value: object, where: str) -> list[Any]:
    """A list with at least one element."""
    if not isinstance(value, list) or not value:
        fail(where, "must be a list of one or more elements", value, "write [first, second]")
    return value


def text(value: object, where: str) -> str:
    """Text that is not empty and that a command line can carry."""
    if not isinstance(value, str) or not value.strip():
        fail(where, "must be text that is not empty", value, "write it, in quotes if need be")
    if "\0" in value:
        fail(where, "must not contain a null character", value, "remove it")
    return value


def among(value: object, where: str, names: Collection[str]) -> str:
    """One of some names."""
    if not isinstance(value, str) or value not in names:
        near = get_close_matches(str(value), names, n=1)
        if near and len(names) > _FEW_NAMES:
            fail(where, f"must be one of {len(names)} names", value, f"did you mean {near[0]!r}?")
        fix = f"did you mean {near[0]!r}?" if near else "write one of these"
        fail(where, f"must be one of {', '.join(names)}", value, fix)
    return value


def boolean(value: object, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        fail(where, "must be true or false", value, "write one of them, without quotes")
    return value


def number(value: object, where: str) -> int | float:
    """A finite number, as it is written."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        fail(where, "must be a number", value, _unquoted(value) or "write one, such as 0.1")
    try:
        is_finite = math.isfinite(value)
    except OverflowError:
        is_finite = False
    if not is_finite:
        fail(where, "must be a finite number", value, "write one that a float can hold")
    return value


def _unquoted(value: object) -> str:
    """What to do with a number that is written as text."""
    try:
        return "leave the quotes out" if isinstance(value, str) and float(value) else ""
    except ValueError:
        return ""


def decimal(value: object, where: str, *, above: float = -math.inf) -> float:
    """A finite number larger than a bound."""
    result = float(number(value, where))
    if not result > above:
        fail(where, f"must be larger than {above:g}", value, "write a larger number")
    return result


def whole(value: object, where: str, *, least: int | None = None) -> int:
    """A whole number, also one that is written as 3.0."""
    found = number(value, where)
    if found != int(found):
        fail(where, "must be a whole number", value, f"write {round(found)}, for example")
    if least is not None and found < least:
        fail(where, f"must be at least {least}", value, "write a larger number")
    return int(found)
