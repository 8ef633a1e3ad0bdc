"""What a shell completes: names of problems, solvers and studies; and `qhpo completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qhpo.cli.options import examples

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "complete_problem",
    "complete_solver",
    "complete_study",
    "complete_task",
    "completion",
]

_LINES = {
    "bash": ("~/.bashrc", 'eval "$(_QHPO_COMPLETE=bash_source qhpo)"'),
    "zsh": ("~/.zshrc", 'eval "$(_QHPO_COMPLETE=zsh_source qhpo)"'),
    "fish": ("~/.config/fish/config.fish", "_QHPO_COMPLETE=fish_source qhpo | source"),
}
"""The file that a shell reads when it starts, and the line for it."""


@click.command(epilog=examples("qhpo completion bash >> ~/.bashrc"))
@click.argument("shell", type=click.Choice(list(_LINES)))
def completion(shell: str) -> None:
    """Print the line that makes a shell complete the commands, options and names of qhpo.

    It belongs into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.
    """
    file, line = _LINES[shell]
    click.echo(f"# Completion of qhpo, for {file}\n{line}")


def complete_problem(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of problems; none is loaded for it."""
    from qhpo.problem import PROBLEMS

    return [name for name in PROBLEMS.names() if name.startswith(incomplete)]


def complete_task(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of problems, else files."""
    from click.shell_completion import CompletionItem

    names = complete_problem(ctx, param, incomplete)
    if names:
        return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, type="file")]


def complete_solver(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of solvers; none is loaded for it."""
    from qhpo.solvers.registry import solver_names

    return [name for name in solver_names() if name.startswith(incomplete)]


def complete_study(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the studies in the storage that the line names, or in the default one."""
    from qhpo.cli.storage import DEFAULT_URL, open_storage
    from qhpo.cli.stored import study_names

    url, place = DEFAULT_URL, ctx
    while place.parent is not None:
        # A subcommand of `qhpo studies` may have it before or behind.
        if place.get_parameter_source("storage") is click.core.ParameterSource.COMMANDLINE:
            url = place.params["storage"]
            break
        place = place.parent
    try:
        names = study_names(open_storage(str(url), must_exist=True))
    except Exception:  # whatever is wrong with it, a message in the middle of a line helps nobody
        return []
    return [name for name in names if name.startswith(incomplete)]
