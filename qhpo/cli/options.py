"""What the commands share on the command line: numbers, the examples of a help, and Ctrl-C."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["Interrupted", "Seconds", "WholeNumber", "examples"]


class Interrupted(click.ClickException):
    """The user pressed Ctrl-C, or a scheduler ends the program; the message says how to continue.

    Args:
        message: What is printed.
        exit_code: 128 and the number of the signal.
    """

    exit_code = 130

    def __init__(self, message: str, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # Click wants one for each class


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


def examples(*commands: str) -> str:
    """The epilog of a command's help; the escape keeps Click from joining the lines."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
