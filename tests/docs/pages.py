"""The code blocks of a Markdown page, and how each is tried.

What stands behind the three backticks says what a block is:

``python``
    runs; blocks of a page share their names. A ``text`` block right behind it is what it prints.
``console``
    commands behind ``$``, which must succeed, and what they print. Numbers may differ, and ``...``
    stands for lines that are left out.
``LANGUAGE file=NAME``
    is written into the folder that the page runs in.
``LANGUAGE not-run: WHY``
    is compiled, and the `qhpo` commands in it are parsed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import click
import yaml

from qhpo.cli.app import cli

__all__ = ["Block", "blocks", "check_commands", "compiled", "differences", "pages", "run_console"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(?P<info>\S[^\n]*)\n(?P<code>.*?)^```$", re.M | re.S)

_COMMAND_SECONDS = 300
"""A command that takes longer than this hangs, however busy the machine is."""


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: Path of its page, for messages.
        line: Line of the page that its code begins with, from 1.
        language: First word of its info string.
        more: The rest of it.
        code: Its text.
        printed: What the block behind it says that it prints; None if it says nothing.
    """

    page: str
    line: int
    language: str
    more: str
    code: str
    printed: str | None = None

    @property
    def file(self) -> str | None:
        """Name of the file that it is."""
        match = re.fullmatch(r"file=(\S+)", self.more)
        return match and match[1]

    @property
    def is_run(self) -> bool:
        """Whether it runs; why it does not is said on the page."""
        match = re.fullmatch(r"not-run: \S.*", self.more)
        assert self.more == "" or self.file or match, f"{self}: unknown mark {self.more!r}"
        return match is None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """All pages that have code blocks."""
    below = sorted((ROOT / "docs").rglob("*.md"))
    tables = ROOT / "docs" / "measurements"
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(p for p in below if p.parent != tables)]


def blocks(text: str, page: str) -> Iterator[Block]:
    """The code blocks of a page, without directives and without what others print."""
    found = [match for match in _FENCE.finditer(text) if not match["info"].startswith("{")]
    for match, behind in zip_longest(found, found[1:]):
        language, _, more = match["info"].partition(" ")
        is_printed = (
            behind is not None
            and behind["info"] == "text"
            and not text[match.end() : behind.start()].strip()
        )
        line = text.count("\n", 0, match.start("code")) + 1
        printed = behind["code"] if behind is not None and is_printed else None
        yield Block(page, line, language, more.strip(), match["code"], printed)


def compiled(block: Block) -> None:
    """Raise what is wrong with the form of a block."""
    if block.language == "python":
        compile(block.code, str(block), "exec")
    elif block.language == "yaml":
        yaml.safe_load(block.code)
    elif block.language == "toml":
        tomllib.loads(block.code)
    elif block.language == "json":
        json.loads(block.code)
    elif block.language in ("bash", "console"):
        script = "\n".join(_commands(block)) if block.language == "console" else block.code
        subprocess.run(["bash", "-n", "-c", script], check=True)
        check_commands(script)
    else:
        assert block.language in ("text", "r", "awk"), f"{block}: unknown kind {block.language}"


def check_commands(script: str) -> None:
    """Raise a `click.UsageError` for a `qhpo` command line that the program does not take."""
    joined = re.sub(r"\\\n", " ", re.sub(r"#.*", "", script))
    for match in re.finditer(r"(?<![\w./-])qhpo ([a-z][^\n;|&)>]*)", joined):
        command: click.Command = cli
        words = shlex.split(match[1])
        context = click.Context(cli, info_name="qhpo")
        while isinstance(command, click.Group):
            _, below, words = command.resolve_command(context, words)
            assert below is not None
            command, context = below, click.Context(below, context, info_name=below.name)
        command.make_parser(context).parse_args(words)


def run_console(block: Block, folder: Path) -> None:
    """Run the commands of a block one after the other, and compare what they print."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }
    shown = re.split(r"^\$ ", block.code, flags=re.M)
    assert not shown[0], f"{block}: begins with a line that is no command"
    for command, text in zip(_commands(block), shown[1:], strict=True):
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
        real = run.stdout + run.stderr
        assert run.returncode == 0, f"{block}: {command}\n{real}"
        missing = differences(_output(text), real)
        assert not missing, f"{block}: {command} does not print {missing}\nbut\n{real}"


def differences(shown: str, real: str) -> list[str]:
    """Lines of a page that a command did not print, whatever the numbers in them are."""
    known = {_masked(line) for line in real.splitlines()}
    lines = [line for line in shown.splitlines() if line.strip() not in ("", "...")]
    return [line for line in lines if _masked(line) not in known]


def _masked(line: str) -> str:
    """A line without its numbers, durations and widths."""
    line = re.sub(r"-?\d[\d.,]*(e[+-]?\d+)?", "#", line)
    line = re.sub(r"(# (d|h|min|s|ms)\b ?)+", "# s ", line)
    return " ".join(re.sub(r"[─-]{2,}", "─", line).split())


def _commands(block: Block) -> list[str]:
    """The command lines of a console block, with their continuations."""
    found = re.findall(r"^\$ (.*(?:(?<=\\)\n.*)*)", block.code, flags=re.M)
    return [str(command) for command in found]


def _output(text: str) -> str:
    """What stands behind a command line and its continuations."""
    return re.sub(r"\A.*(?:(?<=\\)\n.*)*\n", "", text)
