"""`qhpo bench`: samplers compared on tables of recorded trainings."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from qhpo.cli.app import Interrupted
from qhpo.cli.options import WholeNumber, examples
from qhpo.cli.report import output
from qhpo_problems.benchmarks.ablation import ABLATIONS
from qhpo_problems.benchmarks.plot import check_plot_path, plot_regret
from qhpo_problems.benchmarks.records import RunRecord
from qhpo_problems.benchmarks.report import print_report, write_report
from qhpo_problems.benchmarks.runner import run_grid
from qhpo_problems.benchmarks.samplers import SAMPLERS
from qhpo_problems.benchmarks.sheets import check_report_path
from qhpo_problems.benchmarks.summary import summarize
from qhpo_problems.benchmarks.tabular import table_names

__all__ = ["bench"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    epilog=examples(
        "qhpo bench --samplers qubo,random --tables car,cifar10 --trials 30 --seeds 2",
        "qhpo bench --out bench.md --plot bench.png",
    )
)
@click.option(
    "--samplers",
    default=",".join(SAMPLERS),
    show_default=True,
    metavar="NAME,...",
    help="What to compare: qubo, tpe, gp, random; or ablation, for qubo with parts changed.",
)
@click.option(
    "--tables",
    default="all",
    show_default=True,
    metavar="all|NAME,...",
    help="The tables to compare on; a wrong name lists them.",
)
@click.option(
    "--trials",
    type=WholeNumber(min=1),
    metavar="N",
    default=100,
    show_default=True,
    help="Trials per run.",
)
@click.option(
    "--seeds",
    type=WholeNumber(min=1),
    metavar="N",
    default=10,
    show_default=True,
    help="Runs of each sampler on each table.",
)
@click.option(
    "--first-seed",
    type=WholeNumber(0, 2**31),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of the first run; the others count up from it.",
)
@click.option(
    "--jobs",
    type=WholeNumber(min=1),
    metavar="N",
    default=1,
    show_default=True,
    help="Runs at a time. Each has one thread, but CPU times are cleanest one at a time.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default=Path("bench-cache"),
    show_default=True,
    help="Where finished runs are kept. A run made by other code or versions is not used.",
)
@click.option("--out", type=_FILE, help="Write the tables (.md), or everything (.json).")
@click.option("--plot", type=_FILE, help="Draw the regret curves (.png).")
def bench(
    samplers: str,
    tables: str,
    trials: int,
    seeds: int,
    first_seed: int,
    jobs: int,
    cache: Path,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Compare samplers on 15 tables of recorded trainings.

    Every sampler gets the same tables, seeds and number of trials. An interrupted comparison
    continues where it stopped, and one with more seeds or tables reuses the runs that exist.
    """
    if out is not None:
        check_report_path(out)
    if plot is not None:
        check_plot_path(plot)
    if samplers == "ablation":
        samplers = ",".join(["qubo", *ABLATIONS])
    known = {**SAMPLERS, **ABLATIONS}
    chosen_samplers = _names("--samplers", samplers, tuple(known))
    available = table_names()
    chosen_tables = available if tables == "all" else _names("--tables", tables, available)

    console = Console(stderr=True)
    total = len(chosen_samplers) * len(chosen_tables) * seeds
    finished = 0
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task("runs", total=total)

        def count(record: RunRecord) -> None:
            nonlocal finished
            finished += 1
            where = f"{record.sampler} on {record.table}, seed {record.seed}"
            progress.update(bar, advance=1, description=where)

        try:
            records = run_grid(
                {name: known[name] for name in chosen_samplers},
                chosen_tables,
                seeds=range(first_seed, first_seed + seeds),
                trials=trials,
                cache=cache,
                jobs=jobs,
                on_record=count,
            )
        except KeyboardInterrupt:
            raise Interrupted(
                f"{finished} of {total} runs are kept in {cache}; "
                "the same command continues with the others"
            ) from None

    print_report(summarize(records), output())
    if out is not None:
        write_report(records, out)
        console.print(f"Wrote {out}", highlight=False)
    if plot is not None:
        plot_regret(records, plot)
        console.print(f"Wrote {plot}", highlight=False)


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in chosen:
        if name not in known:
            raise click.UsageError(
                f"{option} must be among {', '.join(known)}, separated by commas; got {name!r}"
            )
    return chosen
