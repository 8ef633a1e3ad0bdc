"""Parts of pages that are made when the pages are built, so that they cannot be out of date.

A page says where they stand: ``<!-- commands -->`` becomes the help of every command of `qhpo`,
``<!-- measured: tables.md -->`` the tables that `qhpo bench --out tables.md` wrote into the folder
`measurements`, or a sentence that says that there are none, and ``<!-- integrations -->`` the
reference of the packages of `qhpo_integrations`.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
from sphinx.application import Sphinx

import qhpo_integrations
from qhpo.cli.app import cli

__all__ = ["command_reference", "commands", "expanded", "setup"]

_MEASUREMENTS = Path(__file__).parent / "measurements"

_WIDTH = 80
"""Columns of a help text, as a terminal has them."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _on_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _on_source(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = expanded(source[0])


def expanded(text: str) -> str:
    """A page with what is made at build time in its place."""
    if "<!-- commands -->" in text:
        text = text.replace("<!-- commands -->", command_reference())
    if "<!-- integrations -->" in text:
        text = text.replace("<!-- integrations -->", _integrations())
    return re.sub(r"<!-- measured: ([\w-]+\.md) -->", _measured, text)


def _measured(match: re.Match[str]) -> str:
    path = _MEASUREMENTS / match[1]
    if not path.exists():
        return "*Not measured for this version yet.*"
    return path.read_text(encoding="utf-8")


def _integrations() -> str:
    packages = [p.name for p in pkgutil.iter_modules(qhpo_integrations.__path__) if p.ispkg]
    lines = [f".. automodule:: qhpo_integrations.{name}\n   :members:\n" for name in packages]
    return "\n".join(["```{eval-rst}", *lines, "```"])


def command_reference() -> str:
    """The help of every command, as Markdown."""
    parts = []
    for context in commands(cli, click.Context(cli, info_name="qhpo")):
        title = context.command_path
        text = context.get_help()
        parts.append(f"## {title}\n\n```text\n{text}\n```")
    return "\n\n".join(parts)


def commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    """A command and all below it, each as the context in which it would run."""
    context.terminal_width = context.max_content_width = _WIDTH
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, click.Context(below, context, info_name=name))
