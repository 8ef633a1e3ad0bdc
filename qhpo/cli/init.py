"""`qhpo init`: a commented sweep file to begin with."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from qhpo.cli.options import examples
from qhpo.cli.report import output, plural
from qhpo.errors import QhpoError

__all__ = ["init"]


@click.command(
    epilog=examples("qhpo init train.py", "qhpo init train.py -o lr.yaml", "qhpo init ./train.sh")
)
@click.argument("script", required=False)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    default="sweep.yaml",
    show_default=True,
    help="File to write, in YAML.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(script: str | None, file: str, force: bool) -> None:
    """Write a commented sweep file for SCRIPT, with ranges guessed from its own options.

    The options of argparse and click are read from the source of a Python script, which is not
    run. Without SCRIPT, or where it has none, examples stand in their place.
    """
    from qhpo.sweep.script import read_options
    from qhpo.sweep.template import write_template

    path = Path(file)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise QhpoError(f"a file that init writes must end in .yaml or .yml; got {file}; rename it")
    options = read_options(Path(script)) if script and script.endswith(".py") else []
    if script and not Path(script).is_file():
        raise QhpoError(f"SCRIPT must be a file; got {script}, which is not there; check its name")
    text, n_searched = write_template(script, options, file)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError as error:
        raise QhpoError(
            f"init writes over no file; got {file}, which is there; choose another with -o, or "
            "give --force"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise QhpoError(
            f"the file must be writable; got {file}: {reason}; choose another"
        ) from error
    what = f"{plural(n_searched, 'parameter')} of {script}" if n_searched else "examples"
    first = ""
    if script and not script.endswith(".py") and not os.access(script, os.X_OK):
        # The file starts the program itself.
        first = f"; {script} is not executable yet: chmod +x {shlex.quote(script)}"
    output().print(
        f"wrote {file} with {what}; correct it, then: qhpo validate {shlex.quote(file)}{first}",
        soft_wrap=True,
        markup=False,
    )
