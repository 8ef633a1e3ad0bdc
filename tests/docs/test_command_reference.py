"""The command reference holds every command and every option of the program."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

from qhpo.cli.app import cli

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    sys.path.insert(0, str(DOCS))
    try:
        import page_parts
    finally:
        sys.path.remove(str(DOCS))
    text: str = page_parts.expanded((DOCS / "reference" / "cli.md").read_text())
    return text


def commands(command: click.Command = cli, path: str = "qhpo") -> dict[str, click.Command]:
    """Path -> command, of all that can be called."""
    found = {path: command}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                found |= commands(below, f"{path} {name}")
    return found


def test_the_commands_of_all_parts_of_the_distribution_are_looked_for() -> None:
    assert {"qhpo", "qhpo run", "qhpo show", "qhpo bench"} <= set(commands())


@pytest.mark.parametrize("path", sorted(commands()))
def test_every_command_and_option_is_there(path: str, page: str) -> None:
    section = page.partition(f"## {path}\n")[2].partition("\n## ")[0]
    assert f"Usage: {path} " in section
    params = [p for p in commands()[path].params if isinstance(p, click.Option) and not p.hidden]
    options = [param.opts[0] for param in params]
    missing = [o for o in options if not re.search(rf"(?<!\S){re.escape(o)}(?![\w-])", section)]
    assert not missing, f"the section {path} of the command reference lacks {missing}"
