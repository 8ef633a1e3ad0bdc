"""The README mentions every command and every option of the program."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from qhpo.cli.app import cli

README = Path(__file__).parents[3] / "README.md"

# Entry points of qhpo's own distribution; the tiny package of these tests needs no documentation.
ADDED = ("bench",)


def commands() -> dict[str, click.Command]:
    with cli.make_context("qhpo", ["problems"]) as ctx:
        names = [name for name in cli.list_commands(ctx) if name not in ("snapped", "textual")]
        found = {name: cli.get_command(ctx, name) for name in names if name != "greet"}
    return {name: command for name, command in found.items() if command is not None}


def undocumented(text: str) -> list[str]:
    """Commands, and options such as `run --trials`, that a text does not mention."""
    missing = []
    for name, command in commands().items():
        if not re.search(rf"\bqhpo {re.escape(name)}\b", text):
            missing.append(name)
        missing += [
            f"{name} {param.opts[0]}"
            for param in command.params
            if isinstance(param, click.Option)
            and not re.search(rf"(?<!\S){re.escape(param.opts[0])}(?![\w-])", _plain(text))
        ]
    return missing


def _plain(text: str) -> str:
    return re.sub(r"[`\[\]()|]", " ", text)


def skeleton() -> str:
    """The least that documents everything."""
    return "\n".join(
        f"`qhpo {name}` takes "
        + ", ".join(
            f"`{param.opts[0]} X`" for param in command.params if isinstance(param, click.Option)
        )
        for name, command in commands().items()
    )


def test_all_commands_are_looked_for() -> None:
    assert set(commands()) == {"run", "show", "problems", "solvers", "qubo", "report", *ADDED}


def test_what_is_missing_is_found() -> None:
    text = skeleton()

    assert undocumented(text) == []
    assert undocumented(text.replace("--timeout", "--time")) == ["run --timeout"]
    assert undocumented(text.replace("--last", "--lasting")) == ["show --last"]
    assert undocumented(text.replace("qhpo solvers", "qhpo solver")) == ["solvers"]


@pytest.mark.parametrize("command", ["run", "show", "problems", "solvers", *ADDED])
def test_the_readme_mentions_every_command_and_option(command: str) -> None:
    missing = [entry for entry in undocumented(README.read_text()) if entry.split()[0] == command]

    assert not missing, f"README.md does not mention: {', '.join(missing)}"
