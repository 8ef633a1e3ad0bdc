"""`qhpo qubo`: the model of a study's next suggestion, to hand to any other solver."""

from __future__ import annotations

from pathlib import Path

import click
import optuna

from qhpo.cli.files import written
from qhpo.cli.options import examples
from qhpo.cli.report import plural
from qhpo.cli.samplers import qubo_of
from qhpo.cli.storage import open_storage, readable_errors, storage_option
from qhpo.cli.stored import find_studies
from qhpo_integrations.qubo.files import check_model_path, write_model

__all__ = ["qubo"]


@click.command(
    epilog=examples(
        "qhpo qubo", "qhpo qubo cnn-digits -o model.json", "qhpo qubo cnn-digits -o model.png"
    )
)
@click.argument("study", required=False)
@storage_option
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.bqm"),
    show_default=True,
    help="File to write, ending in .bqm (dimod's format), .json, .csv or .png (a picture).",
)
def qubo(study: str | None, storage: str, out: Path) -> None:
    """Write the quadratic model that the next suggestion is annealed from.

    A QUBO is a sum over zeros and ones: here each says whether a parameter has one of its values.
    The smaller the sum, the better the configuration is expected to be.
    """
    check_model_path(out)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with written(out) as file, readable_errors(storage):
        opened = open_storage(storage, must_exist=True)
        (loaded,) = find_studies(opened, [study] if study else [], storage)
        found = qubo_of(loaded).quadratic_model(loaded)
        write_model(found, file)
    bqm = found.to_bqm()
    click.echo(
        f"wrote {out}: {plural(bqm.num_variables, 'variable')} for "
        f"{plural(len(found.space), 'parameter')}, {plural(bqm.num_interactions, 'coupler')}"
    )
