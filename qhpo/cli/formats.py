"""Numbers, durations and counts as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["column", "duration", "number", "plural"]


def number(value: Any, digits: int = 6) -> str:
    """A single value: floats with so many significant digits, everything else as it is."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def column(values: Sequence[Any]) -> list[str]:
    """Values that stand under each other: all floats with the same decimals or all in powers of 10.

    ``None`` stands for a missing value.
    """
    floats = [abs(v) for v in values if isinstance(v, float) and math.isfinite(v) and v != 0.0]
    top, bottom = (math.floor(math.log10(f(floats, default=1.0))) for f in (max, min))
    # Four significant digits for the largest, three for the smallest.
    decimals = max(3 - top, 2 - bottom, 0)
    pattern = f".{decimals}f" if top < 6 and decimals <= 6 else ".2e"
    return [_cell(value, pattern) for value in values]


def _cell(value: Any, pattern: str) -> str:
    if value is None:
        return "-"
    return format(value, pattern) if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Such as ``"38 ms"``, ``"4.2 s"``, ``"42 s"``, ``"2 min 31 s"`` or ``"1 h 02 min"``."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(n: int, noun: str) -> str:
    """Such as ``"1 trial"`` and ``"2 trials"``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
