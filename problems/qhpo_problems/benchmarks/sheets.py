"""Tables of a report: the same cells on the terminal and in Markdown, the best of each marked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from qhpo.errors import QhpoError

__all__ = [
    "REPORT_SUFFIXES",
    "Cell",
    "Sheet",
    "check_report_path",
    "compared",
    "print_sheets",
    "sheets_to_markdown",
    "write_text_report",
]

REPORT_SUFFIXES = (".json", ".md")
"""Suffixes of the files that a report can be written to."""


class Cell(NamedTuple):
    """What a place of a table shows, and whether it is the best of its kind."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table of a report. The first column holds names, the others hold numbers.

    Attributes:
        title: Stands above it.
        header: Names of the columns.
        rows: One cell per column.
    """

    title: str
    header: list[str]
    rows: list[list[Cell]]

    @classmethod
    def by_name(
        cls, title: str, corner: str, names: Sequence[str], columns: Mapping[str, Sequence[Cell]]
    ) -> Sheet:
        """A table from its columns, one row per name.

        Args:
            title: Stands above it.
            corner: Header of the column of names.
            names: First cell of each row.
            columns: Header -> cells, from top to bottom.
        """
        rows = [list(row) for row in zip(map(Cell, names), *columns.values(), strict=True)]
        return cls(title, [corner, *columns], rows)


def compared(
    values: Sequence[float],
    show: Callable[[float], str],
    pick: Callable[[Sequence[float]], float],
) -> list[Cell]:
    """Cells of numbers to be compared, the best of them marked.

    Args:
        values: The numbers.
        show: Gives the text of a number.
        pick: Finds the best number, such as ``min``.
    """
    texts = [show(value) for value in values]
    # Equal to the eye is equal: no bold face for a digit that is not shown.
    best = show(pick(values))
    return [Cell(text, text == best) for text in texts]


def print_sheets(sheets: Sequence[Sheet], footnote: str, console: Console) -> None:
    """Print tables, the best entries bold."""
    for sheet in sheets:
        # Not the table's own title, which would be folded to a narrow table's width.
        console.print(sheet.title, style="bold", highlight=False)
        table = Table()
        table.add_column(sheet.header[0], no_wrap=True)
        for name in sheet.header[1:]:
            table.add_column(name, justify="right")
        for row in sheet.rows:
            table.add_row(*(Text(cell.text, style="bold" if cell.best else "") for cell in row))
        console.print(table)
    console.print(footnote, style="dim", highlight=False)


def sheets_to_markdown(sheets: Sequence[Sheet], footnote: str) -> str:
    """The same tables as GitHub Markdown."""
    parts = []
    for sheet in sheets:
        align = ["---", *["---:"] * (len(sheet.header) - 1)]
        texts = [[f"**{c.text}**" if c.best else c.text for c in row] for row in sheet.rows]
        lines = ["| " + " | ".join(row) + " |" for row in (sheet.header, align, *texts)]
        parts.append("\n".join([f"### {sheet.title}", "", *lines]))
    return "\n\n".join([*parts, footnote]) + "\n"


def check_report_path(path: Path) -> None:
    """Tell before hours of work whether `write_text_report` will know what to write.

    Raises:
        QhpoError: If the suffix is not one of `REPORT_SUFFIXES`.
    """
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise QhpoError(
            f"a report must be a file ending in {' or '.join(REPORT_SUFFIXES)}; got {path}"
        )


def write_text_report(
    path: Path, *, markdown: Callable[[], str], data: Callable[[], Mapping[str, Any]]
) -> None:
    """Write a report as its suffix says.

    Args:
        path: Its folder is created.
        markdown: Makes the content of an ``.md`` file.
        data: Makes the content of a ``.json`` file.

    Raises:
        QhpoError: If the suffix is another.
    """
    check_report_path(path)
    if path.suffix.lower() == ".md":
        text = markdown()
    else:
        text = json.dumps(data(), allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
