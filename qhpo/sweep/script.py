"""The options of a Python script, read from its source; the script is never run.

Read are argparse's ``add_argument`` and the ``option`` decorator of click, as far as their
arguments are written out in the call, or as constants of the module.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qhpo.errors import QhpoError

__all__ = ["Option", "read_options"]

_MAX_BYTES = 5_000_000
"""Largest script that is read: a hundred times what a person writes."""

Kind = Literal["number", "whole", "text", "flag", "other"]

_KINDS: Mapping[str, Kind] = {"float": "number", "int": "whole", "str": "text", "STRING": "text"}
_CLICK: Mapping[str, Kind] = {"FLOAT": "number", "INT": "whole"}
_RANGES: Mapping[str, Kind] = {"FloatRange": "number", "IntRange": "whole"}


@dataclass(frozen=True)
class Option:
    """An option of a script.

    Attributes:
        name: What follows the two hyphens.
        kind: What it takes. A flag takes nothing: it is there or not.
        default: Its value where it is not given; None if there is none, or it is not written out.
        choices: Values that it can have; empty if it does not say.
        limits: Least and largest value, None where it does not say.
        help: One line.
    """

    name: str
    kind: Kind
    default: Any = None
    choices: tuple[Any, ...] = ()
    limits: tuple[float | None, float | None] = (None, None)
    help: str = ""


def read_options(path: Path) -> list[Option]:
    """The options of a script, each name once, in the order of its source.

    Raises:
        QhpoError: If the file cannot be read, or is no Python.
    """
    try:
        raw = path.read_bytes()
        if len(raw) > _MAX_BYTES:
            raise QhpoError(f"a script has at most {_MAX_BYTES:,} bytes; got {path} with more")
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the script's own mistakes
            tree = ast.parse(raw.decode(encoding))
    except OSError as error:
        raise QhpoError(
            f"the script must be a file that can be read; got {path}: {error.strerror}; check its "
            "name"
        ) from error
    except QhpoError:
        raise
    except (SyntaxError, ValueError, LookupError, RecursionError, MemoryError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise QhpoError(
            f"the script must be Python to be read for its options; got {path}, wrong{line}: "
            f"{type(error).__name__}; correct it, or write the file without it"
        ) from error
    reader = _Reader(tree)
    found: dict[str, Option] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (option := reader.option(node)):
            found.setdefault(option.name, option)
    return sorted(found.values(), key=lambda option: reader.lines[option.name])


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self.lines: dict[str, tuple[int, int]] = {}
        self._constants: dict[str, Any] = {}
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], self._literal(statement.value)
                if isinstance(target, ast.Name) and value is not None:
                    self._constants[target.id] = value

    def option(self, call: ast.Call) -> Option | None:
        """The option that a call declares, if it does."""
        name = _called(call.func)
        if name not in ("add_argument", "option"):
            return None
        words = [self._literal(each) for each in call.args]
        long = [w for w in words if isinstance(w, str) and w.startswith("--") and len(w) > 2]
        if not long:
            return None
        given = {each.arg: each.value for each in call.keywords if each.arg}
        option = self._described(long[0], given, is_text=name == "add_argument")
        if option is not None:
            self.lines.setdefault(option.name, (call.lineno, call.col_offset))
        return option

    def _described(self, long: str, given: dict[str, ast.expr], *, is_text: bool) -> Option | None:
        """An option by its arguments; without a type argparse reads text, click what fits."""
        name, slash, _ = long[2:].partition("/")
        name = name.strip()
        if not name or given.keys() & {"nargs", "multiple", "count"}:
            return None
        default = self._literal(given.get("default"))
        about = self._literal(given.get("help"))
        described = " ".join(about.split()) if isinstance(about, str) else ""
        action = self._literal(given.get("action"))
        if action in ("help", "version", "append", "count", "append_const", "extend"):
            return None
        switches = "action" in given and _called(given["action"]) == "BooleanOptionalAction"
        is_flag = action in ("store_true", "store_false", "store_const") or bool(slash) or switches
        if is_flag or self._literal(given.get("is_flag")) is True:
            return Option(name, "flag", default, help=described)
        kind, choices, limits = self._type(given.get("type"), "" if is_text else default)
        if "choices" in given:
            choices = _several(self._literal(given["choices"]))
        return Option(name, kind, default, choices, limits, described)

    def _type(
        self, node: ast.expr | None, default: Any
    ) -> tuple[Kind, tuple[Any, ...], tuple[float | None, float | None]]:
        nothing: tuple[float | None, float | None] = (None, None)
        if node is None:
            return _kind_of(default), (), nothing
        name = _called(node.func if isinstance(node, ast.Call) else node)
        if isinstance(node, ast.Call):
            if name == "Choice" and node.args:
                return "text", _several(self._literal(node.args[0])), nothing
            if name in _RANGES:
                given = {each.arg: self._literal(each.value) for each in node.keywords}
                ends = [self._literal(each) for each in node.args[:2]] + [None, None]
                low, high = given.get("min", ends[0]), given.get("max", ends[1])
                return _RANGES[name], (), (_finite(low), _finite(high))
        return _KINDS.get(name) or _CLICK.get(name) or "other", (), nothing

    def _literal(self, node: ast.expr | None) -> Any:
        """What an expression is, if it is written out; else None."""
        if node is None:
            return None
        if isinstance(node, ast.Name):
            return self._constants.get(node.id)
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None


def _called(node: ast.expr) -> str:
    """The last part of a name with dots."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _kind_of(default: Any) -> Kind:
    """What click makes of an option without a type."""
    if isinstance(default, bool) or default is None:
        return "other"
    if isinstance(default, int):
        return "whole"
    return "number" if isinstance(default, float) else "text"


def _several(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(each for each in value if isinstance(each, (str, int, float)))


def _finite(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and abs(value) < 1e15 else None
