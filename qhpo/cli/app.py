"""The `qhpo` program itself: its commands, and how a mistake becomes one line on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from qhpo.cli.interrupts import Interrupted
from qhpo.cli.options import examples
from qhpo.errors import QhpoError
from qhpo.plugins import Plugins

__all__ = ["cli", "main"]

# Loaded by name, so that `qhpo --help` imports none of what the commands need.
_COMMANDS = {
    "run": ("qhpo.cli.run", "Tune a problem, or continue where an earlier run stopped."),
    "show": ("qhpo.cli.show", "Show the best configuration, the trials and the time they took."),
    "ask": ("qhpo.cli.asking", "Ask for trials, to be evaluated by a program in any language."),
    "tell": ("qhpo.cli.telling", "Tell what became of a trial that was asked for."),
    "studies": ("qhpo.cli.manage", "List studies; rename, delete or export one."),
    "train": ("qhpo.cli.training", "Train the chosen configuration of a finished search."),
    "problems": ("qhpo.cli.listing", "List the problems that can be tuned."),
    "solvers": ("qhpo.cli.listing", "List the solvers that can sample the model."),
    "init": ("qhpo.cli.init", "Write a sweep file, from a script's own options."),
    "validate": ("qhpo.cli.validate", "Check a sweep file, and say what it asks for."),
    "completion": ("qhpo.cli.completion", "Print what makes a shell complete names."),
}

_ADDED = Plugins("qhpo.commands", "command", click.Command)
"""Commands of other packages; one that has the name of a command here is never used."""

_MISTAKE = 2
"""Exit code of a user's mistake, as Click's own."""


class _Program(click.Group):
    """Loads a command when it is used, its own or one of another package's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *_added()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module, _ = _COMMANDS[cmd_name]
            command: click.Command = getattr(import_module(module), cmd_name)
            return command
        return _ADDED.load(cmd_name) if cmd_name in _added() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing:
            near = get_close_matches(args[0], names, n=1)
            guess = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(names)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {guess}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click would load every command for its summary, also one that is broken.
        summaries = {name: summary for name, (_, summary) in _COMMANDS.items()}
        summaries |= {name: _summary(name) for name in _added()}
        found = [
            CompletionItem(name, help=summary)
            for name, summary in summaries.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])
        rows = [(name, _summary(name)) for name in _added()]
        if rows:
            with formatter.section("Commands of installed packages"):
                formatter.write_dl(rows)


def _added() -> list[str]:
    return [name for name in _ADDED.names() if name not in _COMMANDS]


def _summary(name: str) -> str:
    """What a command of another package does: it is not imported, which may be slow, or fail."""
    said = _ADDED.summary(name)
    return said or f"From {_ADDED.package(name)}; see qhpo {name} --help."


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
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # A console of another code page shows a name of a study as well as it can.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(args, prog_name="qhpo", standalone_mode=False)
    except Interrupted as interruption:
        return _say(interruption.message, interruption.exit_code)
    except click.UsageError as error:
        return _say(_usage(error), _MISTAKE)
    except click.ClickException as error:
        return _say(error.format_message(), _MISTAKE)
    except QhpoError as error:
        return _say(str(error), _MISTAKE)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", Interrupted.exit_code)
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
