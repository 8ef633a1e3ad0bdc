"""The `qhpo` program itself: its commands, and how a mistake becomes one line on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

import click

from qhpo.cli.options import examples
from qhpo.errors import QhpoError

__all__ = ["COMMANDS_GROUP", "Interrupted", "cli", "main"]

COMMANDS_GROUP = "qhpo.commands"
"""Entry-point group of other packages' commands: name -> a ``click.Command``."""

# Loaded by name, so that `qhpo --help` imports none of what the commands need.
_COMMANDS = {
    "run": ("qhpo.cli.run", "Tune a problem, or continue where an earlier run stopped."),
    "show": ("qhpo.cli.show", "Show the best configuration, the trials and the time they took."),
    "problems": ("qhpo.cli.listing", "List the problems that can be tuned."),
    "solvers": ("qhpo.cli.listing", "List the solvers that can sample the model."),
}

_MISTAKE, _INTERRUPTED = 2, 130


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says how to continue."""


class _Program(click.Group):
    """Loads a command when it is used, its own or one of another package's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *sorted(self._added())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module, _ = _COMMANDS[cmd_name]
            command: click.Command = getattr(import_module(module), cmd_name)
            return command
        point = self._added().get(cmd_name)
        return None if point is None else _load(point)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            near = get_close_matches(args[0], names, n=1)
            guess = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(names)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])
        # Their summaries would cost an import each, and a broken package would break the help.
        if added := self._added():
            with formatter.section("Commands of installed packages"):
                formatter.write_dl(
                    [
                        (name, f"From {_package(point)}; see qhpo {name} --help.")
                        for name, point in sorted(added.items())
                    ]
                )

    def _added(self) -> dict[str, EntryPoint]:
        points = entry_points(group=COMMANDS_GROUP)
        return {point.name: point for point in points if point.name not in _COMMANDS}


def _package(point: EntryPoint) -> str:
    return point.module.partition(".")[0]


def _load(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:
        raise QhpoError(
            f"the command {point.name} of {_package(point)} cannot be loaded: "
            f"{type(error).__name__}: {error}; update or uninstall the package that brings it"
        ) from error
    if not isinstance(command, click.Command):
        raise QhpoError(
            f"an entry point of the group {COMMANDS_GROUP} must be a click.Command; "
            f"{point.name} of {_package(point)} is a {type(command).__name__}"
        )
    return command


@click.group(
    cls=_Program,
    invoke_without_command=True,
    epilog=examples("qhpo problems", "qhpo run cnn-digits --trials 30", "qhpo show cnn-digits"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="qhpo", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Tune a model with an annealer behind an Optuna sampler.

    Studies are plain Optuna studies: optuna-dashboard opens the same file.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    A user's mistake prints one line on stderr and gives 2, Ctrl-C gives 130.

    Args:
        args: The command line without the program's name; that of the process by default.
    """
    try:
        result = cli.main(args, prog_name="qhpo", standalone_mode=False)
    except click.UsageError as error:
        return _say(_usage(error), _MISTAKE)
    except click.ClickException as error:
        return _say(error.format_message(), _MISTAKE)
    except QhpoError as error:
        return _say(str(error), _MISTAKE)
    except Interrupted as interruption:
        return _say(str(interruption), _INTERRUPTED)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", _INTERRUPTED)
    return result if isinstance(result, int) else 0


def _say(message: str, code: int) -> int:
    click.echo(f"qhpo: {' '.join(message.split())}", err=True)
    return code


def _usage(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    if message.endswith("?"):  # the fix is a guess at what was meant
        return message
    where = error.ctx.command_path if error.ctx else "qhpo"
    return f"{message}; see `{where} --help`"
