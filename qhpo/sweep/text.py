"""A sweep file as plain values: read from YAML, TOML or JSON, with errors that name the line.

Every mapping, list, text, number, true, false and null of the three languages means the same here.
What only one of them has (dates, tags, sets, binary data) is an error.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from qhpo.errors import QhpoError
from qhpo.sweep.keys import below, fail, shown

__all__ = ["SUFFIXES", "read_document"]

_MAX_BYTES = 1_000_000
"""Largest file that is read: a hundred times what a person writes. A larger one is another file."""

_MAX_VALUES = 20_000
"""Most values of a file with its YAML aliases written out. Aliases of aliases would multiply to
more than memory holds."""

_MAX_DEPTH = 32
"""Most levels of values inside values, well below what Python's recursion allows."""


class _Loader(yaml.SafeLoader):
    """YAML where a key may stand only once and 1e-3 is a number.

    PyYAML reads YAML 1.1, whose numbers need a point and a sign in the exponent: ``1e-3`` would be
    text. YAML 1.2 and everybody's intuition take it for a number.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        # Merged keys (<<) are not written in the mapping itself, and may stand there again.
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise QhpoError(
                        f"a key must stand only once in a mapping; got {shown(key.value)} again in "
                        f"line {key.start_mark.line + 1}; remove one of them"
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: list(rules) for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+\Z"),
    list("-+0123456789."),
)


def _yaml(written: str) -> Any:
    try:
        return yaml.load(written, Loader=_Loader)  # a SafeLoader: plain values only
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise QhpoError(
            f"the file must be YAML; got an error{line}: {error.problem or error.context}; look "
            "at the indentation, colons, brackets and quotes there"
        ) from error
    except yaml.YAMLError as error:
        raise QhpoError(f"the file must be YAML; got an error: {error}; correct it") from error


def _json(written: str) -> Any:
    try:
        return json.loads(written, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise QhpoError(
            f"the file must be JSON; got an error in line {error.lineno}, column {error.colno}: "
            f"{error.msg}; look at the commas, brackets and quotes there"
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise QhpoError(
                f"a key must stand only once in a mapping; got {shown(key)} again; remove one of "
                "them"
            )
        result[key] = value
    return result


def _no_constant(name: str) -> Any:
    raise QhpoError(f"numbers of a file must be finite; got {name}; write a number")


def _toml(written: str) -> Any:
    try:
        return tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise QhpoError(
            f"the file must be TOML; got an error: {error}; correct that line"
        ) from error


_READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {".yaml": _yaml, ".yml": _yaml, ".json": _json, ".toml": _toml}
)

SUFFIXES = tuple(_READERS)
"""How the name of a sweep file ends."""


def read_document(path: Path) -> dict[str, Any]:
    """The mapping that a file holds.

    Raises:
        QhpoError: If the file cannot be read, is too large, is no text, or holds anything else.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise QhpoError(
            f"a sweep file must be named by its language, {', '.join(SUFFIXES)}; got "
            f"{shown(path.name)}; rename it"
        )
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise QhpoError(f"the file cannot be read: {reason}; check its name") from error
    if len(raw) > _MAX_BYTES:
        raise QhpoError(f"a sweep file has at most {_MAX_BYTES:,} bytes; got more; is it one?")
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise QhpoError(
            f"a sweep file must be text in UTF-8; got byte {raw[error.start]:#04x} at position "
            f"{error.start}; save it as UTF-8"
        ) from error
    if not written.strip():
        raise QhpoError("a sweep file must hold parameters; got an empty file; see `qhpo init`")
    try:
        document = reader(written)
        plain = _Copier().plain(document, "", 0)
    except QhpoError:
        raise
    except RecursionError as error:
        raise QhpoError(
            f"values must lie at most {_MAX_DEPTH} levels inside one another; got more; flatten "
            "them"
        ) from error
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
        # What PyYAML's constructors raise for dates and numbers that look right and are not.
        reason = " ".join(str(error).split())
        raise QhpoError(
            f"the file holds a value that cannot be read: {reason}; put it in quotes"
        ) from error
    if not isinstance(plain, dict):
        fail("", "must hold a mapping of keys to values", plain, "see `qhpo init` for one")
    return plain


class _Copier:
    """Copies values with all aliases written out, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def plain(self, value: Any, where: str, depth: int) -> Any:
        self._count += 1
        if self._count > _MAX_VALUES:
            raise QhpoError(
                f"a sweep file has at most {_MAX_VALUES:,} values, aliases written out; got more; "
                "shorten it"
            )
        if depth > _MAX_DEPTH:
            raise QhpoError(
                f"values must lie at most {_MAX_DEPTH} levels inside one another; got more; "
                "flatten them"
            )
        if isinstance(value, dict):
            result = {}
            for key, each in value.items():
                if not isinstance(key, str):
                    fail(where, "must have keys that are text", key, "put the key in quotes")
                result[key] = self.plain(each, below(where, key), depth + 1)
            return result
        if isinstance(value, list):
            return [self.plain(e, f"{where}[{i}]", depth + 1) for i, e in enumerate(value)]
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        kind = type(value).__name__
        return fail(where, f"must be plain text, not a {kind}", str(value), "put it in quotes")
