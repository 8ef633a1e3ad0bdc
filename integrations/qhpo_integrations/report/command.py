"""`qhpo report`: a study as one page."""

from __future__ import annotations

from pathlib import Path

import click
import optuna

from qhpo.cli.files import written
from qhpo.cli.options import examples
from qhpo.cli.storage import open_storage, readable_errors, storage_option
from qhpo.cli.stored import find_studies
from qhpo.errors import MissingExtraError, QhpoError
from qhpo.plugins import missing_packages

__all__ = ["report"]


@click.command(
    epilog=examples(
        "qhpo report",
        "qhpo report cnn-digits -o cnn.html",
        "qhpo report qubo-0 qubo-1 tpe-0 tpe-1",
    )
)
@click.argument("studies", nargs=-1, metavar="[STUDY]...")
@storage_option
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="File to write, ending in .html.",
)
def report(studies: tuple[str, ...], storage: str, out: Path) -> None:
    """Write what a study has learnt as one page for a browser.

    The page needs no network and fits a phone: the best value over time, which parameters matter
    and which belong together, what to change next, and the configuration to take.

    Without STUDY: the only study there is. Several studies are compared; those that differ by
    their seed only, as a-0 and a-1, are averaged.
    """
    for package in missing_packages(["plotly"]):
        raise MissingExtraError("a report", package, "report")
    if out.suffix.lower() not in (".html", ".htm"):
        raise QhpoError(f"a report must be a file ending in .html; got {out}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Before the work, which takes seconds.
    with written(out) as file, readable_errors(storage):
        from qhpo_integrations.report.page import report_page

        opened = open_storage(storage, must_exist=True)
        page = report_page(find_studies(opened, studies, storage))
        file.write_text(page, encoding="utf-8")
    click.echo(f"wrote {out}")
