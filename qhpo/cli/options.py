"""What the commands share on the command line: numbers, the storage, the examples of a help."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ParamSpec

import click

__all__ = ["DEFAULT_URL", "Seconds", "WholeNumber", "examples", "storage_option"]

DEFAULT_URL = "sqlite:///qhpo.db"
"""A file in the working directory."""

_P = ParamSpec("_P")


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name = "whole number"


class Seconds(click.FloatRange):
    """A finite number in a range."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return seconds


def storage_option(command: Callable[_P, None]) -> Callable[_P, None]:
    """Adds ``--storage``, with the same default for every command."""
    option = click.option(
        "--storage",
        metavar="URL",
        default=DEFAULT_URL,
        show_default=True,
        help="Database that keeps the study.",
    )
    return option(command)


def examples(*commands: str) -> str:
    """The epilog of a command's help; the escape keeps Click from joining the lines."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
