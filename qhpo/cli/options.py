"""What the commands share on the command line: numbers, and the examples of a help."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["Seconds", "WholeNumber", "examples"]


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
