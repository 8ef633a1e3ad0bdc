"""The command line of a trial, by the macros of Weights & Biases.

Every element of ``command`` that is a macro is replaced by what it stands for; the others stay as
they are. See "Sweep configuration options" of the documentation of W&B, section "command", and
`create_sweep_command_args` of its client.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import Any

from qhpo.errors import QhpoError
from qhpo.sweep.keys import elements, fail, nearest

__all__ = ["DEFAULT", "Command", "read_command"]

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
"""The command line of W&B where the file has none."""

_ENVIRONMENT = re.compile(r"\$\{envvar:([A-Za-z_][A-Za-z0-9_]*)\}")

_PART = re.compile(r"\$\{([a-z_]+)\}")

_NAME_LENGTH = 16
"""Characters of a file's name: by 64 bits of a digest no two configurations of a study meet."""


@dataclass(frozen=True)
class _Words:
    """What macros are made of.

    Attributes:
        program: The program of the file.
        values: What is handed over, by name.
        file: Where the values are written as JSON.
    """

    program: str
    values: Mapping[str, Any]
    file: Path

    def pairs(self, prefix: str = "") -> list[str]:
        """Such as ``--lr=0.1``."""
        return [f"{prefix}{name}={_written(value)}" for name, value in self.values.items()]


def _written(value: Any) -> str:
    """As W&B writes it, which is as Python does; items of subsets and orders with commas."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(_plain(value))


def _plain(value: Any) -> Any:
    """Subsets and orders inside of nested parameters are lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _flags(words: _Words) -> list[str]:
    result = []
    for name, value in words.values.items():
        if not isinstance(value, bool):
            result.append(f"--{name}={_written(value)}")
        elif value:
            result.append(f"--{name}")
    return result


def _apart(words: _Words) -> list[str]:
    return [part for n, v in words.values.items() for part in (f"--{n}", _written(v))]


_MACROS: Mapping[str, Callable[[_Words], list[str]]] = MappingProxyType(
    {
        "env": lambda words: [] if sys.platform == "win32" else ["/usr/bin/env"],
        "interpreter": lambda words: ["python"],
        "program": lambda words: [words.program],
        "args": lambda words: words.pairs("--"),
        "args_no_hyphens": lambda words: words.pairs(),
        "args_no_boolean_flags": _flags,
        "args_no_equals": _apart,
        "args_json": lambda words: [json.dumps(_plain(dict(words.values)))],
        "args_json_file": lambda words: [str(words.file)],
    }
)


@dataclass(frozen=True)
class Command:
    """The command line of a file.

    Attributes:
        program: What ``${program}`` stands for; None if nothing does.
        elements: The elements, macros among them.
        folder: Where ``${args_json_file}`` is written.
    """

    program: str | None
    elements: tuple[str, ...]
    folder: Path

    @property
    def has_parameters(self) -> bool:
        """Whether the command line tells parameters; a program can read its environment instead."""
        return any(element.startswith("${args") for element in self.elements)

    def argv(self, values: Mapping[str, Any]) -> list[str]:
        """The command line for values by name; writes nothing.

        Raises:
            QhpoError: If an environment variable that it names is not set.
        """
        words = _Words(self.program or "", values, self._file(values))
        result: list[str] = []
        for i, element in enumerate(self.elements):
            macro = _PART.fullmatch(element)
            if macro:
                result += _MACROS[macro[1]](words)
            else:
                result.append(_ENVIRONMENT.sub(partial(_variable, i), element))
        return result

    def write(self, values: Mapping[str, Any]) -> None:
        """Writes the file that ``${args_json_file}`` names, if the command line has it.

        Raises:
            QhpoError: If it cannot be written.
        """
        if "${args_json_file}" not in self.elements:
            return
        path = self._file(values)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Other workers may write the same one.
            with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
                json.dump(_plain(dict(values)), file)
            os.replace(file.name, path)
        except OSError as error:
            raise QhpoError(
                f"the file of ${{args_json_file}} must be writable; got {path}: {error.strerror}; "
                "choose another folder with qhpo.program.folder"
            ) from error

    def _file(self, values: Mapping[str, Any]) -> Path:
        content = json.dumps(_plain(dict(values)), sort_keys=True)
        name = sha256(content.encode()).hexdigest()[:_NAME_LENGTH]
        return (self.folder / "parameters" / f"{name}.json").absolute()


def _variable(i: int, macro: re.Match[str]) -> str:
    name = macro[1]
    try:
        return os.environ[name]
    except KeyError:
        raise QhpoError(
            f"command[{i}] names the environment variable {name}, which is not set; set it"
        ) from None


def read_command(value: object, program: str | None, folder: Path) -> Command:
    """The command line that a file asks for.

    Args:
        value: What stands under ``command``; None for nothing.
        program: What stands under ``program``.
        folder: Where ``${args_json_file}`` is written.

    Raises:
        QhpoError: If it has a macro that there is not, or names a program that the file does not.
    """
    parts: Sequence[Any] = DEFAULT if value is None else elements(value, "command")
    result = []
    for i, part in enumerate(parts):
        where = f"command[{i}]"
        if not isinstance(part, (str, int, float)):
            fail(where, "must be text", part, "put it in quotes")
        element = str(part)
        if "\0" in element:
            fail(where, "must not contain a null character", element, "remove it")
        _check_macros(element, where)
        result.append(element)
    if "${program}" in result and program is None:
        raise QhpoError(
            "command names ${program}, which the file must then have; got no program; write "
            "`program: train.py`"
        )
    if not result[0].strip():
        fail("command[0]", "must name what is started", result[0], "write the program")
    return Command(program, tuple(result), folder)


def _check_macros(element: str, where: str) -> None:
    whole = _PART.fullmatch(element)
    if whole and whole[1] not in _MACROS:
        names = [f"${{{name}}}" for name in _MACROS]
        fail(where, "must be a macro that there is", element, nearest(element, names))
    for part in _PART.finditer(element):
        if not whole and part[1] in _MACROS:
            fail(
                where,
                f"must not have the macro {part[0]} inside other text",
                element,
                "make it an element of its own",
            )
